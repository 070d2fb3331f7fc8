/** Time and chance, as a pool sees them. Injected, so that tests drive them. */
export interface Clock {
  /** A clock that only moves forward, in milliseconds, with fractions. */
  now(): number;
  /**
   * Runs `task` once, `ms` milliseconds from now.
   *
   * @param holds - whether that keeps the process alive: only where a caller waits, and nothing but this timer goes on.
   */
  setTimer(task: () => void, ms: number, holds?: boolean): unknown;
  clearTimer(timer: unknown): void;
  /** A number from 0 to just below 1. */
  random(): number;
}

/** The longest delay that Node's timers take. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  setTimer: (task, ms, holds = false) => {
    const timer = setTimeout(task, Math.min(Math.max(ms, 0), MAX_TIMER_MS));
    return holds ? timer : timer.unref();
  },
  clearTimer: (timer) => clearTimeout(timer as NodeJS.Timeout),
  random: Math.random,
};
