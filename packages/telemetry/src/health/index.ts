export { type HealthHandler, type HealthHandlerOptions, healthHandler } from './handler.js';
