import type { Script } from './scripts/script.js';

/**
 * Where commands go. Everything above speaks of keys, scripts and channels, and this decides which server gets them: here is
 * one server (`standalone.ts`). A Cluster groups the keys of a batch by slot and node behind the same interface.
 *
 * Every command is on its way when the method returns, and commands for one key stay in the order in which they were given, so
 * two calls of one node do not overtake each other. Promises reject with whatever ioredis says; `calls.ts` makes that ours.
 */
export interface Topology {
  /** Stands before every key, and is added by ioredis to keys of commands and scripts, but not to channels and patterns. */
  readonly keyPrefix: string;
  /** The number of the database. */
  readonly db: number;
  /** Whether commands would go out right now. */
  readonly isReady: boolean;
  /** Why not, as far as known. */
  readonly lastError: Error | undefined;

  /** Starts to connect, and to listen: `onReady` and `onLost` hear of each connection that is made and lost from now on. */
  connect(listener: TopologyListener): void;
  /** Ends our own connections; a user's client stays open. */
  close(): Promise<void>;

  /** Splits a batch into parts that may go into one command each, by the key in Redis of each item. In any order. */
  group<T>(items: readonly T[], keyOf: (item: T) => string, bytesOf?: (item: T) => number): T[][];
  /** Reads strings. `null`: none, or a value of another type. All keys are of one group. */
  mget(keys: readonly string[]): Promise<(Buffer | null)[]>;
  /** Runs a script. All keys are of one group. */
  run(script: Script, keys: readonly string[], args: readonly (string | number | Uint8Array)[]): Promise<unknown>;
  /** Redis' clock, in microseconds. */
  time(): Promise<number>;
  /** One page of the keys that match a pattern, without the prefix. Begins and ends with the cursor `0`. */
  scan(cursor: string, pattern: string): Promise<{ cursor: string; keys: Buffer[] }>;
  /** Removes keys of any type. @returns how many there were. */
  unlink(keys: readonly Buffer[]): Promise<number>;
  publish(channel: string, message: string): Promise<unknown>;
  ping(): Promise<unknown>;
  /** A section of INFO. */
  info(section: string): Promise<string>;
}

export interface TopologyListener {
  readonly onReady: () => void;
  /** A connection that was ready is gone. What was under way is lost. */
  readonly onLost: () => void;
}
