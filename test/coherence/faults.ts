import type { Disturbance } from './history.js';
import { now } from './history.js';
import type { NodeHandle } from './node-handle.js';
import type { Random } from './random.js';
import { COMMANDS, FEED, type Store } from './stores.js';

/** What can go wrong, and how often, one against another. */
const WEIGHTS = {
  'feed cut': 3,
  'feed delay': 3,
  'feed silence': 3,
  'command cut': 3,
  'command delay': 3,
  'command silence': 2,
  'all cut': 2,
  'all silence': 2,
  'node pause': 3,
  'node kill': 2,
  'redis pause': 1.5,
  'redis kill': 1.5,
  'slot move': 3,
  outage: 1.5,
};
export type FaultKind = keyof typeof WEIGHTS;
export const FAULT_KINDS = Object.keys(WEIGHTS) as readonly FaultKind[];

const LONGEST_PAUSE_MS = 1_500;
const LONGEST_KILL_MS = 3_000;
const SHORTEST_OUTAGE_MS = 3_000;
const LONGEST_OUTAGE_MS = 15_000;
/** Of a slot, half of whose keys can be written: at both ends of the move. */
const LONGEST_HALT_MS = 300;

/** Faults that a store of this kind can have. */
export function possibleFaults(store: Store): readonly FaultKind[] {
  return FAULT_KINDS.filter((kind) => {
    if (kind.startsWith('node')) return true;
    if (kind === 'slot move') return store.moveSlot !== undefined;
    if (kind === 'outage') return store.networks.length > 0;
    return kind.startsWith('redis') ? store.servers.length > 0 : store.networks.length > 0;
  });
}

/** Injects faults at random, one after another or overlapping, each on a node or on the server. */
export class Faults {
  readonly disturbances: Disturbance[] = [];
  readonly counts = new Map<FaultKind, number>();
  readonly #store: Store;
  readonly #nodes: readonly NodeHandle[];
  /** For how long a fault still tells after its end, in milliseconds. */
  readonly #aftermathMs: number;
  readonly #underWay = new Set<Promise<void>>();
  /** Nodes, or the server, that are dead or frozen at present: nothing more is done to them. */
  readonly #busy = new Set<string>();
  #stop = () => {};
  readonly #stopped = new Promise<void>((resolve) => {
    this.#stop = resolve;
  });
  #running = true;

  constructor(store: Store, nodes: readonly NodeHandle[], aftermathMs: number) {
    this.#store = store;
    this.#nodes = nodes;
    this.#aftermathMs = aftermathMs;
  }

  /** Goes on until {@link stop}. Resolves when all is well again. */
  async work(random: Random, kinds: readonly FaultKind[]): Promise<void> {
    const weights = Object.fromEntries(kinds.map((kind) => [kind, WEIGHTS[kind]])) as Record<FaultKind, number>;
    while (this.#running && kinds.length > 0) {
      await this.#sleep(random.between(0, LONGEST_PAUSE_MS));
      const kind = random.weighted(weights);
      const index = random.below(this.#nodes.length);
      const lastsMs = random.chance(0.2) ? random.between(2_000, 4_500) : random.between(50, 1_200);
      const delayMs = random.between(20, 900);
      const subject = kind.startsWith('redis') || kind === 'slot move' ? 'redis' : `node ${index}`;
      if (!this.#running || this.#busy.has(subject)) continue;
      const fault =
        kind === 'slot move'
          ? this.#moveSlot(random, lastsMs)
          : kind === 'outage'
            ? this.#outage(random, index)
            : this.#inject(kind, index, lastsMs, delayMs, subject);
      this.#underWay.add(fault);
      void fault.finally(() => this.#underWay.delete(fault));
    }
    await Promise.all(this.#underWay);
  }

  stop(): void {
    this.#running = false;
    this.#stop();
  }

  async #inject(kind: FaultKind, index: number, lastsMs: number, delayMs: number, subject: string): Promise<void> {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    const network = this.#store.networks[index];
    const node = this.#nodes[index];
    const { servers } = this.#store;
    const server = servers[Math.floor(delayMs) % servers.length];
    const from = now();
    const [where, what] = kind.split(' ');
    const on = where === 'feed' ? { label: FEED } : where === 'command' ? { label: COMMANDS } : {};
    // Written down at once, so that what a run's end cuts off is there as well.
    const entry = { kind, node: where === 'redis' ? undefined : node?.name, from, to: Number.POSITIVE_INFINITY };
    // What happens to commands keeps no news away.
    if (where !== 'command') this.disturbances.push(entry);
    switch (what) {
      case 'cut':
        network?.cut(on.label);
        break;
      case 'delay': {
        const end = network?.inject({ kind: 'delay', ms: () => delayMs }, on);
        await this.#sleep(lastsMs);
        end?.();
        break;
      }
      case 'silence': {
        // A half-open connection, one way or the other, or both.
        const direction = delayMs < 300 ? 'toServer' : delayMs < 600 ? 'toClient' : undefined;
        const end = network?.inject({ kind: 'silence' }, direction === undefined ? on : { ...on, direction });
        await this.#sleep(lastsMs);
        end?.();
        break;
      }
      case 'pause':
        this.#busy.add(subject);
        if (where === 'redis') server?.freeze();
        else node?.pause();
        await this.#sleep(lastsMs);
        if (where === 'redis') server?.thaw();
        else node?.resume();
        this.#busy.delete(subject);
        break;
      case 'kill':
        this.#busy.add(subject);
        if (where === 'redis') await server?.kill();
        else await node?.kill();
        // Where there are replicas, long enough for one to take over.
        await this.#sleep(servers.length > 1 ? LONGEST_KILL_MS : Math.min(lastsMs, 1_000));
        if (where === 'redis') await server?.restart();
        else await node?.start();
        this.#busy.delete(subject);
        break;
    }
    entry.to = now() + delayMs + this.#aftermathMs;
  }

  /** Redis cannot be reached for long, by one node or by all of them: refused, or without a word. */
  async #outage(random: Random, index: number): Promise<void> {
    const isForAll = random.chance(0.5);
    const lastsMs = random.between(SHORTEST_OUTAGE_MS, LONGEST_OUTAGE_MS);
    const isRefused = random.chance(0.5);
    const networks = this.#store.networks.filter((_, node) => isForAll || node === index);
    const name = `outage, ${isForAll ? 'all' : 'one'}, ${isRefused ? 'refused' : 'silent'}`;
    this.counts.set('outage', (this.counts.get('outage') ?? 0) + 1);
    const node = isForAll ? undefined : this.#nodes[index]?.name;
    const entry = { kind: name, node, from: now(), to: Number.POSITIVE_INFINITY };
    this.disturbances.push(entry);
    const ends = networks.map((network) => (isRefused ? network.refuse() : network.inject({ kind: 'silence' })));
    await this.#sleep(lastsMs);
    await Promise.all(ends.map((end) => end()));
    entry.to = now() + this.#aftermathMs;
  }

  /** Keeps no news away: all masters are listened to. */
  async #moveSlot(random: Random, lastsMs: number): Promise<void> {
    this.#busy.add('redis');
    try {
      const isMoved = await this.#store.moveSlot?.(random, () => this.#sleep(Math.min(lastsMs / 4, LONGEST_HALT_MS)));
      if (isMoved === true) this.counts.set('slot move', (this.counts.get('slot move') ?? 0) + 1);
    } finally {
      this.#busy.delete('redis');
    }
  }

  /** Ends early when all is to be well again. */
  async #sleep(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await Promise.race([over, this.#stopped]);
    clearTimeout(timer);
  }
}
