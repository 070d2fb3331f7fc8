/** Codes of the errors that a second tier rejects with. */
export type L2ErrorCode =
  | 'ERR_TIERWISE_L2_CLOSED'
  | 'ERR_TIERWISE_L2_IN_USE'
  | 'ERR_TIERWISE_L2_TIMEOUT'
  | 'ERR_TIERWISE_L2_UNAVAILABLE'
  | 'ERR_TIERWISE_L2_INVALID'
  | 'ERR_TIERWISE_L2_NOT_COLOCATED';

/** What every error of a second tier has in common. `cause` is the error underneath, where there is one. */
export class L2Error extends Error {
  /** Stable, for programs. */
  readonly code: L2ErrorCode;
  /** {@link L2.name} of the backend. */
  readonly backend: string;

  constructor(code: L2ErrorCode, backend: string, message: string, options?: ErrorOptions) {
    super(`${backend}: ${message}`, options);
    this.name = new.target.name;
    this.code = code;
    this.backend = backend;
  }
}

/** The call came before `open` had resolved for the first time, or after `close`. */
export class L2ClosedError extends L2Error {
  constructor(backend: string, message = 'is not open: calls work from open() on until close()') {
    super('ERR_TIERWISE_L2_CLOSED', backend, message);
  }
}

/** `open` was called a second time: an L2 object belongs to one hierarchy. */
export class L2InUseError extends L2Error {
  constructor(backend: string) {
    super('ERR_TIERWISE_L2_IN_USE', backend, 'was opened before: make one L2 object for each hierarchy');
  }
}

/** The store did not answer in time. Whether the call took effect is unknown. */
export class L2TimeoutError extends L2Error {
  /** The limit that was passed, in milliseconds. */
  readonly limitMs: number;

  constructor(backend: string, operation: string, limitMs: number, options?: ErrorOptions) {
    super('ERR_TIERWISE_L2_TIMEOUT', backend, `${operation} had no answer within ${limitMs} ms`, options);
    this.limitMs = limitMs;
  }
}

/** The store could not be reached, or refused (read-only, out of memory, loading …). */
export class L2UnavailableError extends L2Error {
  constructor(backend: string, message: string, options?: ErrorOptions) {
    super('ERR_TIERWISE_L2_UNAVAILABLE', backend, message, options);
  }
}

/** An argument that the contract forbids, such as a negative life or a lone surrogate in a key. Nothing was done. */
export class L2InvalidError extends L2Error {
  constructor(backend: string, message: string) {
    super('ERR_TIERWISE_L2_INVALID', backend, message);
  }
}

/** The keys of a transaction lie on different servers or slots. Nothing was done. */
export class L2NotColocatedError extends L2Error {
  constructor(backend: string, message: string) {
    super('ERR_TIERWISE_L2_NOT_COLOCATED', backend, message);
  }
}
