import type { Clock } from '../clock.js';
import type { AfterCommit } from './transaction.js';

/**
 * Commits whose outcome is unknown. The server may still be at it when the connection is gone: what was invalidated at once may be loaded
 * again with the old rows, and only then be changed. So their tasks run once more when that cannot happen any more.
 */
export class Doubts {
  readonly #clock: Clock;
  readonly #waitMs: number;
  /** What is to be run, by its timer. */
  readonly #open = new Map<unknown, () => Promise<void>>();

  /** @param waitMs - for how long the server may be at a commit, in milliseconds. */
  constructor(clock: Clock, waitMs: number) {
    this.#clock = clock;
    this.#waitMs = waitMs;
  }

  add(tasks: readonly AfterCommit[]): void {
    if (tasks.length === 0) return;
    const again = async (): Promise<void> => {
      this.#open.delete(timer);
      await runAll(tasks, 'unknown');
    };
    const timer = this.#clock.setTimer(() => void again(), this.#waitMs);
    this.#open.set(timer, again);
  }

  /** Runs now what would be run later. Never rejects. */
  async settle(): Promise<void> {
    const open = [...this.#open];
    for (const [timer] of open) this.#clock.clearTimer(timer);
    await Promise.all(open.map(([, again]) => again()));
  }
}

/** Runs all, whatever becomes of each. */
export function runAll(
  tasks: readonly AfterCommit[],
  ...outcome: Parameters<AfterCommit>
): Promise<PromiseSettledResult<unknown>[]> {
  return Promise.allSettled(tasks.map(async (task) => task(...outcome)));
}
