/** A cache of ours or of a peer's, as far as scenarios use all of them alike. One is opened per process. */
export interface Cache {
  /** `load` is the same function in every call, or the peer gets the one of the latest call: some name it once for all keys. */
  getOrSet(key: string, load: () => Promise<unknown>): Promise<unknown>;
  /** Where it can write a value by key, to every tier that it has. */
  set?(key: string, value: unknown): Promise<unknown>;
  close(): Promise<unknown>;
}

/** How a cache is set up. What is not said here is as its documentation has it for several nodes on Redis. */
export interface CacheOptions {
  readonly redisUrl: string;
  readonly namespace: string;
  /** How many entries its memory holds at the most. */
  readonly l1Entries: number;
}

/** What each file of a cache in this folder exports. */
export interface CacheModule {
  open(options: CacheOptions): Promise<Cache>;
}

/** No value outlives its scenario, and none ends within it, in milliseconds. */
export const TTL_MS = 600_000;
