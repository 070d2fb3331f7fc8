import { randomBytes } from 'node:crypto';
import { KEYS, L1_ENTRIES, measureReads, measureWrites } from '../contestants/l2-hits.js';
import { forEach, keysOf, mustNotLoad } from '../keys.js';
import type { Contestant, Scenario } from '../scenario.js';
import { OPS } from '../throughput.js';
import { sample } from '../values.js';

const CALLERS = 100;
const [ON, OFF] = ['Tierwise, encryption on', 'Tierwise, encryption off'];

function contestant(name: string, isEncrypted: boolean): Contestant {
  return {
    name,
    kind: 'ours',
    open: async (context) => {
      const { openTierwise } = await import('../contestants/tierwise.js');
      const encryption = isEncrypted ? { encryption: { keys: [{ id: '2026-11', key: randomBytes(32) }] } } : {};
      const cache = await openTierwise({ ...context, l1Entries: L1_ENTRIES }, encryption);
      const keys = keysOf(KEYS);
      const value = sample('1 KB');
      await forEach(keys, (key) => cache.set(key, value));
      const hit = measureReads(keys, CALLERS, (key) => cache.getOrSet(key, mustNotLoad));
      const set = measureWrites(keys, CALLERS, (key) => cache.set(key, value));
      return {
        measure: async (budgetMs) => {
          const hits = await hit(budgetMs / 2);
          const sets = await set(budgetMs / 2);
          return { 'L2 hit': hits[OPS.name] as number, set: sets[OPS.name] as number };
        },
        close: () => cache.close(),
      };
    },
  };
}

export const scenario: Scenario = {
  id: 'P9',
  title: 'Encryption, 1 KB',
  method:
    '100 calls at once, as in P3 (hits in Redis) and P5 (`set`, nobody listening), with and without XChaCha20-Poly1305.',
  figures: [
    { ...OPS, name: 'L2 hit' },
    { ...OPS, name: 'set' },
  ],
  contestants: [contestant(OFF, false), contestant(ON, true)],
  targets: [
    { of: ON, figure: 'L2 hit', against: [OFF], atLeast: 0.7 },
    { of: ON, figure: 'set', against: [OFF], atLeast: 0.7 },
  ],
};
