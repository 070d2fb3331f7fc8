import type { Clock } from './clock.js';
import type { Policy } from './policy.js';

/** Keys whose failures are remembered. One that is forgotten is loaded again, no more. */
const MAX_KEYS = 10_000;

interface Failing {
  readonly failures: number;
  readonly until: number;
  /** From then on its failures are forgotten: nobody has asked for it for as long again as it rested. */
  readonly forgetAt: number;
}

/** Which keys' loads failed of late, so that a stale value is answered for a while instead of asking a failing source again. */
export class Backoff {
  readonly #clock: Clock;
  readonly #failing = new Map<string, Failing>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether the last load failed so recently that no other is due. */
  isResting(id: string): boolean {
    if (this.#failing.size === 0) return false;
    return (this.#failing.get(id)?.until ?? 0) > this.#clock.now();
  }

  failed(id: string, { firstMs, maxMs }: Policy['loadBackoff']): void {
    const now = this.#clock.now();
    const before = this.#failing.get(id);
    const failures = before === undefined || now >= before.forgetAt ? 1 : before.failures + 1;
    const ms = Math.min(firstMs * 2 ** Math.min(failures - 1, 30), maxMs) * (1 - Math.random() / 4);
    this.#failing.delete(id);
    this.#failing.set(id, { failures, until: now + ms, forgetAt: now + 2 * ms });
    this.#tidy(now);
  }

  succeeded(id: string): void {
    this.#failing.delete(id);
  }

  /** Keys whose failures are remembered. */
  get size(): number {
    return this.#failing.size;
  }

  #tidy(now: number): void {
    for (const [id, { forgetAt }] of this.#failing) {
      if (forgetAt > now && this.#failing.size <= MAX_KEYS) return;
      this.#failing.delete(id);
    }
  }
}
