import { bestTtl } from './best-ttl.js';
import { changeRateOf, type Reload } from './change-rate.js';
import { checkNames } from './check.js';
import { type Duration, parseTtl } from './duration.js';
import { InvalidOptionError } from './errors.js';
import type { Events } from './events.js';
import { ReloadWatch } from './reload-watch.js';
import type { Rules } from './validation.js';

/** How a definition's `ttl` is tuned. */
export interface TtlTuningOptions {
  /** It never becomes shorter than that. 1 ms at least. */
  readonly min: Duration;
  /** Nor longer than that. */
  readonly max: Duration;
  /**
   * `'advise'`: what would be best is told, by `stats()` and the event `tuned`, and nothing is changed. `'auto'`: loads and writes from then on
   * live for that long.
   */
  readonly mode: 'advise' | 'auto';
  /**
   * How bad an answer is that is older than the source, in the unit of {@link DefinitionOptions.cost} (without one, in milliseconds of loading).
   * Default: as bad as a load.
   */
  readonly staleCost?: number | undefined;
}

/** Why a `ttl` is as it is: what was seen of late on this node. */
export interface TtlReasons {
  /** The part of reads that needed no load, 0 to 1. */
  readonly hitRatio: number;
  /** How often a value that is held is read. */
  readonly readsPerMinute: number;
  /** How often a value changes at its source, as far as loading it again has shown. */
  readonly changesPerHour: number;
  /** The part of repeated loads that brought what was known, 0 to 1. */
  readonly unchanged: number;
  /** What a load costs on average, in the unit of the definition's cost; without one, in milliseconds. */
  readonly loadCost: number;
}

export interface TtlTuningStats {
  readonly mode: 'advise' | 'auto';
  readonly minMs: number;
  readonly maxMs: number;
  /** What is thought best; with `'auto'`, what new values get. `undefined`: with `'advise'`, nothing is known yet. */
  readonly ttlMs: number | undefined;
  readonly reasons: TtlReasons | undefined;
}

/** Options, understood. */
export interface TtlTuning {
  readonly mode: 'advise' | 'auto';
  readonly minMs: number;
  readonly maxMs: number;
  /** What the definition says itself. */
  readonly startMs: number;
  readonly staleCost: number | undefined;
}

/** @throws {@link InvalidOptionError} and the like. */
export function ttlTuningOf(options: TtlTuningOptions | undefined, startMs: number, rules: Rules): TtlTuning {
  checkNames('tuning.ttl', options, ['min', 'max', 'mode', 'staleCost']);
  if (options === undefined) {
    throw new InvalidOptionError("tuning needs ttl, such as { min: '10s', max: '1h', mode: 'advise' }");
  }
  const { mode, staleCost } = options;
  if (mode !== 'advise' && mode !== 'auto') {
    throw new InvalidOptionError(`tuning.ttl.mode must be 'advise' or 'auto', not ${JSON.stringify(mode)}`);
  }
  const minMs = parseTtl(options.min, 'tuning.ttl.min', rules, 1);
  const maxMs = parseTtl(options.max, 'tuning.ttl.max', rules, minMs);
  if (staleCost !== undefined && !(staleCost > 0 && staleCost < Number.POSITIVE_INFINITY)) {
    throw new InvalidOptionError(`tuning.ttl.staleCost must be a number above 0, not ${String(staleCost)}`);
  }
  return { mode, minMs, maxMs, startMs, staleCost };
}

export interface TtlTunerOptions extends TtlTuning {
  readonly name: string;
  readonly namespace: string;
  readonly now: () => number;
  readonly events: Events;
  /** Reads that needed no load, since the beginning. */
  readonly hits: () => number;
  /** What a load costs on average. */
  readonly loadCost: () => number;
}

/** So many repeated loads are looked at, the latest ones. */
const REMEMBERED = 256;
/** After so many, it is thought about anew. */
const THINK_EVERY = 32;
/** From one thought to the next, a time to live becomes at most so many times as long or as short: what was seen is of the present one. */
const MAX_CHANGE = 2;
/** What would change less than this is left alone. */
const LEAST_CHANGE = 0.1;
/** After so many of the longest lives, a key is not expected to come back. */
const LIVES_TO_WAIT = 4;

