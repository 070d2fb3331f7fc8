/** Codes of the errors that a pool throws or rejects with. */
export type PoolErrorCode =
  | 'ERR_TIERWISE_POOL_TIMEOUT'
  | 'ERR_TIERWISE_POOL_CLOSED'
  | 'ERR_TIERWISE_POOL_EXHAUSTED'
  | 'ERR_TIERWISE_POOL_CONNECT'
  | 'ERR_TIERWISE_POOL_BREAKER_OPEN'
  | 'ERR_TIERWISE_POOL_ROLLED_BACK'
  | 'ERR_TIERWISE_POOL_COMMIT_UNKNOWN'
  | 'ERR_TIERWISE_POOL_AFTER_COMMIT'
  | 'ERR_TIERWISE_POOL_MISUSE'
  | 'ERR_TIERWISE_POOL_INVALID_OPTION';

/**
 * What every error of a pool has in common. `cause` is the error underneath, where there is one. An aborted call is none of
 * these: it rejects with the `reason` of its signal.
 */
export class PoolError extends Error {
  /** Stable, for programs. */
  readonly code: PoolErrorCode;
  /** The name of the pool. */
  readonly pool: string;

  constructor(code: PoolErrorCode, pool: string, message: string, options?: ErrorOptions) {
    super(`${pool}: ${message}`, options);
    this.name = new.target.name;
    this.code = code;
    this.pool = pool;
  }
}

/** Nothing could be borrowed, or nothing was answered, within the limit. */
export class PoolTimeoutError extends PoolError {
  /** The limit, in milliseconds. */
  readonly limitMs: number;

  constructor(pool: string, what: string, limitMs: number, options?: ErrorOptions) {
    super('ERR_TIERWISE_POOL_TIMEOUT', pool, `${what} within ${limitMs} ms`, options);
    this.limitMs = limitMs;
  }
}

/** The pool drains or is closed: nothing can be borrowed any more. */
export class PoolClosedError extends PoolError {
  constructor(pool: string, message = 'is closed') {
    super('ERR_TIERWISE_POOL_CLOSED', pool, message);
  }
}

/** Everything is borrowed, and as many callers wait as may wait. Rejected at once, so that load is shed where it arises. */
export class PoolExhaustedError extends PoolError {
  /** How many may wait. */
  readonly maxWaiting: number;

  constructor(pool: string, maxWaiting: number) {
    super('ERR_TIERWISE_POOL_EXHAUSTED', pool, `everything is borrowed, and ${maxWaiting} wait already`);
    this.maxWaiting = maxWaiting;
  }
}

/** A connection could not be made. `cause` says why. */
export class PoolConnectError extends PoolError {
  constructor(pool: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super('ERR_TIERWISE_POOL_CONNECT', pool, `no connection could be made: ${why}`, { cause });
  }
}

/** A mistake in the caller's code, such as giving back what was not borrowed. */
export class PoolMisuseError extends PoolError {
  constructor(pool: string, message: string) {
    super('ERR_TIERWISE_POOL_MISUSE', pool, message);
  }
}

/** An option is unknown or out of its range. */
export class PoolOptionError extends PoolError {
  constructor(pool: string, message: string) {
    super('ERR_TIERWISE_POOL_INVALID_OPTION', pool, message);
  }
}
