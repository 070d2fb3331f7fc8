import { scenario as p16 } from '../cluster/p16-cluster.js';
import { scenario as p15 } from '../processes/p15-processes.js';
import type { Scenario } from '../scenario.js';
import { scenario as p01 } from './p01-l1-hit.js';
import { scenario as p02 } from './p02-peek.js';
import { scenario as p03 } from './p03-l2-hit-100.js';
import { scenario as p04 } from './p04-l2-hit-1.js';
import { scenario as p05 } from './p05-set.js';
import { scenario as p06 } from './p06-miss.js';

/** All scenarios, in the order of the table. */
export const SCENARIOS: readonly Scenario[] = [p01, p02, p03, p04, p05, p06, p15, p16];
