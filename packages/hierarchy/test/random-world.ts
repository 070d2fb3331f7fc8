import type { L2, L2Host, L2News } from '@tierwise/l2';
import { MemoryStore, memoryL2 } from '@tierwise/l2/memory';
import { createHierarchy, type Hierarchy, type LoadContext } from '../src/index.js';
import { ManualClock } from './manual-clock.js';

/** For `interleavings.test.ts`: two nodes whose every step waits for a seeded schedule, and the truth that judges them. */

export const KEYS = ['a', 'b'] as const;
export const TAGS = ['x', 'y'] as const;

export const turn = () => new Promise((resolve) => setImmediate(resolve));
export const tagsOf = (key: string) => (key === 'a' ? ['x'] : ['x', 'y']);

/** What the truth knows of a value. One that was set is as old as its `set` was finished: until then it may win or lose. */
export interface Birth {
  readonly key: string;
  readonly tags: readonly string[];
  at: number;
  /** The node that set it; `undefined`: it was loaded. */
  readonly setBy?: Node;
  /** When its `set` was finished, on the clock; when L2 began to count the life of one that was loaded, nobody knows. */
  until: number;
}
/** Something that made earlier values invalid. */
interface Barrier {
  readonly what: string;
  readonly called: number;
  readonly hits: (birth: Birth) => boolean;
  readonly spares: number;
  /** Of an `expire`, which a later `touch` undoes. */
  readonly expired: string | undefined;
  /** It only made them stale. */
  readonly isSoft: boolean;
}

/** The policy of worlds in which values grow old, and how long a value may be answered at all, and as fresh. */
const STALE_POLICY = {
  ttl: '2s',
  staleWhileRevalidate: '1s',
  staleIfError: '4s',
  refreshAhead: 0.5,
  loadBackoff: { first: '300ms', max: '1s' },
  loadTimeout: { soft: '100ms', hard: '3s', late: '3s' },
} as const;
const FRESH_MS = 2_000;
const KEEP_MS = 6_000;

/** One run: the seed's nodes, its schedule and its truth. */
export class World {
  readonly clock = new ManualClock();
  readonly store = new MemoryStore({ now: () => this.clock.now() });
  readonly births: Birth[] = [];
  readonly log: string[] = [];
  readonly steps: { label: string; run: () => void }[] = [];
  readonly calls = new Set<Promise<unknown>>();
  readonly faults: string[] = [];
  readonly nodes: Node[];
  /** When a key's last `touch` was done. */
  readonly touched = new Map<string, number>();
  tick = 0;
  lossy = 0;
  /** Whether a call was lost: then a node may have to load for itself. */
  hasLost = false;
  /** Whether values grow old in it, and loads take their time. */
  readonly isAgeing: boolean;
  /** Whether nodes are cut off from L2 for a while. */
  readonly hasOutages: boolean;
  #state: number;

  constructor(seed: number) {
    this.#state = seed * 2654435761;
    const hasFeed = this.chance(0.85);
    this.isAgeing = this.chance(0.4);
    this.hasOutages = this.chance(0.5);
    this.nodes = [new Node(this, 'N1', hasFeed), new Node(this, 'N2', hasFeed)];
    if (this.chance(0.5)) this.lossy = 0.08;
  }

