import type { L2Moment } from '@tierwise/l2';
import type { Answered } from './calls.js';
import type { RedisTime } from './clock.js';
import type { Script } from './scripts/script.js';

/**
 * Where commands go. Everything above speaks of keys, scripts and channels, and this decides which server gets them: one
 * (`standalone.ts`, Sentinel's present master included; over several connections, `pooled.ts`), or each slot's master (`cluster.ts`).
 *
 * Every command is on its way when the method returns, and commands for one key stay in the order in which they were given, so
 * two calls of one node do not overtake each other. (A slot of a Cluster that is just moving is the exception: what it is
 * refused for is sent again. And a script whose keys have calls under way on several connections of a pool waits for those.) Promises reject with whatever ioredis says; `calls.ts` makes that ours.
 */
export interface Topology {
  /** Stands before every key, and is added by ioredis to keys of commands and scripts, but not to channels and patterns. */
  readonly keyPrefix: string;
  /** The number of the database. */
  readonly db: number;
  /** Whether commands would go out right now, some of them at least. */
  readonly isReady: boolean;
  /** Why not, as far as known. */
  readonly lastError: Error | undefined;

  /** Starts to connect, and to listen: from now on the listener hears of each connection that is made and lost. */
  connect(listener: TopologyListener): void;
  /** Ends our own connections; a user's client stays open. */
  close(): Promise<void>;

  /**
   * Splits a batch into parts that may go into one script each, by the key in Redis of each item. None stands in a part twice: of
   * one script, all deeds are of one moment.
   */
  group<T>(items: readonly T[], keyOf: (item: T) => string, bytesOf?: (item: T) => number): T[][];
  /** Reads strings, of any number of keys. `null`: none, or a value of another type. */
  read(keys: readonly string[], answered: Answered): Promise<(Stored | null)[]>;
  /** Runs a script. All keys are of one group. */
  run(script: Script, keys: readonly string[], args: readonly ScriptArgument[]): Promise<unknown>;
  /**
   * Runs a script whose answer begins with Redis' time in microseconds, and learns that. All keys are of one group.
   *
   * @param deadline when it may take effect no more, on the clock of `performance.now`.
   */
  runTimed(script: Script, keys: readonly string[], args: readonly ScriptArgument[], deadline: number): Promise<Timed>;
  /** The last moment heard of the server that has a key. Empty if nothing is known. Works without a connection. */
  momentOf(key: string): L2Moment;
  /** The slot of a key, where keys have slots. Those of one script share it. */
  slotOf(key: string): number | undefined;
  /** One page of the keys that match a pattern, without the prefix. Begins and ends with the cursor `0`. */
  scan(cursor: string, pattern: string): Promise<{ cursor: string; keys: Buffer[] }>;
  /** Removes keys of any type and slot. @returns how many there were. */
  unlink(keys: readonly Buffer[]): Promise<number>;
  publish(channel: string, message: string): Promise<unknown>;
  ping(): Promise<unknown>;
  /** A section of INFO. */
  info(section: string): Promise<string>;
}

export type ScriptArgument = string | number | Uint8Array;

/** What stands under a key. */
export interface Stored {
  readonly bytes: Buffer;
  /** The time on the clock by which its life is stamped. Never earlier than it truly is. */
  readonly now: RedisTime;
}

/** The answer of a script, without the time that it began with. */
export interface Timed {
  readonly reply: unknown[];
  /** The time on the clock of the server that answered. Never earlier than it truly is. */
  readonly now: RedisTime;
}

export interface TopologyListener {
  /** All servers that are needed have answered. Comes again after a loss. */
  readonly onReady: () => void;
  /** A server answers, with an error, and will go on doing so. */
  readonly onRefused: (error: Error) => void;
  /** The only connection is gone, and what was under way is lost. */
  readonly onLost: () => void;
  /**
   * Another server than before answers for some keys, and may have missed what its predecessor acknowledged. Called before
   * anything else is sent to it: what the listener sends at once comes first.
   */
  readonly onTakeover: (isTaken: (key: string) => boolean) => void;
}
