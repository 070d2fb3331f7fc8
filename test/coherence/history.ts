/**
 * What a run writes down, for the checker to judge. All times are milliseconds of one clock, which all processes of a Linux
 * machine share; it is used for the log alone.
 */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6;

/** A value as the source and the caches hold it. Says where it comes from, so that a stale one can be traced. */
export interface Value {
  readonly key: string;
  /** The source's number for the key when the value was read there. */
  readonly version: number;
  /** `load …`: which load made it. `set …`: which attempt to set it. */
  readonly from: string;
}

/** One look at one key, on one node. A batch is one for each of its keys. */
export interface Read {
  /** The life of the node that read: a node that was killed and restarted has two. */
  readonly life: string;
  readonly call: string;
  readonly key: string;
  readonly begin: number;
  readonly end: number;
  /** `undefined`: the cache had nothing, or the call failed. */
  readonly value: Value | undefined;
  /** Which tier answered, where the call tells. */
  readonly tier?: 'l1' | 'l2' | undefined;
  readonly error?: string | undefined;
}

/** One attempt to carry an operation out on one node. */
export interface Attempt {
  /** As in {@link Value.from} of what it sets. */
  readonly name: string;
  readonly life: string;
  readonly begin: number;
  readonly end: number;
  /**
   * When the node put it aside, to tell L2 later; `undefined` if it did not. Acknowledged like this it binds that node at once, and
   * others from when it has been made up for: see {@link Life.recovered}.
   */
  readonly deferredAt?: number | undefined;
  /** `lost`: the node died on it, or it never settled. Whether a rejected or lost one took effect is unknown, and when. */
  readonly outcome: 'acknowledged' | 'rejected' | 'lost';
  readonly error?: string | undefined;
}

/** The source got new versions of keys, and then the caches were told, repeatedly until one attempt was acknowledged. */
export interface Operation {
  readonly id: number;
  readonly kind: string;
  /** The new version of each key concerned. */
  readonly versions: ReadonlyMap<string, number>;
  readonly attempts: readonly Attempt[];
}

/** One process, from its start to its end. */
export interface Life {
  readonly name: string;
  /** The node; its lives share what happens to its connections. */
  readonly node: string;
  readonly startedAt: number;
  /** What the node said of its feed, in order; empty for a cache that says nothing of it. Before the first: deaf. */
  readonly feed: readonly { readonly at: number; readonly state: 'alive' | 'deaf' }[];
  /** When L2 had been told of all that was deferred, each time. */
  readonly recovered?: readonly number[];
}

/** Something happened that keeps news from a node, or from all. */
export interface Disturbance {
  readonly kind: string;
  /** `undefined`: all nodes. */
  readonly node: string | undefined;
  readonly from: number;
  readonly to: number;
}

export interface History {
  readonly lives: readonly Life[];
  readonly operations: readonly Operation[];
  readonly reads: readonly Read[];
  readonly disturbances: readonly Disturbance[];
}
