import { expect, test } from 'vitest';
import { KilledJournal } from '../test/kill.js';
import { temporaryDirectory } from '../test/support.js';

/** By hand, for many more: `TIERWISE_JOURNAL_KILLS=200 npx vitest run packages/journal/src/kill.test.ts`. */
const KILLS = Number(process.env['TIERWISE_JOURNAL_KILLS'] ?? 9);

// What the kernel was given survives the process, under each policy. (What a loss of power leaves is up to fdatasync and
// the disk, and cannot be tested by killing processes.)
test.each([
  ['always', KILLS],
  ['interval', Math.ceil(KILLS / 3)],
  ['never', Math.ceil(KILLS / 3)],
] as const)(
  'kill -9 while it appends with fsync %s: no acknowledged record is lost, %i times',
  { timeout: 30_000 + KILLS * 2_000 },
  async (fsync, times) => {
    const journal = new KilledJournal(temporaryDirectory(), fsync);
    for (let life = 0; life < times; life += 1) await journal.live(1 + ((life * 97) % 800));
    console.log(`${fsync}: killed ${times} times; ${journal.acknowledged} acknowledged, ${journal.tornEnds} torn ends`);
    expect(journal.lost).toEqual([]);
    expect(journal.troubles).toEqual([]);
    expect(journal.acknowledged).toBeGreaterThan(times);
  },
);
