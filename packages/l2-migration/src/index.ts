export type { MigrationClock } from './clock.js';
export { MigrationError, type MigrationErrorCode } from './errors.js';
export { type MigratingL2, migrateL2 } from './migrate-l2.js';
export type { Migration, MigrationEvents } from './migration.js';
export type { MigrateL2Options } from './options.js';
export type { MigrationPhase } from './phase.js';
export type { Comparison, Difference } from './sample.js';
export type { MigrationReport } from './tally.js';
