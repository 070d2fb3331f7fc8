import type { Checks } from './checks.js';
import type { Lender } from './lender.js';
import type { ResolvedLimits } from './options.js';
import type { Roster } from './roster.js';
import { Upkeep } from './upkeep.js';

/** What is done for connections that nobody has borrowed: the old go, the sick go, `min` are kept. When, {@link Upkeep} says. */
export class Keeping<T extends object> {
  readonly #limits: ResolvedLimits;
  readonly #roster: Roster<T>;
  readonly #checks: Checks<T>;
  readonly #lender: Lender<T>;
  readonly #upkeep: Upkeep;

  constructor(limits: ResolvedLimits, roster: Roster<T>, checks: Checks<T>, lender: Lender<T>) {
    this.#limits = limits;
    this.#roster = roster;
    this.#checks = checks;
    this.#lender = lender;
    this.#upkeep = new Upkeep(
      limits.clock,
      {
        reap: () => this.#reap(),
        checkHealth: () => this.#checkHealth(),
        worthChecking: () => checks.hasHealth && roster.open > 0,
        refill: () => this.#refill(),
      },
      limits.healthCheckInterval,
    );
  }

  /** Something became idle, and will be due at `dueAt`. */
  watch(dueAt: number): void {
    this.#upkeep.watch(dueAt);
  }

  /** There may be fewer than `min` now. They are kept from when something was wanted of the pool. */
  keepMin(): void {
    const { begun, state } = this.#lender;
    if (begun && state === 'open' && this.#roster.size < this.#limits.min) this.#upkeep.refillSoon();
  }

  stop(): void {
    this.#upkeep.stop();
  }

  #refill(): void {
    for (let missing = this.#limits.min - this.#roster.size; missing > 0; missing--) void this.#lender.connect();
  }

  /** Ends what was idle for too long or is too old. Answers when the next one will be. */
  #reap(): number | undefined {
    const { idleTimeout, min, clock } = this.#limits;
    const { idle } = this.#lender;
    const now = clock.now();
    let next: number | undefined;
    for (const slot of [...idle]) {
      const spare = this.#roster.open > min;
      const due = spare ? Math.min(slot.diesAt, slot.idleSince + idleTimeout) : slot.diesAt;
      if (due > now) {
        next = Math.min(next ?? due, due);
        continue;
      }
      idle.remove(slot);
      this.#roster.end(slot, now >= slot.diesAt ? 'lifetime' : 'idle');
    }
    return next;
  }

  /** One at a time, so that checks hardly get in anybody's way. */
  async #checkHealth(): Promise<void> {
    const { idle } = this.#lender;
    for (const slot of [...idle]) {
      if (this.#lender.state !== 'open') return;
      if (slot.state !== 'idle') continue;
      idle.remove(slot);
      if (await this.#checks.isHealthy(slot)) this.#lender.offer(slot);
      else this.#roster.end(slot, slot.lost ? 'lost' : 'unhealthy');
      this.#lender.changed();
    }
  }
}
