import { MemoryStore, memoryL2 } from '@tierwise/l2/memory';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LIFE, SPACE } from '../test/cluster.js';
import { ManualClock } from '../test/manual-clock.js';
import { opened, quick } from '../test/phases.js';
import { type MigratingL2, migrateL2 } from './index.js';

const bytes = (text: string) => new TextEncoder().encode(text);
/** How long a phase lasts at the least with the times of these tests, in milliseconds. */
const DWELL_MS = (600 + 400) * 1.1 + 50;

let stores: { from: MemoryStore; to: MemoryStore };
let clock: ManualClock;
let open: MigratingL2[];
beforeEach(() => {
  stores = { from: new MemoryStore(), to: new MemoryStore() };
  clock = new ManualClock();
  open = [];
});
afterEach(async () => {
  await Promise.all(open.map((l2) => l2.close()));
});

async function node(): Promise<MigratingL2> {
  const l2 = quick(memoryL2(stores.from), memoryL2(stores.to), { clock, trustFor: 600, callTimeout: 400 });
  open.push(l2);
  return opened(l2, `node ${open.length}`);
}

/** Lets time pass until an order is carried out. @returns how long that took, and what it ended with. */
async function carriedOut(order: Promise<unknown>): Promise<{ ms: number; error: unknown }> {
  let outcome: { error: unknown } | undefined;
  order.then(
    () => {
      outcome = { error: undefined };
    },
    (error) => {
      outcome = { error };
    },
  );
  const began = clock.now();
  while (outcome === undefined) await clock.advance(50);
  return { ms: clock.now() - began, error: outcome.error };
}

async function movingAt(l2: MigratingL2, percentage: number): Promise<void> {
  await carriedOut(l2.migration.start());
  await l2.migration.setPercentage(percentage);
}

describe('an operator', () => {
  test('starts, moves over, leaves, finishes; every node follows', async () => {
    const [one, other] = [await node(), await node()];
    const seen: string[] = [];
    other.migration.on('phase', ({ phase, percentage }) => seen.push(`${phase} ${percentage}`));
    expect((await carriedOut(one.migration.start())).error).toBeUndefined();
    await one.migration.setPercentage(30);
    await one.migration.setPercentage(100);
    expect((await carriedOut(one.migration.leave())).error).toBeUndefined();
    expect((await carriedOut(one.migration.finish())).error).toBeUndefined();
    await other.migration.refresh();
    expect(seen).toEqual(['joining 0', 'moving 0', 'moving 30', 'moving 100', 'leaving 100', 'to 100']);
    expect([one.migration.phase, one.migration.percentage]).toEqual(['to', 100]);
  });

  test('a phase begins when nobody can act upon the last but one any more', async () => {
    const l2 = await node();
    const at: number[] = [];
    const began = clock.now();
    l2.migration.on('phase', () => at.push(clock.now()));
    await carriedOut(l2.migration.start());
    const [joining = 0, moving = 0] = at;
    expect(joining - began).toBeGreaterThanOrEqual(DWELL_MS);
    expect(moving - joining).toBeGreaterThanOrEqual(DWELL_MS);
  });

  test('the record was lost and put back: the time begins anew', async () => {
    const l2 = await node();
    const starting = carriedOut(l2.migration.start());
    await clock.advance(DWELL_MS - 100);
    stores.from.namespace('tierwise-migration:default').entries.clear();
    expect(l2.migration.phase).toBe('from');
    expect((await starting).ms).toBeGreaterThan(2 * DWELL_MS + DWELL_MS - 200);
  });

  test.each(['joining', 'moving', 'leaving'])('rolls back from %s', async (from) => {
    const l2 = await node();
    if (from === 'joining') {
      // Whoever started it is gone half way.
      const starter = await node();
      const starting = starter.migration.start().catch(() => {});
      while (starter.migration.phase !== 'joining') await clock.advance(50);
      await starter.close();
      await carriedOut(starting);
    } else {
      await movingAt(l2, 100);
      if (from === 'leaving') await carriedOut(l2.migration.leave());
    }
    expect((await carriedOut(l2.migration.rollBack())).error).toBeUndefined();
    expect([l2.migration.phase, l2.migration.percentage]).toEqual(['from', 0]);
  });

  test('what is in order is not done again; what is half done is brought to its end', async () => {
    const l2 = await node();
    await movingAt(l2, 100);
    await l2.migration.start();
    await l2.migration.setPercentage(100);
    await carriedOut(l2.migration.leave());
    await l2.migration.leave();
    await carriedOut(l2.migration.finish());
    await l2.migration.finish();
    expect(l2.migration.phase).toBe('to');
  });

  test('two of them: one is told that the other was there', async () => {
    const [one, other] = [await node(), await node()];
    await movingAt(one, 100);
    const both = await Promise.all([carriedOut(one.migration.leave()), carriedOut(other.migration.rollBack())]);
    const codes = both.map(({ error }) => (error as { code?: string } | undefined)?.code);
    expect(codes.filter((code) => code !== undefined)).toEqual(['ERR_TIERWISE_MIGRATION_CONFLICT']);
  });

  test.each<[string, (l2: MigratingL2) => Promise<unknown>, string]>([
    ['moves what has not started', (l2) => l2.migration.setPercentage(10), 'PHASE'],
    ['compares what has not started', (l2) => l2.migration.compare(), 'PHASE'],
    ['moves more than all', (l2) => l2.migration.setPercentage(101), 'PERCENTAGE'],
    ['moves what is no number', (l2) => l2.migration.setPercentage(Number.NaN), 'PERCENTAGE'],
    ['finishes what has not started', (l2) => l2.migration.finish(), 'PHASE'],
    [
      'finishes before all has moved',
      async (l2) => {
        await movingAt(l2, 99);
        await l2.migration.finish();
      },
      'PERCENTAGE',
    ],
    [
      'rolls back what is finished',
      async (l2) => {
        await movingAt(l2, 100);
        await l2.migration.finish();
        await l2.migration.rollBack();
      },
      'PHASE',
    ],
  ])('who %s is told so', async (_, order, code) => {
    const l2 = await node();
    expect((await carriedOut(order(l2))).error).toMatchObject({ code: `ERR_TIERWISE_MIGRATION_${code}` });
  });

  test('from one store to itself: nothing is started', async () => {
    stores.to = stores.from;
    const l2 = await node();
    const { error } = await carriedOut(l2.migration.start());
    expect(error).toMatchObject({ code: 'ERR_TIERWISE_MIGRATION_SAME_STORE' });
    expect(l2.migration.phase).toBe('from');
  });

  test('the old store is away: the phase is not known, and nothing is moved', async () => {
    const l2 = await node();
    await l2.close();
    await expect(l2.migration.start()).rejects.toMatchObject({ code: 'ERR_TIERWISE_MIGRATION_UNKNOWN' });
  });
});

