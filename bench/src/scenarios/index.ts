import { scenario as p16 } from '../cluster/p16-cluster.js';
import { scenario as p15 } from '../processes/p15-processes.js';
import type { Scenario } from '../scenario.js';
import { scenario as p01 } from './p01-l1-hit.js';
import { scenario as p02 } from './p02-peek.js';
import { scenario as p03 } from './p03-l2-hit-100.js';
import { scenario as p04 } from './p04-l2-hit-1.js';
import { scenario as p05 } from './p05-set.js';
import { scenario as p06 } from './p06-miss.js';
import { scenario as p07 } from './p07-one-load.js';
import { scenario as p08 } from './p08-get-many.js';
import { scenario as p09 } from './p09-encryption.js';
import { scenario as p10 } from './p10-large-l1.js';
import { scenario as p11 } from './p11-memory.js';
import { scenario as p12 } from './p12-embedded.js';
import { scenario as p13 } from './p13-tags.js';
import { scenario as p14 } from './p14-idle.js';

/** All scenarios, in the order of the table. */
export const SCENARIOS: readonly Scenario[] = [
  p01,
  p02,
  p03,
  p04,
  p05,
  p06,
  p07,
  p08,
  p09,
  p10,
  p11,
  p12,
  p13,
  p14,
  p15,
  p16,
];
