import { expect, test } from 'vitest';
import { killOnce } from '../test/kill.js';
import { temporaryDirectory } from '../test/support.js';

// What the kernel was given survives the process under each policy. (What a loss of power leaves is fdatasync's affair, and
// cannot be tested by killing.)
test.each([
  ['always', 9],
  ['interval', 3],
  ['never', 3],
] as const)(
  'kill -9 while appending with fsync %s: no acknowledged record is lost, %i times',
  { timeout: 60_000 },
  async (fsync, times) => {
    let acknowledged = 0;
    for (let run = 0; run < times; run += 1) {
      const result = await killOnce(temporaryDirectory(), fsync, 1 + run * 40);
      expect(result.lost).toEqual([]);
      expect(result.otherTroubles).toEqual([]);
      acknowledged += result.acknowledged;
    }
    expect(acknowledged).toBeGreaterThan(times);
  },
);
