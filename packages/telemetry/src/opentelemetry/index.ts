export type { RedactionOptions } from '../redaction.js';
export { type OpenTelemetryOptions, openTelemetry } from './open-telemetry.js';
