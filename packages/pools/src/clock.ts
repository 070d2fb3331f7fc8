/** Time and chance, as a pool sees them. Injected, so that tests drive them. */
export interface Clock {
  /** A clock that only moves forward, in milliseconds, with fractions. */
  now(): number;
  /** Runs `task` once, `ms` milliseconds from now. Must not keep the process alive. */
  setTimer(task: () => void, ms: number): unknown;
  clearTimer(timer: unknown): void;
  /** A number from 0 to just below 1. */
  random(): number;
}

/** The longest delay that Node's timers take. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  setTimer: (task, ms) => setTimeout(task, Math.min(Math.max(ms, 0), MAX_TIMER_MS)).unref(),
  clearTimer: (timer) => clearTimeout(timer as NodeJS.Timeout),
  random: Math.random,
};
