/** Stable codes of Tierwise's errors, for programs. */
export type TierwiseErrorCode =
  | 'ERR_TIERWISE_INVALID_OPTION'
  | 'ERR_TIERWISE_INVALID_KEY'
  | 'ERR_TIERWISE_INVALID_VALUE'
  | 'ERR_TIERWISE_INVALID_DURATION'
  | 'ERR_TIERWISE_RECONFIGURE'
  | 'ERR_TIERWISE_UNSERIALIZABLE'
  | 'ERR_TIERWISE_ENCRYPTION_KEY'
  | 'ERR_TIERWISE_LOAD_FAILED'
  | 'ERR_TIERWISE_LOAD_TIMEOUT'
  | 'ERR_TIERWISE_L2_FAILED'
  | 'ERR_TIERWISE_SNAPSHOT'
  | 'ERR_TIERWISE_TRANSACTION_CONFLICT'
  | 'ERR_TIERWISE_TRANSACTION_CLOSED'
  | 'ERR_TIERWISE_TRANSACTION_UNSUPPORTED'
  | 'ERR_TIERWISE_CLOSED';

/** Where an error happened, as far as it is known. */
export interface ErrorPlace {
  readonly namespace?: string | undefined;
  readonly key?: string | undefined;
  readonly tier?: 'l1' | 'l2' | 'source' | undefined;
  readonly cause?: unknown;
}

/** What all errors of a hierarchy have in common. */
export class TierwiseError extends Error {
  readonly code: TierwiseErrorCode;
  /** The namespace concerned, if one is. */
  readonly namespace: string | undefined;
  /** The key concerned, if one is. */
  readonly key: string | undefined;
  /** The tier concerned, if one is. */
  readonly tier: 'l1' | 'l2' | 'source' | undefined;

  constructor(code: TierwiseErrorCode, message: string, place: ErrorPlace = {}) {
    super(message, place.cause === undefined ? undefined : { cause: place.cause });
    this.name = new.target.name;
    this.code = code;
    this.namespace = place.namespace;
    this.key = place.key;
    this.tier = place.tier;
  }
}

/** An option is unknown, or its value is not allowed. Nothing was done. */
export class InvalidOptionError extends TierwiseError {
  constructor(message: string, place?: ErrorPlace) {
    super('ERR_TIERWISE_INVALID_OPTION', message, place);
  }
}

/** A key, a tag or the name of a namespace is not allowed. Nothing was done. */
export class InvalidKeyError extends TierwiseError {
  constructor(message: string, place?: ErrorPlace) {
    super('ERR_TIERWISE_INVALID_KEY', message, place);
  }
}

/** `undefined` was to be stored: it is absence, not a value (`null` is one). Nothing was done. */
export class InvalidValueError extends TierwiseError {
  constructor(message: string, place?: ErrorPlace) {
    super('ERR_TIERWISE_INVALID_VALUE', message, place);
  }
}

/** A duration or a size cannot be understood, or is outside of what is allowed. Nothing was done. */
export class InvalidDurationError extends TierwiseError {
  constructor(message: string, place?: ErrorPlace) {
    super('ERR_TIERWISE_INVALID_DURATION', message, place);
  }
}

/** A loader gave up by `ctx.fail(reason)`, or a batch loader answered in a shape that cannot be understood. */
export class LoadFailedError extends TierwiseError {
  constructor(message: string, place?: ErrorPlace) {
    super('ERR_TIERWISE_LOAD_FAILED', message, { tier: 'source', ...place });
  }
}

/** A load, or the wait for another's, passed `loadTimeout`, and there was no stale value to answer with. */
export class LoadTimeoutError extends TierwiseError {
  /** The limit that was passed, in milliseconds. */
  readonly limitMs: number;

  constructor(limitMs: number, place?: ErrorPlace) {
    super(
      'ERR_TIERWISE_LOAD_TIMEOUT',
      `${JSON.stringify(place?.key)} was not loaded within ${limitMs} ms; loadTimeout.hard allows no more`,
      { tier: 'source', ...place },
    );
    this.limitMs = limitMs;
  }
}

/**
 * A write or an invalidation did not reach L2, or nobody knows whether it did (`cause` says why). This node has dropped what
 * it held of it; its peers may not have. Repeating the call is safe.
 */
export class L2FailedError extends TierwiseError {
  constructor(message: string, place?: ErrorPlace) {
    super('ERR_TIERWISE_L2_FAILED', message, { tier: 'l2', ...place });
  }
}

/**
 * What is wrong with a snapshot: `missing`, `unreadable` (the file system says no), `foreign` (it is none), `newer` (of a later format),
 * `damaged` (as a whole), `expired` (older than its ttl), `other` (of another hierarchy, or of one whose L2 or encryption was another),
 * `unwritable`.
 */
export type SnapshotErrorReason =
  | 'missing'
  | 'unreadable'
  | 'foreign'
  | 'newer'
  | 'damaged'
  | 'expired'
  | 'other'
  | 'unwritable';

/** A snapshot could not be written, in which case the former file is still there; or not be restored, and then nothing of it was. */
export class SnapshotError extends TierwiseError {
  readonly reason: SnapshotErrorReason;
  readonly file: string;

  constructor(reason: SnapshotErrorReason, file: string, message: string, cause?: unknown) {
    super('ERR_TIERWISE_SNAPSHOT', `the snapshot ${file}: ${message}`, { cause });
    this.reason = reason;
    this.file = file;
  }
}

/** The hierarchy was closed. */
export class HierarchyClosedError extends TierwiseError {
  constructor() {
    super('ERR_TIERWISE_CLOSED', 'this hierarchy was closed: create a new one with createHierarchy()');
  }
}
