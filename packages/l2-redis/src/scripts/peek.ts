import { script } from './script.js';

/**
 * Reads one entry and what remains of its life, as of one moment, where the entry's own stamp is of another clock.
 *
 * KEYS: the entry's. Answers: its bytes or nil; PTTL.
 */
export const PEEK = script(
  'peek',
  `
local stored = redis.pcall('GET', KEYS[1])
return { type(stored) == 'string' and stored, redis.call('PTTL', KEYS[1]) }
`,
);
