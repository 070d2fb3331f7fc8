import type { Limits } from './checker.js';
import type { Value } from './history.js';

interface Address {
  readonly host: string;
  readonly port: number;
}

/** Where servers really listen, from this node's point of view, by the `host:port` that they know each other by. */
type NatMap = Readonly<Record<string, Address>>;

/** Where a node finds its second tier. */
export type L2Place =
  /** A Redis behind this loopback port. `tracking`: it is to tell of changes by whomever; `pooled`: over so many shared connections of a pool. */
  | { readonly kind: 'redis'; readonly port: number; readonly tracking?: boolean; readonly pooled?: number }
  | { readonly kind: 'cluster'; readonly nodes: readonly Address[]; readonly natMap: NatMap }
  | {
      readonly kind: 'sentinel';
      readonly sentinels: readonly Address[];
      readonly name: string;
      readonly natMap: NatMap;
    }
  /** In a folder. */
  | { readonly kind: 'embedded'; readonly dir: string }
  | MigrationPlace;

/** On the way from one place to another. */
export interface MigrationPlace {
  readonly kind: 'migration';
  readonly from: L2Place;
  readonly to: L2Place;
}

/** Whether the processes that share a place have to agree on the time, as those of one machine do. */
export function sharesClock(place: L2Place): boolean {
  if (place.kind === 'migration') return sharesClock(place.from) || sharesClock(place.to);
  return place.kind === 'embedded';
}

/** What a node is given to build what is tested. */
export interface SubjectContext {
  readonly l2: L2Place;
  /** Reads a key from the source. */
  readonly load: (key: string) => Promise<Value>;
  readonly tagsOf: (key: string) => readonly string[];
  /** To be told when the cache gets to know whether it hears of its peers; not at all if it does not say. */
  readonly onFeedState: (state: 'alive' | 'deaf') => void;
  /** To be told when L2 has been told of all that was deferred. */
  readonly onRecovered: () => void;
  /** A folder of this node's own, that outlives its process. */
  readonly dir: string;
  /** By how much this node's clocks are ahead of the truth, in milliseconds. */
  readonly clockAheadMs: number;
}

export type ReadCall = 'getOrSet' | 'getOrSetMany' | 'get' | 'getMany' | 'getEntry' | 'peek';

/** What a read found under one key. */
export interface Answer {
  readonly value: Value | undefined;
  readonly tier?: 'l1' | 'l2' | undefined;
}

/** An invalidation, by whichever means the cache has. What it lacks, it does by others, as its users must. */
export type Order =
  | { readonly kind: 'delete' | 'expire'; readonly keys: readonly string[] }
  | { readonly kind: 'set'; readonly values: readonly Value[] }
  | { readonly kind: 'tags'; readonly tags: readonly string[]; readonly mode: 'delete' | 'expire' }
  | { readonly kind: 'clear'; readonly mode: 'delete' | 'expire' };

/** A cache under test, on one node: Tierwise, or a peer. */
export interface Subject {
  /** One answer a key, in their order. */
  read(call: ReadCall, keys: readonly string[]): Promise<readonly Answer[]>;
  /**
   * Resolves when the cache says that it is done; rejects when it says that it may not be. `onDeferred` is called when it puts it
   * aside, to tell L2 and its peers later.
   */
  invalidate(order: Order, onDeferred: () => void): Promise<void>;
  close(): Promise<void>;
}

/** What a module with an adapter exports. */
export interface SubjectModule {
  readonly name: string;
  /** What its answers are held to. */
  readonly limits: Limits;
  open(context: SubjectContext): Promise<Subject>;
}

/** Of every subject that has such a thing. */
export const NAMESPACE = 'coherence';

/** Of every subject: long enough that what is stale by mistake stays. */
export const TTL_MS = 60_000;