  random(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  }
  chance(share: number): boolean {
    return this.random(1000) < share * 1000;
  }
  pick<T>(from: readonly T[]): T {
    return from[this.random(from.length)] as T;
  }
  note(text: string): void {
    this.tick += 1;
    this.log.push(`${this.tick} ${text}`);
  }
  /** Resolves when the schedule gets there. */
  at(label: string): Promise<void> {
    return new Promise((run) => void this.steps.push({ label, run }));
  }
  async step(): Promise<boolean> {
    const [next] = this.steps.splice(this.random(this.steps.length), 1);
    if (next !== undefined) {
      this.note(next.label);
      next.run();
    }
    await turn();
    for (const node of this.nodes) node.raiseBarriers();
    return next !== undefined;
  }
  /** Time passes. What is loaded or leased may have run out. */
  async wait(ms: number): Promise<void> {
    if (ms >= 1_000) this.hasLost = true;
    await this.clock.advance(ms);
  }
  /** Lets everything that is under way end; time goes on only where nothing else does. */
  async drain(): Promise<void> {
    for (let stalls = 0; this.calls.size > 0 || this.steps.length > 0; ) {
      if (await this.step()) continue;
      if (this.calls.size === 0) break;
      stalls += 1;
      if (stalls > 60) throw new Error('a call never ends');
      await this.clock.advance(1000);
    }
  }
  /** Lets every node make up for what it could not tell L2, and end what goes on behind. */
  async recover(): Promise<void> {
    const isDone = ({ cache }: Node) => {
      const { outbox, l2, underWay } = cache.stats();
      return outbox.items === 0 && l2.breaker === 'closed' && underWay.flights + underWay.tokens === 0;
    };
    for (let tries = 0; !this.nodes.every(isDone); tries += 1) {
      if (tries > 60) throw new Error('a node never recovers');
      await this.clock.advance(1000);
      await this.drain();
    }
  }
}

export class Node {
  readonly barriers: Barrier[] = [];
  readonly cache: Hierarchy;
  /** Since when a load runs: since its lease was asked for, which is what others can know of it. */
  readonly running = new Map<string, number>();
  readonly entitled: { key: string; at: number }[] = [];
  /** When a key was last touched by anything that allows another load beside one that runs. */
  readonly disturbed = new Map<string, number>();
  alive = true;
  #host: L2Host | undefined;
  readonly #news: L2News[] = [];
  #heard = 0;
  #sent = 0;
  #coming: { barrier: Barrier; after: number }[] = [];
  /** What L2 has yet to be told: until then, it holds on this node only. */
  #late: Barrier[] = [];
  readonly #world: World;
  readonly name: string;
  readonly hasFeed: boolean;
  /** Whether this node reaches L2. */
  isCut = false;
  /** Whether the feed tells this node of the namespace. */
  #follows = false;
  readonly #hasReplay: boolean;

