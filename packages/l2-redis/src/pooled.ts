import type { L2Moment } from '@tierwise/l2';
import type { Answered } from './calls.js';
import { chunksOf, withoutRepeats } from './chunks.js';
import { slotOf } from './cluster-slots.js';
import type { FeedClient } from './connection.js';
import { KnownServer } from './known-server.js';
import type { Line } from './line.js';
import type { Settings } from './options.js';
import type { RedisL2Pool } from './pool-options.js';
import { PooledLane } from './pooled-lane.js';
import type { Script } from './scripts/script.js';
import type { Identity } from './server.js';
import { SlotOrder } from './slot-order.js';
import type { ScriptArgument, Stored, Timed, Topology, TopologyListener } from './topology.js';

/** Until a lost connection is known to have been ended, each new one has it ended for so long, in milliseconds: longer than any order may come late. */
const FENCE_MS = 60_000;

/**
 * One Redis, over the shared connections of a pool: a call goes to the one with the least under way on it.
 *
 * Redis does what comes over one connection in order, and knows of no order between two. So:
 *
 * - What concerns a key that has something under way follows it over the same connection (`slot-order.ts`).
 * - When a connection is lost, nobody knows whether Redis has read all that was sent over it. So Redis is told to end it
 *   (`CLIENT KILL`) over each other connection, before anything else: what was not done by then never will be. With one connection alone the
 *   time that it takes to connect anew makes that unlikely; here, others are connected already.
 * - All of them lead to the same server. Where one is made and finds another one, as after a failover, the others are given up before it is used.
 * - Where Redis does not tell who it is (`INFO`), or does not let this user do that (`CLIENT ID`, `CLIENT KILL`), one connection
 *   is used at a time.
 */
export class PooledTopology implements Topology {
  readonly keyPrefix: string;
  readonly db: number;
  readonly #mustBeMaster: boolean;
  readonly #lanes: readonly PooledLane[];
  readonly #settings: Settings;
  readonly #order = new SlotOrder<Line>();
  /** Connections that were lost lately and are not known to have been ended, by their number, and until when they are remembered. */
  readonly #lost = new Map<number, number>();
  #known: KnownServer;
  /** Who answered last, by {@link Identity.run}. */
  #run: string | undefined;
  #refusal: Error | undefined;
  #listener: TopologyListener | undefined;

  constructor(settings: Settings, pool: RedisL2Pool) {
    const { keyPrefix = '', db = 0, sentinels } = pool.clientOptions('shared');
    this.keyPrefix = String(keyPrefix);
    this.db = db;
    this.#mustBeMaster = Boolean(sentinels?.length);
    this.#settings = settings;
    this.#known = new KnownServer(settings.now);
    this.#lanes = pool.lanes.map(
      (lane) =>
        new PooledLane(lane, settings, {
          onMet: (line, identity) => this.#meet(line, identity),
          onRefused: (error) => {
            this.#refusal = error;
            this.#listener?.onRefused(error);
          },
          onLost: (line) => {
            this.#fenceOff(line);
            for (const each of this.#lanes) each.offer();
          },
        }),
    );
  }

  get isReady(): boolean {
    return this.#lanes.some(({ line }) => line !== undefined);
  }

  get lastError(): Error | undefined {
    return this.#lanes.find(({ lastError }) => lastError !== undefined)?.lastError ?? this.#refusal;
  }

  connect(listener: TopologyListener): void {
    this.#listener = listener;
    for (const lane of this.#lanes) void lane.connect();
  }

  /** Throws when another connection leads to another server than these do. Only Sentinels give different addresses. */
  compare(other: FeedClient): void {
    const here = this.#lines()[0]?.client;
    if (here === undefined || !this.#mustBeMaster) return;
    const there = other.stream;
    if (here.stream.remoteAddress === there?.remoteAddress && here.stream.remotePort === there?.remotePort) return;
    throw new Error('the feed is connected to another server than the master');
  }

  /** The pool's connections stay open. */
  async close(): Promise<void> {
    for (const lane of this.#lanes) lane.close();
  }

  group<T>(items: readonly T[], keyOf: (item: T) => string, bytesOf?: (item: T) => number): T[][] {
    return withoutRepeats(items, keyOf).flatMap((part) =>
      this.#byLine(part, (item) => this.#slotOf(keyOf(item))).flatMap((same) => chunksOf(same, bytesOf)),
    );
  }

  async read(keys: readonly string[], answered: Answered): Promise<(Stored | null)[]> {
    if (keys.length === 1) return this.#read(keys, answered);
    const places = keys.map((key, index) => ({ key, index }));
    const found = new Array<Stored | null>(keys.length);
    await Promise.all(
      this.#byLine(places, ({ key }) => this.#slotOf(key)).map(async (same) => {
        const values = await this.#read(
          same.map(({ key }) => key),
          answered,
        );
        for (const [i, { index }] of same.entries()) found[index] = values[i] as Stored | null;
      }),
    );
    return found;
  }

