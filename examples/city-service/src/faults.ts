import type { Hierarchy } from '@tierwise/hierarchy';

/** What went wrong, though no reader noticed. */
export interface Faults {
  readonly faults: number;
  /** The first one, in words. */
  readonly firstFault: string | undefined;
}

/** Counts failures of L2, and bytes in it that cannot be read. A demo that runs on its own L2 has none. */
export function countFaults(cache: Hierarchy): () => Faults {
  let faults = 0;
  let firstFault: string | undefined;
  const count = (fault: string) => {
    faults += 1;
    firstFault ??= fault;
  };
  cache.on('l2-error', ({ operation, error }) => count(`L2 failed to ${operation}: ${error}`));
  cache.on('damaged', ({ key, reason, detail }) => count(`L2 holds bad bytes for ${key}: ${reason}, ${detail}`));
  return () => ({ faults, firstFault });
}
