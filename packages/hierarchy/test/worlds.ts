import type { HierarchyOptions } from '../src/index.js';
import { cluster, lonely } from './nodes.js';

/** With an L2 and without: stale values are L1's matter as much as L2's. */
export const worlds = [
  ['with an L2', (options: Partial<HierarchyOptions>) => cluster().node(options)],
  ['in L1 alone', async (options: Partial<HierarchyOptions>) => lonely(options)],
] as const;