  #read(keys: readonly string[], answered: Answered): Promise<(Stored | null)[]> {
    return this.#send(keys, answered.deadline, async ({ server }) => {
      const values = await server.mget(keys, answered);
      const now = server.clock.now();
      return values.map((bytes) => {
        if (bytes !== null) server.known.heard(bytes);
        return bytes && { bytes, now };
      });
    });
  }

  run(script: Script, keys: readonly string[], args: readonly ScriptArgument[]): Promise<unknown> {
    const giveUpAt = performance.now() + this.#settings.commandTimeout;
    return this.#send(keys, giveUpAt, ({ server }) => server.run(script, keys, args));
  }

  runTimed(script: Script, keys: readonly string[], args: readonly ScriptArgument[], deadline: number): Promise<Timed> {
    return this.#send(keys, deadline, ({ server }) => server.runTimed(script, keys, args, deadline));
  }

  momentOf(): L2Moment {
    return this.#known.moment;
  }

  slotOf(): undefined {
    return undefined;
  }

  scan(cursor: string, pattern: string): Promise<{ cursor: string; keys: Buffer[] }> {
    return this.#anyLine().server.scan(cursor, pattern, Buffer.byteLength(this.keyPrefix));
  }

  async unlink(keys: readonly Buffer[]): Promise<number> {
    const prefix = Buffer.from(this.keyPrefix);
    const slot = (key: Buffer): number => slotOf(Buffer.concat([prefix, key]));
    const giveUpAt = performance.now() + this.#settings.commandTimeout;
    const counts = await Promise.all(
      this.#byLine(keys, slot).map((same) =>
        this.#order.send(
          same.map(slot),
          () => this.#anyLine(),
          ({ server }) => server.unlink(same),
          giveUpAt,
        ),
      ),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }

  publish(channel: string, message: string): Promise<unknown> {
    return this.#anyLine().client.publish(channel, message);
  }

  async ping(): Promise<unknown> {
    this.#anyLine();
    return Promise.all(this.#lines().map(({ client }) => client.ping()));
  }

  info(section: string): Promise<string> {
    return this.#anyLine().client.info(section);
  }

  #slotOf(key: string): number {
    return slotOf(this.keyPrefix + key);
  }

  /** Connections that may be used now. */
  #lines(): Line[] {
    return this.#lanes.flatMap(({ line }) => line ?? []);
  }

  /** The one with the least under way. */
  #anyLine(): Line {
    let least: Line | undefined;
    for (const { line } of this.#lanes) {
      if (line !== undefined && (least === undefined || line.lane.calls < least.lane.calls)) least = line;
    }
    if (least === undefined) throw new Error('there is no connection', { cause: this.lastError });
    return least;
  }

  /** Parts a batch by where its items have to go. Those that may go anywhere stay together. */
  #byLine<T>(items: readonly T[], slot: (item: T) => number): T[][] {
    if (this.#order.size === 0) return items.length === 0 ? [] : [[...items]];
    const parts = new Map<Line | undefined, T[]>();
    for (const item of items) {
      const line = this.#order.lineOf(slot(item));
      const part = parts.get(line);
      if (part === undefined) parts.set(line, [item]);
      else part.push(item);
    }
    return [...parts.values()];
  }

  #send<T>(keys: readonly string[], giveUpAt: number, send: (line: Line) => Promise<T>): Promise<T> {
    return this.#order.send(
      keys.map((key) => this.#slotOf(key)),
      () => this.#anyLine(),
      (line) => this.#on(line, send),
      giveUpAt,
    );
  }

  #on<T>(line: Line, send: (line: Line) => Promise<T>): Promise<T> {
    const answer = send(line);
    line.lane.count(answer);
    // The master moved behind its address, as managed services do it: the pool connects anew.
    answer.catch((error: Error) => {
      if (error.message?.startsWith('READONLY')) line.client.disconnect();
    });
    return answer;
  }

  #meet(line: Line, { run, isMaster }: Identity): void {
    const { client } = line;
    // A Sentinel that does not know of the failover yet has led us to the old master.
    if (this.#mustBeMaster && !isMaster) {
      client.disconnect();
      return;
    }
    const others = this.#lanes.filter((lane) => lane.line !== undefined);
    if (others.length > 0 && (run === undefined || line.id === undefined)) return;
    const isOther = run === undefined || (this.#run !== undefined && run !== this.#run);
    this.#run = run;
    if (others.length > 0 && !isOther) line.server.known = this.#known;
    this.#known = line.server.known;
    if (isOther) {
      for (const lane of others) lane.drop();
      this.#lost.clear();
    }
    this.#forgetOld();
    for (const id of this.#lost.keys()) void this.#fenceOffOver(line, id);
    line.isUsable = true;
    this.#refusal = undefined;
    if (isOther) this.#listener?.onTakeover(() => true);
    this.#listener?.onReady();
  }

  /** What was under way on a lost connection is done before anything that comes now, or never. */
  #fenceOff({ id }: Line): void {
    if (id === undefined) return;
    this.#forgetOld();
    this.#lost.set(id, performance.now() + FENCE_MS);
    for (const other of this.#lines()) void this.#fenceOffOver(other, id);
  }

  async #fenceOffOver(line: Line, id: number): Promise<void> {
    // Once Redis has ended it, no further connection has to say so. Those who were told of it meanwhile have said so themselves.
    if (await line.fenceOff(id)) this.#lost.delete(id);
  }

  #forgetOld(): void {
    for (const [id, until] of this.#lost) if (until < performance.now()) this.#lost.delete(id);
  }
}
