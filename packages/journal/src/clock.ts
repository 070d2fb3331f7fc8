/** Time, as a journal sees it. Injected, so that tests drive it. */
export interface Clock {
  /** This machine's wall clock, in milliseconds: the age of a record counts across processes. */
  now(): number;
  /** Runs `task` once, `ms` milliseconds from now. Must not keep the process alive. */
  setTimer(task: () => void, ms: number): unknown;
  clearTimer(timer: unknown): void;
}

/** The longest delay that Node's timers take. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  setTimer: (task, ms) => setTimeout(task, Math.min(Math.max(ms, 0), MAX_TIMER_MS)).unref(),
  clearTimer: (timer) => clearTimeout(timer as NodeJS.Timeout),
};