test.each([{ trustFor: 0 }, { trustFor: Number.NaN }, { askEvery: 3_000 }, { callTimeout: -1 }, { compareShare: 1.1 }])(
  'options that make no sense: %o',
  (more) => {
    const [from, to] = [memoryL2(), memoryL2()];
    expect(() => migrateL2({ from, to, ...more })).toThrow(
      expect.objectContaining({ code: 'ERR_TIERWISE_MIGRATION_OPTION' }),
    );
  },
);

test('one and the same object cannot be both', () => {
  const l2 = memoryL2();
  expect(() => migrateL2({ from: l2, to: l2 })).toThrow('same object');
});

test('it has what both stores have, but for what belongs to one store alone', () => {
  const [from, to] = [memoryL2(), memoryL2()];
  const whole = migrateL2({ from, to });
  expect([whole.leases, whole.time, whole.feed].every((each) => each !== undefined)).toBe(true);
  expect([whole.replay, whole.transactions]).toEqual([undefined, undefined]);
  const poor = migrateL2({
    from,
    to: Object.assign(memoryL2(), { leases: undefined, time: undefined, feed: undefined }),
  });
  expect([poor.leases, poor.time, poor.feed]).toEqual([undefined, undefined, undefined]);
});

describe('what an earlier attempt left in the new store', () => {
  const write = (l2: MigratingL2, key: string, text: string) => l2.write(SPACE, [{ key, bytes: bytes(text), ...LIFE }]);

  test('is not believed by the next one, though nobody invalidated it meanwhile', async () => {
    const l2 = await node();
    await movingAt(l2, 100);
    await write(l2, 'k', 'of the first attempt');
    await carriedOut(l2.migration.rollBack());
    await l2.delete(SPACE, ['k']);
    await movingAt(l2, 100);
    expect(await l2.read(SPACE, ['k'])).toEqual([undefined]);
  });

  test('is removed once, not by each process that starts', async () => {
    const one = await node();
    await movingAt(one, 100);
    await write(one, 'k', 'value');
    const other = await node();
    expect((await other.read(SPACE, ['k']))[0]?.status).toBe('found');
  });
});