  constructor(world: World, name: string, hasFeed: boolean) {
    this.#world = world;
    this.name = name;
    this.hasFeed = hasFeed;
    this.#hasReplay = world.chance(0.8);
    this.cache = createHierarchy({
      namespace: 'test',
      l2: this.#scheduled(memoryL2(world.store)),
      clock: world.clock,
      // What is given up and takes effect later is another test's matter.
      l2Timeout: '30s',
      breaker: { failures: 2, openFor: '300ms' },
      ...(world.isAgeing ? STALE_POLICY : {}),
    });
    this.cache.on('recovered', () => {
      for (const barrier of this.#late.splice(0)) this.#raiseElsewhere(barrier);
    });
  }

  /** An L2 all of whose calls and news wait for the schedule. */
  #scheduled(inner: L2): L2 {
    const world = this.#world;
    const wrap = <T extends object>(target: T): T =>
      new Proxy(target, {
        get: (_, name) => {
          if (name === 'feed' && !this.hasFeed) return undefined;
          if (name === 'replay' && target === (inner as object) && !this.#hasReplay) return undefined;
          const member = Reflect.get(target, name);
          if (typeof member === 'object' && member !== null) return wrap(member as object);
          if (typeof member !== 'function') return member;
          if (name === 'close' || name === 'moment') return member.bind(target);
          if (name === 'open') return (host: L2Host) => inner.open(this.#listen(host));
          return async (...args: unknown[]) => {
            const label = `${this.name} ${String(name)} ${JSON.stringify(args[1] ?? '', (_k, v) => (v instanceof Uint8Array ? '' : v))}`;
            if (this.isCut) throw this.#lost(`${label} does not get out`);
            await world.at(`${label} out`);
            const asked = name === 'acquire' ? (args[1] as { key: string }[]) : [];
            for (const { key } of asked) this.entitled.push({ key, at: world.tick });
            if (world.chance(world.lossy)) throw this.#lost(`${label} lost on its way out`);
            const answer = await Reflect.apply(member, target, args);
            if (name === 'follow') this.#follows = true;
            await world.at(`${label} back`);
            if (this.isCut) throw this.#lost(`${label} does not get back`);
            if (world.chance(world.lossy)) throw this.#lost(`${label} lost on its way back`);
            return answer;
          };
        },
      });
    return wrap(inner);
  }

  #lost(text: string): Error {
    this.#world.hasLost = true;
    this.#world.note(text);
    for (const node of this.#world.nodes) node.disturb();
    return new Error(text);
  }

  #listen(host: L2Host): L2Host {
    this.#host = host;
    const onNews = (news: L2News) => {
      if (!this.alive) return;
      this.#sent += 1;
      this.#news.push(news);
      this.#world.at(`${this.name} hears`).then(() => this.#hear());
    };
    return { ...host, onNews };
  }

  /** The next message, now and then twice. */
  #hear(): void {
    const news = this.#news.shift();
    if (news === undefined) return;
    for (let times = this.#world.chance(0.1) ? 2 : 1; times > 0; times -= 1) this.#host?.onNews(news);
    this.#heard += 1;
    this.#world.note(`${this.name} heard ${JSON.stringify({ ...news, origin: undefined })}`);
    this.disturb('keys' in news ? news.keys : KEYS);
  }

  flap(alive: boolean): void {
    if (!this.hasFeed || alive === this.alive) return;
    this.alive = alive;
    this.#heard = this.#sent;
    this.#news.length = 0;
    this.#world.note(`${this.name} is ${alive ? 'alive' : 'deaf'}`);
    this.#host?.onFeedState(alive ? 'alive' : 'deaf');
    this.disturb();
  }

  cut(isCut: boolean): void {
    if (isCut !== this.isCut) this.#world.note(`${this.name} ${isCut ? 'does not reach' : 'reaches'} L2`);
    this.isCut = isCut;
  }

  disturb(keys: readonly string[] = KEYS): void {
    for (const key of keys) this.disturbed.set(key, ++this.#world.tick);
  }

  /** From here on on this node; on the other one, once all that was sent until now is heard. */
  raise(barrier: Barrier): void {
    this.barriers.push(barrier);
    if (this.cache.stats().outbox.items > 0) this.#late.push(barrier);
    else this.#raiseElsewhere(barrier);
  }
  #raiseElsewhere(barrier: Barrier): void {
    for (const node of this.#world.nodes) if (node !== this) node.#coming.push({ barrier, after: node.#sent });
  }
  raiseBarriers(): void {
    if (!this.alive || !this.hasFeed || !this.#follows) return;
    this.barriers.push(...this.#coming.filter(({ after }) => after <= this.#heard).map(({ barrier }) => barrier));
    this.#coming = this.#coming.filter(({ after }) => after > this.#heard);
  }

  readonly load = async ({ key }: LoadContext): Promise<{ n: number } | undefined> => {
    const world = this.#world;
    const begun = ++world.tick;
    const other = this.running.get(key);
    if (other !== undefined && (this.disturbed.get(key) ?? 0) < other && !world.hasLost)
      world.faults.push(`law 2: ${this.name} loads ${key} twice`);
    for (const node of world.nodes) {
      const there = node.running.get(key);
      const undisturbed = world.nodes.every((each) => (each.disturbed.get(key) ?? 0) < (there ?? 0));
      if (node !== this && there !== undefined && undisturbed && !world.hasLost)
        world.faults.push(`law 2: both nodes load ${key}`);
    }
    const right = this.entitled.findIndex((each) => each.key === key);
    const since = this.entitled.splice(right, right < 0 ? 0 : 1)[0]?.at ?? begun;
    this.running.set(key, since);
    const birth: Birth = { key, tags: tagsOf(key), at: begun, until: Number.POSITIVE_INFINITY };
    const n = world.births.push(birth) - 1;
    world.note(`${this.name} loads ${key} #${n}`);
    await world.at(`${this.name} ends load #${n}`);
    if (this.running.get(key) === since) this.running.delete(key);
    if (world.chance(0.1)) throw new Error('source');
    return world.chance(0.05) ? undefined : { n };
  };

  read(what: string, keys: readonly string[], ask: () => Promise<unknown[]>): void {
    const world = this.#world;
    const begun = ++world.tick;
    const known = this.barriers.filter(({ isSoft }) => !isSoft || !world.isAgeing || what !== 'getOrSet');
    const asked = world.clock.now();
    world.note(`${this.name} ${what} ${keys}`);
    const check = (value: unknown, key: string) => {
      if (value === undefined) return;
      const { n } = value as { n: number };
      const birth = world.births[n] as Birth;
      const broken = known.find(
        (barrier) =>
          barrier.spares !== n && birth.at < barrier.called && barrier.hits(birth) && !this.#isUndone(barrier),
      );
      world.note(`${this.name} ${what} of ${begun} → ${key} #${n}`);
      const ageMs = asked - birth.until;
      const limitMs = what === 'getOrSet' ? KEEP_MS : FRESH_MS;
      // A replay may be on its way for as long as a command may take: L2 counts from its arrival.
      const isAged = world.isAgeing && !world.hasOutages && !world.touched.has(key);
      if (isAged && ageMs > limitMs)
        world.faults.push(`law 3: ${this.name} ${what} of ${begun} got ${key} #${n} ${ageMs} ms after it was made`);
      if (birth.key !== key) world.faults.push(`${what}: ${key} has the value of ${birth.key}`);
      if (broken)
        world.faults.push(
          `law 1: ${this.name} ${what} of ${begun} got ${key} #${n}, born ${birth.at}, after ${broken.what}`,
        );
    };
    this.#call(async () => {
      for (const [index, value] of (await ask()).entries()) check(value, keys[index] as string);
    });
  }

  write(what: string, keys: readonly string[], hits: Barrier['hits'], act: () => Promise<unknown>, spares = -1): void {
    const world = this.#world;
    const called = ++world.tick;
    world.note(`${this.name} ${what} ${keys}`);
    for (const node of world.nodes) node.disturb(keys);
    if (what === 'touch') world.touched.set(keys[0] as string, Number.POSITIVE_INFINITY);
    this.#call(async () => {
      try {
        await act();
        const expired = what === 'expire' ? keys[0] : undefined;
        // What a peer set without this node's hearing of it is newer than what could not reach L2, as far as L2 can tell.
        const isDeferred = spares >= 0 && this.cache.stats().outbox.items > 0;
        const hitsThen = isDeferred
          ? (birth: Birth) => hits(birth) && (birth.setBy === undefined || birth.setBy === this)
          : hits;
        const isSoft = what.includes('expire');
        this.raise({ what: `${this.name} ${what} of ${called}`, called, hits: hitsThen, spares, expired, isSoft });
        world.note(`${this.name} ${what} of ${called} is done`);
      } finally {
        const birth = world.births[spares];
        if (birth !== undefined) {
          birth.at = ++world.tick;
          birth.until = world.clock.now();
        }
        for (const node of world.nodes) node.disturb(keys);
        if (what === 'touch') world.touched.set(keys[0] as string, ++world.tick);
      }
    });
  }

  #isUndone({ expired, called }: Barrier): boolean {
    return expired !== undefined && (this.#world.touched.get(expired) ?? 0) > called;
  }

  #call(run: () => Promise<void>): void {
    const call: Promise<void> = run().catch((error) => {
      if (!/source|lost|may not have reached|was not loaded within|does not get/.test(String(error)))
        this.#world.faults.push(`rejected: ${error}`);
    });
    this.#world.calls.add(call);
    call.finally(() => this.#world.calls.delete(call));
  }
}
