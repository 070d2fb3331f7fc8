import { setTimeout as delay } from 'node:timers/promises';
import type { L2Moment } from '@tierwise/l2';
import type { Answered } from './calls.js';
import { chunksOf, withoutRepeats } from './chunks.js';
import { ClusterNodes } from './cluster-nodes.js';
import type { ClusterServer } from './cluster-server.js';
import { redirectionOf, slotOf } from './cluster-slots.js';
import { goneAt, stamperOf } from './envelope.js';
import type { ClusterSettings, Settings } from './options.js';
import { PEEK } from './scripts/peek.js';
import type { Script } from './scripts/script.js';
import type { ScriptArgument, Stored, Timed, Topology, TopologyListener } from './topology.js';

/** So long a slot that is just moving is left alone before what it refused is sent again, in milliseconds. */
const PAUSE_MS = 5;

/**
 * A Redis Cluster. Every key's commands go to the master of its slot, over one connection to each master, and wherever that
 * master sends them; all at once, however many there are.
 *
 * ioredis' own `Cluster` would send again what was under way when a connection broke, even long after its caller gave it up and
 * on top of newer writes, and does not say which server answered. So the connections are plain ones, and this decides.
 *
 * Reads are one `GET` per key: keys of a batch rarely share a slot, and while a slot moves, a command of several keys may be
 * refused where each alone would be answered.
 */
export class ClusterTopology implements Topology {
  readonly db = 0;
  readonly keyPrefix: string;
  readonly #settings: Settings;
  readonly #cluster: ClusterSettings;
  readonly #listeners: (() => void)[] = [];
  #nodes: ClusterNodes | undefined;

  constructor(settings: Settings, cluster: ClusterSettings) {
    this.#settings = settings;
    this.#cluster = cluster;
    this.keyPrefix = String(settings.redis.keyPrefix ?? '');
  }

  get isReady(): boolean {
    return this.#nodes?.isReady ?? false;
  }

  get lastError(): Error | undefined {
    return this.#nodes?.lastError;
  }

  /** The masters that have slots, by what is known now. */
  get masters(): readonly ClusterServer[] {
    return this.#nodes?.masters ?? [];
  }

  /** Whether all slots are known to have a master. */
  get isComplete(): boolean {
    return this.#nodes?.isComplete ?? false;
  }

