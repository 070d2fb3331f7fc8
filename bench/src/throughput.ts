import type { Figure, Figures } from './scenario.js';

/** The figure of {@link throughput}. */
export const OPS: Figure = { name: 'ops', unit: 'op/s', better: 'higher' };

/** A piece of work takes at least so long between two looks at the clock, in milliseconds. */
const PIECE_MS = 4;

/**
 * A {@link Stand.measure} for work that can be repeated: does it for about as long as asked, and says how often per second.
 *
 * @param work does it so many times; finds out by itself whether it really did it, and throws if not.
 * @param perTime operations in one time of work, such as 100 where 100 callers ask at once.
 */
export function throughput(
  work: (times: number) => void | Promise<void>,
  perTime = 1,
): (budgetMs: number) => Promise<Figures> {
  let times = 1;
  const run = async (budgetMs: number) => {
    const pieceMs = Math.min(PIECE_MS, budgetMs / 4);
    const began = performance.now();
    let done = 0;
    let now = began;
    while (now - began < budgetMs) {
      const pieceBegan = now;
      await work(times);
      done += times;
      now = performance.now();
      if (now - pieceBegan < pieceMs / 2) times *= 2;
    }
    return (done * perTime * 1_000) / (now - began);
  };
  return async (budgetMs) => {
    // Others had the processor until now: its caches, and the clock of its cores, take a moment.
    await run(budgetMs / 4);
    return { [OPS.name]: await run(budgetMs) };
  };
}
