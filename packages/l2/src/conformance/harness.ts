import type { L2 } from '../contract.js';

/** What a backend may lack: the optional properties of {@link L2}. */
export type L2Capability = 'leases' | 'time' | 'feed' | 'replay' | 'transactions';

/** All of them. */
export const L2_CAPABILITIES: readonly L2Capability[] = ['leases', 'time', 'feed', 'replay', 'transactions'];

/** How the suite gets at a backend. The only thing that a backend's author writes. */
export interface L2Harness {
  /**
   * The capabilities that the backend has. Cases for others are skipped, visibly; a capability that is declared here and
   * missing there, or the other way round, fails.
   */
  readonly capabilities: readonly L2Capability[];

  /**
   * Makes a store. Called once for the whole suite; each case works in namespaces of its own, but for those that purge names
   * such as `''` and `users`: give it a store without data of yours. What the suite leaves behind ends within 20 minutes,
   * counters of logical time excepted.
   */
  setup(): Promise<L2TestStore>;
}

/** A store under test. What is optional is skipped, visibly, where it is missing. */
export interface L2TestStore {
  /** A new L2 on this store, not opened yet. The suite opens and closes it. */
  node(): L2;

  /** The store's clock. Default: {@link realClock}. */
  readonly clock?: L2TestClock | undefined;

  /** Puts bytes where the entry of a key would stand, in the store's own format or not, behind the backend's back. */
  damage?(namespace: string, key: string, bytes: Uint8Array): Promise<void>;

  /**
   * Deletes bookkeeping of logical time behind the backend's back, as an eviction would: the counter together with the
   * namespace's own marks, or the marks of all tags.
   */
  loseTime?(namespace: string, lost: 'counter' | 'tags'): Promise<void>;

  /** Removes the store. All nodes are closed by then. */
  destroy(): Promise<void>;
}

/** How the suite lets time pass. */
export interface L2TestClock {
  /** Milliseconds, at the pace of the store's clock; from where on does not matter. */
  now(): number;
  /** Resolves when at least `ms` milliseconds of the store's time have passed. */
  advance(ms: number): Promise<void>;
}

/** For stores whose time cannot be injected: really waits. */
export const realClock: L2TestClock = {
  now: () => performance.now(),
  async advance(ms) {
    const end = performance.now() + ms;
    // A timer may fire a little early.
    for (let left = ms; left > 0; left = end - performance.now()) {
      await new Promise((resolve) => setTimeout(resolve, Math.ceil(left)));
    }
  },
};