  /** Hears of each change in the servers, from now on. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  connect(listener: TopologyListener): void {
    let wasWhole = false;
    const nodes = new ClusterNodes(this.#settings, this.#cluster.nodes, {
      onChange: () => {
        const isWhole = nodes.isWhole;
        if (isWhole && !wasWhole) listener.onReady();
        wasWhole = isWhole;
        for (const each of this.#listeners) each();
      },
      onRefused: listener.onRefused,
      onTakeover: (isTaken) => listener.onTakeover((key) => isTaken(this.slotOf(key))),
    });
    this.#nodes = nodes;
    nodes.start();
  }

  async close(): Promise<void> {
    await this.#nodes?.close();
  }

  group<T>(items: readonly T[], keyOf: (item: T) => string, bytesOf?: (item: T) => number): T[][] {
    const bySlot = new Map<number, T[]>();
    for (const item of items) {
      const slot = this.slotOf(keyOf(item));
      const inSlot = bySlot.get(slot);
      if (inSlot === undefined) bySlot.set(slot, [item]);
      else inSlot.push(item);
    }
    // While a slot moves, a script may touch only what is there when it begins, too: not what it has itself removed before.
    return [...bySlot.values()].flatMap((inSlot) =>
      withoutRepeats(inSlot, keyOf).flatMap((part) => chunksOf(part, bytesOf)),
    );
  }

  read(keys: readonly string[], answered: Answered): Promise<(Stored | null)[]> {
    return Promise.all(keys.map((key) => this.#read(key, answered)));
  }

  /**
   * An entry's life is stamped by the clock of the server that wrote it. Replication and the moving of slots bring entries to
   * servers with other clocks, and those are asked what of the life remains, since they keep it by themselves.
   */
  async #read(key: string, answered: Answered): Promise<Stored | null> {
    const [bytes, { server }] = await answered(
      this.#send(this.slotOf(key), async (each, isAsking) => [await each.server.get(key, isAsking), each] as const),
    );
    if (bytes === null) return null;
    if (stamperOf(bytes) === server.stamper) {
      server.known.heard(bytes);
      return { bytes, now: server.clock.now() };
    }
    const [again, remaining] = (await answered(this.run(PEEK, [key], []))) as [Buffer | null, number];
    if (again === null) return null;
    // Who remains for ever was not written by us, or is damaged, which its bytes tell.
    return { bytes: again, now: goneAt(again) - Math.max(0, Number(remaining)) };
  }

  run(script: Script, keys: readonly string[], args: readonly ScriptArgument[]): Promise<unknown> {
    const slot = this.slotOf(keys[0] as string);
    return this.#send(slot, ({ server }, isAsking) => server.run(script, keys, args, isAsking));
  }

  runTimed(script: Script, keys: readonly string[], args: readonly ScriptArgument[], deadline: number): Promise<Timed> {
    const slot = this.slotOf(keys[0] as string);
    return this.#send(slot, ({ server }, isAsking) => server.runTimed(script, keys, args, deadline, isAsking));
  }

  momentOf(key: string): L2Moment {
    return this.#nodes?.lastOwnerOf(this.slotOf(key))?.server.known.moment ?? '';
  }

  /** One master after another. The cursor says which, and where there. */
  async scan(cursor: string, pattern: string): Promise<{ cursor: string; keys: Buffer[] }> {
    const [index, at] = cursor === '0' ? [0, '0'] : (cursor.split(' ') as [string, string]);
    const masters = [...this.masters].sort((a, b) =>
      a.address.host + a.address.port < b.address.host + b.address.port ? -1 : 1,
    );
    const master = masters[Number(index)];
    if (master === undefined) return { cursor: '0', keys: [] };
    const page = await master.server.scan(at, pattern, Buffer.byteLength(this.keyPrefix));
    if (page.cursor !== '0') return { cursor: `${index} ${page.cursor}`, keys: page.keys };
    const isLast = Number(index) + 1 >= masters.length;
    return { cursor: isLast ? '0' : `${Number(index) + 1} 0`, keys: page.keys };
  }

  async unlink(keys: readonly Buffer[]): Promise<number> {
    const prefix = Buffer.from(this.keyPrefix);
    const counts = await Promise.all(
      keys.map((key) =>
        this.#send(slotOf(Buffer.concat([prefix, key])), ({ server }, isAsking) => server.unlink([key], isAsking)),
      ),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** Any server will do: it passes the message on to all others. */
  publish(channel: string, message: string): Promise<unknown> {
    return this.#anyone().server.client.publish(channel, message);
  }

  async ping(): Promise<unknown> {
    return Promise.all(this.masters.map(({ server }) => server.client.ping()));
  }

  info(section: string): Promise<string> {
    return this.#anyone().server.client.info(section);
  }

  #anyone(): ClusterServer {
    const anyone = this.masters.find((server) => server.isReady);
    if (anyone === undefined) throw new Error('there is no connection', { cause: this.lastError });
    return anyone;
  }

  slotOf(key: string): number {
    return slotOf(this.keyPrefix + key);
  }

  /** Sends what concerns a slot to whoever has it. Sent again only if it was surely not done. */
  async #send<T>(slot: number, send: (to: ClusterServer, isAsking: boolean) => Promise<T>): Promise<T> {
    const nodes = this.#nodes as ClusterNodes;
    const giveUpAt = performance.now() + this.#settings.commandTimeout;
    let to = nodes.ownerOf(slot);
    let isAsking = false;
    for (;;) {
      try {
        return await send(to, isAsking);
      } catch (error) {
        const redirection = redirectionOf(error, to.address, this.#cluster.natMap);
        if (redirection === undefined) throw error;
        isAsking = false;
        if (redirection.type === 'moved') await nodes.refresh(redirection.address);
        else if (redirection.type === 'tryAgain') await delay(PAUSE_MS);
        // What was given up by its caller must not be done after all.
        for (;;) {
          if (performance.now() > giveUpAt) throw error;
          try {
            isAsking = redirection.type === 'ask';
            to = isAsking ? nodes.at((redirection as { address: typeof to.address }).address) : nodes.ownerOf(slot);
            break;
          } catch {
            await delay(PAUSE_MS);
          }
        }
      }
    }
  }
}
