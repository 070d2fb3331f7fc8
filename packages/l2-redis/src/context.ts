import { checkCorrelation, checkNames, type L2CallOptions, L2TimeoutError, L2UnavailableError } from '@tierwise/l2';
import type { Answered, Calls } from './calls.js';
import { type Colocate, channelOf, type Keys, keysOf } from './keys.js';
import { signature } from './message.js';
import { NAME } from './name.js';
import type { RecentInvalidations } from './recent.js';
import type { Script } from './scripts/script.js';
import type { ScriptArgument, Timed, Topology } from './topology.js';

/** The names of so many namespaces are kept at hand. */
const MAX_NAMESPACES = 1_000;

/** What the calls on entries, leases and logical time share. */
export class Context {
  readonly calls: Calls;
  readonly topology: Topology;
  /** What this node invalidated lately. */
  readonly recent: RecentInvalidations;
  /** The node's name, from `open` on. */
  origin = '';

  readonly #colocate: Colocate | undefined;
  readonly #names = new Map<string, Keys>();

  constructor(calls: Calls, topology: Topology, recent: RecentInvalidations, colocate: Colocate | undefined) {
    this.#colocate = colocate;
    this.calls = calls;
    this.topology = topology;
    this.recent = recent;
  }

  /** What every call begins with: may it begin, and are its names good. @returns how things are called in Redis. */
  enter(
    options: L2CallOptions | undefined,
    namespace: string,
    names: readonly string[] = [],
    what: 'key' | 'tag' = 'key',
  ): Keys {
    this.calls.enter(options);
    checkCorrelation(NAME, options);
    checkNames(NAME, 'namespace', [namespace]);
    checkNames(NAME, what, names);
    return this.names(namespace);
  }

  /** How things are called in Redis. */
  names(namespace: string): Keys {
    let names = this.#names.get(namespace);
    if (names === undefined) {
      // They are made anew rather than kept for ever.
      if (this.#names.size >= MAX_NAMESPACES) this.#names.clear();
      names = keysOf(namespace, this.#colocate);
      this.#names.set(namespace, names);
    }
    return names;
  }

  /** The feed's channel. */
  channel(namespace: string): string {
    return channelOf(this.topology.keyPrefix, namespace, this.topology.db);
  }

  /** What a script that tells the followers of a namespace gets first: the channel, and the {@link signature} as JSON. */
  newsHead(namespace: string, options: L2CallOptions | undefined): [channel: string, signature: string] {
    return [this.channel(namespace), JSON.stringify(signature(this.origin, options?.correlationId))];
  }

  /** Does the work of a call, if there is a connection: nothing is queued for later. See {@link Calls.run}. */
  run<T>(operation: string, options: L2CallOptions | undefined, work: (answered: Answered) => Promise<T>): Promise<T> {
    if (!this.topology.isReady) return Promise.reject(unreachable(operation, this.topology.lastError));
    return this.calls.run(operation, options, work);
  }

  /** Sends a batch in parts, all at once and in order, and puts the answers back into the order of the batch. */
  async inGroups<T, R>(
    items: readonly T[],
    keyOf: (item: T) => string,
    send: (group: readonly T[]) => Promise<R[]>,
    bytesOf?: (item: T) => number,
  ): Promise<R[]> {
    if (items.length === 1) return send(items);
    const [first, ...others] = this.topology.group(items, keyOf, bytesOf);
    if (first === undefined || others.length === 0) return send(first ?? []);
    const places = items.map((item, index) => ({ item, index }));
    const groups = this.topology.group(places, ({ item }) => keyOf(item), bytesOf && (({ item }) => bytesOf(item)));
    const results = new Array<R>(items.length);
    await Promise.all(
      groups.map(async (group) => {
        const replies = await send(group.map(({ item }) => item));
        for (const [i, { index }] of group.entries()) results[index] = replies[i] as R;
      }),
    );
    return results;
  }

  /** Runs a script whose answer begins with Redis' time. */
  runTimed(
    answered: Answered,
    script: Script,
    keys: readonly string[],
    args: readonly ScriptArgument[],
  ): Promise<Timed> {
    return answered(this.topology.runTimed(script, keys, args, answered.deadline));
  }

  /**
   * Runs a script that does nothing when it is late, and then answers with the time alone. So it does not take effect after its call was
   * given up, as when Redis was frozen meanwhile. One that is late although its call still waits is sent once more: Redis' clock was
   * set, and is known now, or there were many before it.
   */
  async runInTime(
    operation: string,
    answered: Answered,
    script: Script,
    keys: readonly string[],
    args: readonly ScriptArgument[],
  ): Promise<Timed> {
    for (let tries = 0; tries < 2; tries += 1) {
      const timed = await this.runTimed(answered, script, keys, args);
      if (timed.reply.length > 0) return timed;
    }
    throw new L2TimeoutError(NAME, operation, this.calls.limitMs);
  }
}

/** There is no connection. */
export function unreachable(operation: string, cause: Error | undefined): L2UnavailableError {
  const why = cause === undefined ? '' : `: ${cause.message}`;
  return new L2UnavailableError(NAME, `${operation} is not possible, there is no connection${why}`, { cause });
}
