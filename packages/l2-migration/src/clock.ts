/**
 * Time as a migration sees it: this process' own, monotonic, never compared with another machine's. Durations alone are agreed upon, so
 * the clocks of all machines have to tick at about the same rate.
 */
export interface MigrationClock {
  /** Milliseconds since some moment in the past. Never goes back. */
  now(): number;
  /** Runs `task` once, `ms` milliseconds from now. Must not keep the process alive. */
  setTimer(task: () => void, ms: number): unknown;
  /** Takes back what {@link MigrationClock.setTimer} returned. */
  clearTimer(timer: unknown): void;
}

export const systemClock: MigrationClock = {
  now: () => performance.now(),
  setTimer: (task, ms) => setTimeout(task, ms).unref(),
  clearTimer: (timer) => clearTimeout(timer as NodeJS.Timeout),
};

/** @returns a promise that resolves after `ms` milliseconds. */
export function pause(clock: MigrationClock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.setTimer(resolve, ms));
}

/** The same for an operator who waits: a program that does nothing else must not end before its order is carried out. */
export function pauseAwake(clock: MigrationClock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.setTimer(resolve, ms);
    if (timer instanceof Object && 'ref' in timer && typeof timer.ref === 'function') timer.ref();
  });
}