/**
 * Finds the time to live of a definition's values, from how often they are read, how often they change, and what a load costs. Only what is
 * stored from then on gets it: what is stored already keeps its deadlines.
 */
export class TtlTuner {
  readonly #options: TtlTunerOptions;
  readonly #watch: ReloadWatch;
  readonly #reloads: Reload[] = [];
  #ttlMs: number | undefined;
  #reasons: TtlReasons | undefined;
  #sinceThought = 0;
  /** Since the last thought, and half of what was before that, and so on. */
  #loads = 0;
  #heldMs = 0;
  #held = 0;
  #hitsBefore = 0;
  #olderHits = 0;

  constructor(options: TtlTunerOptions) {
    const { mode, minMs, maxMs, startMs } = options;
    this.#options = options;
    this.#watch = new ReloadWatch(LIVES_TO_WAIT * maxMs);
    if (mode === 'auto') this.#ttlMs = Math.min(Math.max(startMs, minMs), maxMs);
  }

  /** What new values are to live for; `undefined`: as the definition says. */
  get ttlMs(): number | undefined {
    return this.#options.mode === 'auto' ? this.#ttlMs : undefined;
  }

  /** A value was loaded, and is going to be fresh for so long. */
  loaded(id: string, payload: Uint8Array, freshMs: number): void {
    this.#loads += 1;
    const reload = this.#watch.loaded(id, payload, this.#options.now());
    if (reload === undefined) return;
    this.#held += 1;
    // It may have had to go before its time was over.
    this.#heldMs += Math.min(reload.afterMs, freshMs);
    this.#reloads.push(reload);
    if (this.#reloads.length > REMEMBERED) this.#reloads.shift();
    this.#sinceThought += 1;
    if (this.#sinceThought >= THINK_EVERY) this.#think();
  }

  stats(): TtlTuningStats {
    const { mode, minMs, maxMs } = this.#options;
    return { mode, minMs, maxMs, ttlMs: this.#ttlMs, reasons: this.#reasons };
  }

  #think(): void {
    const { minMs, maxMs, startMs, staleCost, loadCost, hits } = this.#options;
    this.#sinceThought = 0;
    const allHits = hits();
    const recentHits = this.#olderHits + allHits - this.#hitsBefore;
    const heldMs = this.#loads * (this.#heldMs / this.#held);
    if (heldMs <= 0) return;
    const changeRate = changeRateOf(this.#reloads);
    const readRate = recentHits / heldMs;
    const cost = loadCost();
    const unchanged = this.#reloads.filter(({ changed }) => !changed).length;
    const reasons: TtlReasons = {
      hitRatio: recentHits / (recentHits + this.#loads),
      readsPerMinute: readRate * 60_000,
      changesPerHour: changeRate * 3_600_000,
      unchanged: unchanged / this.#reloads.length,
      loadCost: cost,
    };
    // A load that costs nothing is better than any stale answer.
    const staleWeight = staleCost === undefined ? 1 : Math.min(staleCost / cost, Number.MAX_VALUE);
    const best = bestTtl(minMs, maxMs, { readRate, changeRate, staleWeight });
    this.#hitsBefore = allHits;
    this.#olderHits = recentHits / 2;
    this.#loads /= 2;
    this.#heldMs /= 2;
    this.#held /= 2;
    const present = this.#ttlMs ?? Math.min(Math.max(startMs, minMs), maxMs);
    const next = Math.round(Math.min(Math.max(best, present / MAX_CHANGE), present * MAX_CHANGE));
    this.#reasons = reasons;
    const isWorthIt = Math.abs(next - present) >= LEAST_CHANGE * present;
    // The bounds are reached, however near they are.
    if (!isWorthIt && (next === present || (next !== minMs && next !== maxMs))) {
      this.#ttlMs = present;
      return;
    }
    this.#ttlMs = next;
    this.#tell(present, next, reasons);
  }

  #tell(beforeMs: number, afterMs: number, reasons: TtlReasons): void {
    const { name, namespace, mode, events } = this.#options;
    if (!events.wants('tuned')) return;
    events.emit({ type: 'tuned', what: 'ttl', definition: name, namespace, mode, beforeMs, afterMs, reasons });
  }
}
