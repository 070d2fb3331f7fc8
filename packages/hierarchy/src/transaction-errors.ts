import { type ErrorPlace, TierwiseError } from './errors.js';

/**
 * Something that a transaction has read was changed before it was committed: nothing of it was done. To be repeated from its beginning,
 * which `Cache.transaction()` does by itself as often as it is told to.
 */
export class TransactionConflictError extends TierwiseError {
  /** The keys that changed. */
  readonly keys: readonly string[];

  constructor(keys: readonly string[], place?: ErrorPlace) {
    super(
      'ERR_TIERWISE_TRANSACTION_CONFLICT',
      `${keys.map((key) => JSON.stringify(key)).join(', ')} changed after the transaction had read it; begin it anew`,
      { key: keys[0], ...place },
    );
    this.keys = keys;
  }
}

/** The transaction was committed, rolled back or given up before. Nothing was done. */
export class TransactionClosedError extends TierwiseError {
  constructor(how: string, place?: ErrorPlace) {
    super('ERR_TIERWISE_TRANSACTION_CLOSED', `this transaction is over (${how}): begin another one`, place);
  }
}

/**
 * L2 cannot do this transaction. Nothing was done. On Redis Cluster, the keys of a transaction have to share a slot: the option
 * `colocate` of `redisL2` puts them there. `cause` is what L2 said, where it said anything.
 */
export class TransactionUnsupportedError extends TierwiseError {
  constructor(message: string, place?: ErrorPlace) {
    super('ERR_TIERWISE_TRANSACTION_UNSUPPORTED', message, { tier: 'l2', ...place });
  }
}
