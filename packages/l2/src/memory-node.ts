import type { L2CallOptions, L2Host, L2Moment } from './contract.js';
import { L2ClosedError, L2InUseError } from './errors.js';
import { MemorySpace } from './memory-space.js';
import type { MemoryStore } from './memory-store.js';
import { checkCorrelation, checkNames } from './validate.js';

/** What this backend is called. */
export const NAME = 'memory';

/** The life of a node on a {@link MemoryStore}: what every call begins and ends with. */
export class MemoryNode {
  readonly store: MemoryStore;
  #host: L2Host | undefined;
  #closed = false;

  constructor(store: MemoryStore) {
    this.store = store;
  }

  get isOpen(): boolean {
    return this.#host !== undefined && !this.#closed;
  }

  /** The store's last moment that this node has heard of, from answers and from news. */
  get heard(): L2Moment {
    return this.#host === undefined ? '' : this.store.heardBy(this.#host);
  }

  async open(host: L2Host): Promise<void> {
    if (this.#closed) throw new L2ClosedError(NAME);
    if (this.#host !== undefined) throw new L2InUseError(NAME);
    this.#host = host;
    this.store.follow(host);
    this.store.tellMoment(host);
    queueMicrotask(() => {
      if (!this.#closed) host.onFeedState('alive');
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#host !== undefined) this.store.leave(this.#host);
  }

  /** The open node's host. */
  host(): L2Host {
    if (this.#host === undefined || this.#closed) throw new L2ClosedError(NAME);
    return this.#host;
  }

  /** One call of the contract. What it checks of its own arguments it checks before it changes anything. */
  async call<T>(
    namespace: string,
    keys: readonly string[],
    options: L2CallOptions | undefined,
    deed: (space: MemorySpace) => T,
  ): Promise<T> {
    const host = this.host();
    options?.signal?.throwIfAborted();
    checkCorrelation(NAME, options);
    checkNames(NAME, 'namespace', [namespace]);
    checkNames(NAME, 'key', keys);
    const answer = deed(new MemorySpace(this.store, namespace, host.origin, options?.correlationId));
    this.store.tellMoment(host);
    return answer;
  }
}
