import { withLimit } from './limit.js';
import type { PoolOptions, ResolvedLimits } from './options.js';
import type { PoolRecord } from './record.js';
import type { Slot } from './slot.js';

/** Asks the user's functions about connections, which are in nobody's hands meanwhile. */
export class Checks<T extends object> {
  /** Connections that are being asked about. */
  running = 0;
  readonly #options: PoolOptions<T>;
  readonly #limits: ResolvedLimits;
  readonly #record: PoolRecord;

  constructor(options: PoolOptions<T>, limits: ResolvedLimits, record: PoolRecord) {
    this.#options = options;
    this.#limits = limits;
    this.#record = record;
  }

  /** Whether the connection has to be asked about before it is lent. */
  isDue(slot: Slot<T>, now: number): boolean {
    return this.#options.validate !== undefined && now - slot.idleSince >= this.#limits.validateAfter;
  }

  /** Whether there is anything to be asked in the background. */
  get hasHealth(): boolean {
    return (this.#options.check ?? this.#options.validate) !== undefined;
  }

  /** Whether the connection may be lent. Never rejects. */
  isValid(slot: Slot<T>): Promise<boolean> {
    return this.#passes(slot, 'validation', this.#options.validate);
  }

  /** Whether the connection is in good health. Never rejects. */
  isHealthy(slot: Slot<T>): Promise<boolean> {
    return this.#passes(slot, 'health', this.#options.check ?? this.#options.validate);
  }

  async #passes(slot: Slot<T>, kind: 'validation' | 'health', ask: PoolOptions<T>['validate']): Promise<boolean> {
    const { clock, checkTimeout } = this.#limits;
    slot.state = 'checking';
    this.running++;
    try {
      const fit = ask === undefined || (await withLimit(clock, checkTimeout, (signal) => ask(slot.connection, signal)));
      if (!fit && !slot.lost) this.#record.error(kind, undefined);
      return fit && !slot.lost;
    } catch (error) {
      this.#record.error(kind, error);
      return false;
    } finally {
      this.running--;
    }
  }
}
