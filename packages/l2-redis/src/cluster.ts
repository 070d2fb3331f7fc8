import type { L2Moment } from '@tierwise/l2';
import type { Answered } from './calls.js';
import { chunksOf, withoutRepeats } from './chunks.js';
import { ClusterNodes } from './cluster-nodes.js';
import { ClusterReads } from './cluster-reads.js';
import { ClusterRoute } from './cluster-route.js';
import type { ClusterServer } from './cluster-server.js';
import { slotOf } from './cluster-slots.js';
import type { ClusterSettings, Settings } from './options.js';
import type { Script } from './scripts/script.js';
import type { ScriptArgument, Stored, Timed, Topology, TopologyListener } from './topology.js';

/**
 * A Redis Cluster. Every key's commands go to the master of its slot, over one connection to each master, and wherever that
 * master sends them; all at once, however many there are.
 *
 * ioredis' own `Cluster` would send again what was under way when a connection broke, even long after its caller gave it up and
 * on top of newer writes, and does not say which server answered. So the connections are plain ones, and this decides.
 */
export class ClusterTopology implements Topology {
  readonly db = 0;
  readonly keyPrefix: string;
  readonly #settings: Settings;
  readonly #cluster: ClusterSettings;
  readonly #listeners: (() => void)[] = [];
  #nodes: ClusterNodes | undefined;
  #route: ClusterRoute | undefined;
  #reads: ClusterReads | undefined;

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
    this.#route = new ClusterRoute(nodes, this.#settings, this.#cluster);
    this.#reads = new ClusterReads(this.#route, (key) => this.slotOf(key), this.#settings.colocate !== undefined);
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
    return (this.#reads as ClusterReads).read(keys, answered);
  }

  run(script: Script, keys: readonly string[], args: readonly ScriptArgument[]): Promise<unknown> {
    const slot = this.slotOf(keys[0] as string);
    return (this.#route as ClusterRoute).send(slot, ({ server }, isAsking) => server.run(script, keys, args, isAsking));
  }

  runTimed(script: Script, keys: readonly string[], args: readonly ScriptArgument[], deadline: number): Promise<Timed> {
    const slot = this.slotOf(keys[0] as string);
    return (this.#route as ClusterRoute).send(slot, ({ server }, isAsking) =>
      server.runTimed(script, keys, args, deadline, isAsking),
    );
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
        (this.#route as ClusterRoute).send(slotOf(Buffer.concat([prefix, key])), ({ server }, isAsking) =>
          server.unlink([key], isAsking),
        ),
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
}
