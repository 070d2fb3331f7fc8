/** Codes of the errors that an L1 throws. */
export type L1ErrorCode = 'ERR_TIERWISE_L1_INVALID';

/** An argument that an L1 cannot work with. The message says which, what is allowed, and what came instead. Nothing was done. */
export class L1InvalidError extends Error {
  /** Stable, for programs. */
  readonly code: L1ErrorCode = 'ERR_TIERWISE_L1_INVALID';
  /** What was wrong: the name of the option or argument. */
  readonly argument: string;

  constructor(argument: string, allowed: string, got: unknown) {
    super(`l1: ${argument} must be ${allowed}, not ${describe(got)}`);
    this.name = new.target.name;
    this.argument = argument;
  }
}

function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null) return 'an object';
  return String(value);
}
