import { CostLedger, type CostStats, type LoadCost, type Price } from './cost.js';
import { InvalidOptionError } from './errors.js';
import type { Events } from './events.js';
import { type CacheStats, Counters, type TierStats, toStats } from './stats.js';
import { TtlTuner, type TtlTuning, type TtlTuningStats } from './ttl-tuner.js';

/**
 * The figures of one definition, on this node. Evictions and damaged values are not in them: what is stored does not tell by which definition.
 */
export interface DefinitionStats extends Omit<CacheStats, 'evictions' | 'l2'> {
  readonly l2: TierStats & { readonly unanswered: number };
  readonly loads: CacheStats['loads'] & {
    /** How long its loaders ran altogether, in milliseconds. */
    readonly ms: number;
  };
  /** Where {@link DefinitionOptions.cost} says what a load costs. */
  readonly cost: CostStats | undefined;
  /** Where {@link DefinitionOptions.tuning} is on. */
  readonly tuning: { readonly ttl: TtlTuningStats } | undefined;
}

/** So many definitions have figures of their own. */
const MAX_DEFINITIONS = 100;
/** What all others are, together. */
export const OTHER_DEFINITIONS = 'other';

/** What a definition says about itself, besides how it reads. */
export interface Measured {
  readonly name: string;
  readonly namespace: string;
  readonly price: Price | undefined;
  readonly ttl: TtlTuning | undefined;
}

/** Counts for one definition. */
export class DefinitionMeter {
  readonly name: string;
  readonly counters = new Counters();
  readonly ledger: CostLedger | undefined;
  readonly tuner: TtlTuner | undefined;
  #loadMs = 0;

  constructor({ name, namespace, price, ttl }: Measured, now: () => number, events: Events) {
    this.name = name;
    this.ledger = price && new CostLedger(price, now);
    const hits = () => this.counters.l1Hits + this.counters.l2Hits;
    const loadCost = () => this.ledger?.perLoad ?? this.#loadMs / Math.max(this.counters.loads, 1);
    this.tuner = ttl && new TtlTuner({ ...ttl, name, namespace, now, events, hits, loadCost });
  }

  lookedUp(found: boolean): void {
    if (found) this.hit();
    else this.counters.l1Misses += 1;
  }

  /** Begins to count a read that L1 could not answer. */
  read(): ReadTally {
    return new ReadTally(this, true);
  }

  /** L1 answered. */
  hit(): void {
    this.counters.l1Hits += 1;
    if (this.ledger !== undefined) this.ledger.save();
  }

  /** A loader has ended. @returns what that cost, where a cost is given. */
  loaded(ms: number, value: unknown): LoadCost | undefined {
    this.#loadMs += ms;
    const { ledger } = this;
    return ledger && { amount: ledger.spend({ value, ms }), unit: ledger.unit };
  }

  stats(): DefinitionStats {
    const { evictions: _, l2, ...stats } = toStats([this.counters]);
    const { damaged: __, ...ofL2 } = l2;
    return {
      ...stats,
      l2: ofL2,
      loads: { ...stats.loads, ms: this.#loadMs },
      cost: this.ledger?.stats(),
      tuning: this.tuner && { ttl: this.tuner.stats() },
    };
  }
}

/** One read of a definition that L1 could not answer, as it travels. */
export class ReadTally {
  readonly #meter: DefinitionMeter;
  /** Whether anybody waits for it. */
  readonly #isRead: boolean;
  /** Whether it ran the loader itself. */
  #hasLoaded = false;

  constructor(meter: DefinitionMeter, isRead: boolean) {
    this.#meter = meter;
    this.#isRead = isRead;
  }

  get name(): string {
    return this.#meter.name;
  }

  get counters(): Counters {
    return this.#meter.counters;
  }

  /** For what goes on behind the answer to this read. */
  behind(): ReadTally {
    return new ReadTally(this.#meter, false);
  }

  /** Its loader is about to run. */
  loading(): void {
    this.#hasLoaded = true;
  }

  /** Its loader has ended. @returns what that cost, where it is known. */
  loaded(ms: number, value: unknown): LoadCost | undefined {
    return this.#meter.loaded(ms, value);
  }

  /** It loaded this, which is going to be fresh for so long. */
  found(id: string, payload: Uint8Array, freshMs: number): void {
    this.#meter.tuner?.loaded(id, payload, freshMs);
  }

  /** It was answered with a value. */
  answered(): void {
    if (this.#isRead && !this.#hasLoaded) this.#meter.ledger?.save();
  }
}

/** All definitions with a name, of one hierarchy. Those of one name share their figures. */
export class Definitions {
  readonly #now: () => number;
  readonly #events: Events;
  readonly #meters = new Map<string, { readonly meter: DefinitionMeter; readonly of: Measured }>();

  constructor(now: () => number, events: Events) {
    this.#now = now;
    this.#events = events;
  }

  /** @throws {@link InvalidOptionError} when another definition of this name has its costs in another unit, or other bounds. */
  open(measured: Measured): DefinitionMeter {
    const { name, price, ttl } = measured;
    const known = this.#meters.get(name);
    if (known !== undefined) {
      const { of } = known;
      if (of.price?.unit === price?.unit && isSameTuning(of.ttl, ttl)) return known.meter;
      throw new InvalidOptionError(
        `there is another definition named ${JSON.stringify(name)}, with another unit of cost or other bounds of its ttl: ` +
          'figures can be of one kind only',
      );
    }
    if (this.#meters.size < MAX_DEFINITIONS) return this.#add(measured);
    const { namespace } = measured;
    const other = this.#meters.get(OTHER_DEFINITIONS)?.meter;
    return other ?? this.#add({ name: OTHER_DEFINITIONS, namespace, price: undefined, ttl: undefined });
  }

  stats(): Readonly<Record<string, DefinitionStats>> {
    return Object.fromEntries([...this.#meters].map(([name, { meter }]) => [name, meter.stats()]));
  }

  #add(of: Measured): DefinitionMeter {
    const meter = new DefinitionMeter(of, this.#now, this.#events);
    this.#meters.set(of.name, { meter, of });
    return meter;
  }
}

/** Where each of them starts does not matter. */
function isSameTuning(one: TtlTuning | undefined, other: TtlTuning | undefined): boolean {
  return (['mode', 'minMs', 'maxMs', 'staleCost'] as const).every((name) => one?.[name] === other?.[name]);
}
