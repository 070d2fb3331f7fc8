import { checkNames } from './check.js';
import { InvalidOptionError } from './errors.js';
import { RollingSum } from './rolling-sum.js';

/** One run of a loader that is over, as the cost of it is asked for. */
export interface CostedLoad<V> {
  /** What it loaded; `undefined` if it failed, or had nothing. */
  readonly value: V | undefined;
  /** How long it ran, in milliseconds. Of a batch, each key's load is as long as the batch. */
  readonly ms: number;
}

/** What a run of a loader costs, in any unit. */
export interface CostOptions<V> {
  /** `'USD'`, `'tokens'`, `'ms'` … up to 16 visible ASCII characters. Default `'units'`. */
  readonly unit?: string;
  /** What one run costs, whether it fails or not; or a function that says so of each. 0 or more. */
  readonly perLoad: number | ((load: CostedLoad<V>) => number);
}

/** What one run of a loader cost. */
export interface LoadCost {
  readonly amount: number;
  readonly unit: string;
}

/** An amount by time. The windows move in steps: of 5 seconds for the minute, of one minute for the hour. */
export interface AmountByTime {
  readonly lastMinute: number;
  readonly lastHour: number;
  /** Since the hierarchy was created. */
  readonly total: number;
}

/** What a definition's loads cost, and what they did not. */
export interface CostStats {
  readonly unit: string;
  /** On loads of this node. */
  readonly spent: AmountByTime;
  /** What reads would have cost that were answered without a load of their own: each as much as loads cost on average until then. */
  readonly saved: AmountByTime;
  /** What a load costs on average. */
  readonly perLoad: number;
  /** Loads whose function threw, or answered no number of 0 or more. They count as free. */
  readonly unpriced: number;
}

/** A cost, understood. */
export interface Price {
  readonly unit: string;
  readonly perLoad: number | ((load: CostedLoad<unknown>) => number);
}

/** @throws {@link InvalidOptionError} */
export function priceOf<V>(cost: number | CostOptions<V> | undefined): Price | undefined {
  if (cost === undefined) return undefined;
  const options = typeof cost === 'number' ? { perLoad: cost } : cost;
  checkNames('cost', options, ['unit', 'perLoad']);
  const { unit = 'units', perLoad } = options;
  if (typeof unit !== 'string' || !/^[!-~]{1,16}$/.test(unit)) {
    throw new InvalidOptionError(`cost.unit must be 1 to 16 visible ASCII characters, not ${JSON.stringify(unit)}`);
  }
  if (typeof perLoad !== 'function' && !isAmount(perLoad)) {
    throw new InvalidOptionError(`cost.perLoad must be a number of 0 or more, or a function, not ${String(perLoad)}`);
  }
  return { unit, perLoad: perLoad as Price['perLoad'] };
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY;
}

class Account {
  readonly #minute = new RollingSum(60_000, 12);
  readonly #hour = new RollingSum(3_600_000, 60);
  #total = 0;

  add(now: number, amount: number): void {
    this.#minute.add(now, amount);
    this.#hour.add(now, amount);
    this.#total += amount;
  }

  at(now: number): AmountByTime {
    return { lastMinute: this.#minute.sum(now), lastHour: this.#hour.sum(now), total: this.#total };
  }
}

/** Spent and saved. */
export class CostLedger {
  readonly unit: string;
  readonly #price: Price['perLoad'];
  readonly #now: () => number;
  readonly #spent = new Account();
  readonly #saved = new Account();
  #loads = 0;
  #sum = 0;
  #unpriced = 0;

  constructor({ unit, perLoad }: Price, now: () => number) {
    this.unit = unit;
    this.#price = perLoad;
    this.#now = now;
  }

  /** What a load costs on average; 0 before the first, unless it is known beforehand. */
  get perLoad(): number {
    if (typeof this.#price === 'number') return this.#price;
    return this.#loads === 0 ? 0 : this.#sum / this.#loads;
  }

  /** A load is over. @returns what it cost. */
  spend(load: CostedLoad<unknown>): number {
    const amount = this.#amountOf(load);
    if (amount === undefined) this.#unpriced += 1;
    this.#loads += 1;
    this.#sum += amount ?? 0;
    this.#spent.add(this.#now(), amount ?? 0);
    return amount ?? 0;
  }

  /** A read was answered without a load of its own. */
  save(): void {
    this.#saved.add(this.#now(), this.perLoad);
  }

  stats(): CostStats {
    const now = this.#now();
    const { unit, perLoad } = this;
    return { unit, spent: this.#spent.at(now), saved: this.#saved.at(now), perLoad, unpriced: this.#unpriced };
  }

  #amountOf(load: CostedLoad<unknown>): number | undefined {
    if (typeof this.#price === 'number') return this.#price;
    try {
      const amount = this.#price(load);
      return isAmount(amount) ? amount : undefined;
    } catch {
      // The load is over and has its value: what it cost is no reason to lose that.
      return undefined;
    }
  }
}
