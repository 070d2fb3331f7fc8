import type { Clock } from './clock.js';

/** Thrown by {@link withLimit}. */
export class LimitReached extends Error {}

/**
 * Runs `task` for `ms` milliseconds at most; then, or when `abort` is, its signal is aborted and the promise rejects. What it answers afterwards goes to `late`, so
 * that it can be disposed of; what it throws afterwards is nobody's concern.
 */
export function withLimit<R>(
  clock: Clock,
  ms: number,
  task: (signal: AbortSignal) => R | Promise<R>,
  late: (result: R) => void = () => {},
  abort?: AbortSignal,
): Promise<R> {
  return new Promise<R>((resolve, reject) => {
    const controller = new AbortController();
    let over = false;
    const settle = (): boolean => {
      if (over) return false;
      over = true;
      clock.clearTimer(timer);
      abort?.removeEventListener('abort', onAbort);
      return true;
    };
    const stop = (reason: unknown): void => {
      if (!settle()) return;
      reject(reason);
      controller.abort(reason);
    };
    const onAbort = (): void => stop(abort?.reason);
    const timer = clock.setTimer(() => stop(new LimitReached(`not done within ${ms} ms`)), ms);
    if (abort?.aborted) return onAbort();
    abort?.addEventListener('abort', onAbort);
    const run = async (): Promise<R> => task(controller.signal);
    run().then(
      (result) => (settle() ? resolve(result) : late(result)),
      (error: unknown) => {
        if (settle()) reject(error);
      },
    );
  });
}
