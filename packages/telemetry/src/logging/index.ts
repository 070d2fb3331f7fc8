export { withCorrelationId } from '@tierwise/hierarchy';
export type { RedactionOptions } from '../redaction.js';
export { type AuditOptions, type AuditRecord, auditTo } from './audit.js';
export { type LoggingOptions, logTo } from './log-to.js';
export type { Logger, LogLevel } from './logger.js';
