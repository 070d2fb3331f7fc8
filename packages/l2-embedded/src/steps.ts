import { checkCorrelation, checkNames, type L2CallOptions } from '@tierwise/l2';
import type { Call } from './call.js';
import type { Connection } from './connection.js';
import type { EmbeddedNode } from './node.js';
import { NAME } from './options.js';
import { type Space, spaceOf } from './space.js';
import type { Transaction } from './transaction.js';

/** How much of a batch one transaction does, so that neither the event loop nor other writers wait for long. */
export const KEYS_A_STEP = 256;
export const BYTES_A_STEP = 4 * 1024 * 1024;

/** How many entries a write evicts itself; what is over is left to the sweeper. */
export const EVICTIONS_A_STEP = 1000;

/** How calls of the contract become transactions of the store. */
export class Steps {
  readonly node: EmbeddedNode;

  constructor(node: EmbeddedNode) {
    this.node = node;
  }

  /** What every call begins with. */
  enter(options: L2CallOptions | undefined): Connection {
    const connection = this.node.connection(options?.signal);
    checkCorrelation(NAME, options);
    return connection;
  }

  /** One call that is one transaction. */
  inOne<T>(operation: string, options: L2CallOptions | undefined, deed: (txn: Transaction) => T): Promise<T> {
    return this.node.call(operation, options, (connection, call) => transact(connection, call, options, deed));
  }

  /** One call that is a transaction for each part of a batch. */
  inSteps<I, A>(
    operation: string,
    parts: Iterable<readonly I[]>,
    options: L2CallOptions | undefined,
    deed: (txn: Transaction, part: readonly I[]) => A[],
  ): Promise<A[]> {
    return this.node.call(operation, options, async (connection, call) => {
      const answers: A[] = [];
      for (const part of parts) answers.push(...(await transact(connection, call, options, (txn) => deed(txn, part))));
      return answers;
    });
  }
}

async function transact<T>(
  { store, actor }: Connection,
  call: Call,
  options: L2CallOptions | undefined,
  deed: (txn: Transaction) => T,
): Promise<T> {
  const correlationId = options?.correlationId;
  return store.write(correlationId === undefined ? actor : { ...actor, correlationId }, (txn) => {
    call.check();
    return deed(txn);
  });
}

/** The space of a namespace, after a check of the names. */
export function checkedSpace(namespace: string, keys: readonly string[] = []): Space {
  checkNames(NAME, 'namespace', [namespace]);
  checkNames(NAME, 'key', keys);
  return spaceOf(namespace);
}
