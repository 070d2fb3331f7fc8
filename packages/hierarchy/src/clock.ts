/**
 * Time, as everything in a hierarchy sees it. Injected, so that tests drive it.
 *
 * It is this process' own: monotonic, of any origin, never compared with another machine's (law 4).
 */
export interface Clock {
  /** Milliseconds since some moment in the past. Never goes back. */
  now(): number;
  /** Runs `task` once, `ms` milliseconds from now. Must not keep the process alive. */
  setTimer(task: () => void, ms: number): unknown;
  /** Takes back what {@link Clock.setTimer} returned. */
  clearTimer(timer: unknown): void;
}

/** The longest delay that Node's timers take. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The process' clock. `performance.now` rather than `Date.now`: a wall clock that is set back would make entries live longer. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimer: (task, ms) => setTimeout(task, Math.min(ms, MAX_TIMER_MS)).unref(),
  clearTimer: (timer) => clearTimeout(timer as NodeJS.Timeout),
};
