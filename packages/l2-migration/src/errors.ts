/** Codes of the errors that operating a migration can meet. */
export type MigrationErrorCode =
  | 'ERR_TIERWISE_MIGRATION_OPTION'
  | 'ERR_TIERWISE_MIGRATION_PHASE'
  | 'ERR_TIERWISE_MIGRATION_PERCENTAGE'
  | 'ERR_TIERWISE_MIGRATION_UNKNOWN'
  | 'ERR_TIERWISE_MIGRATION_CONFLICT'
  | 'ERR_TIERWISE_MIGRATION_SAME_STORE';

/**
 * An order to a migration was not carried out. `cause` is the error underneath, where there is one.
 *
 * | code (`ERR_TIERWISE_MIGRATION_…`) | meaning |
 * |---|---|
 * | `OPTION` | an option makes no sense |
 * | `PHASE` | not in this phase: it has to be started first, or is finished |
 * | `PERCENTAGE` | not a number from 0 to 100, or less than the 100 that `finish()` asks for |
 * | `UNKNOWN` | the phase is not known right now: the store that keeps it does not answer |
 * | `CONFLICT` | somebody else moved the migration on meanwhile: look at its phase, and decide anew |
 * | `SAME_STORE` | `from` and `to` are one and the same store |
 */
export class MigrationError extends Error {
  /** Stable, for programs. */
  readonly code: MigrationErrorCode;

  constructor(code: MigrationErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}
