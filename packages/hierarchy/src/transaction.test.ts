import { L2NotColocatedError } from '@tierwise/l2';
import { describe, expect, test } from 'vitest';
import { type ManualClock, settle } from '../test/manual-clock.js';
import { cluster, HandLoader, lonely } from '../test/nodes.js';
import type { Hierarchy, HierarchyEvent } from './index.js';
import {
  HierarchyClosedError,
  InvalidKeyError,
  InvalidOptionError,
  InvalidValueError,
  L2FailedError,
  TransactionClosedError,
  TransactionConflictError,
  TransactionUnsupportedError,
  UnserializableError,
} from './index.js';

/** With an L2, and without one: the semantics are the same. */
const GROUNDS: [string, () => Promise<Hierarchy>][] = [
  ['in L2', async () => withClock(await cluster().node())],
  ['in L1 alone', async () => withClock(lonely())],
];

const clocks = new WeakMap<Hierarchy, ManualClock>();

function withClock({ cache, clock }: { cache: Hierarchy; clock: ManualClock }): Hierarchy {
  clocks.set(cache, clock);
  return cache;
}

/** Moves the cache's clock on: it stands still otherwise. */
async function advance(cache: Hierarchy, ms: number): Promise<void> {
  await clocks.get(cache)?.advance(ms);
}

describe.each(GROUNDS)('a transaction %s', (_, make) => {
  test('sees what it sets and deletes, and nobody else does before the commit', async () => {
    const cache = await make();
    await cache.set('a', 1);
    const tx = cache.begin();
    tx.set('a', 2);
    tx.set('b', { deep: [new Date(5)] });
    tx.delete('c');
    expect(await tx.getMany(['a', 'b', 'c', 'd'])).toEqual([2, { deep: [new Date(5)] }, undefined, undefined]);
    expect(await cache.getMany(['a', 'b'])).toEqual([1, undefined]);
    await tx.commit();
    expect(await cache.getMany(['a', 'b'])).toEqual([2, { deep: [new Date(5)] }]);
  });

  test('reads the same each time, and is refused at its commit when what it read has changed', async () => {
    const cache = await make();
    await cache.set('a', 1);
    const tx = cache.begin();
    expect(await tx.get('a')).toBe(1);
    await cache.set('a', 2);
    expect(await tx.get('a')).toBe(1);
    tx.set('b', 'of the transaction');
    const error = await tx.commit().catch((each: unknown) => each);
    expect(error).toBeInstanceOf(TransactionConflictError);
    expect(error).toMatchObject({ code: 'ERR_TIERWISE_TRANSACTION_CONFLICT', keys: ['a'], namespace: 'test' });
    expect(await cache.getMany(['a', 'b'])).toEqual([2, undefined]);
  });

  test('is refused when a key that it found absent is there by now, or one that it found was deleted', async () => {
    const cache = await make();
    await cache.set('there', 1);
    const [absent, deleted] = [cache.begin(), cache.begin()];
    expect(await absent.get('absent')).toBeUndefined();
    expect(await deleted.get('there')).toBe(1);
    await cache.set('absent', 1);
    await cache.delete('there');
    for (const tx of [absent, deleted]) {
      tx.set('b', 1);
      await expect(tx.commit()).rejects.toBeInstanceOf(TransactionConflictError);
    }
    expect(await cache.get('b')).toBeUndefined();
  });

  test('never sees values that did not stand together: the read itself is refused', async () => {
    const cache = await make();
    await cache.setMany([
      ['a', 1],
      ['b', 1],
    ]);
    const tx = cache.begin();
    expect(await tx.get('a')).toBe(1);
    await cache.transaction((other) => {
      other.set('a', 2);
      other.set('b', 2);
    });
    await expect(tx.get('b')).rejects.toMatchObject({ keys: ['a'] });
    // It is doomed: it is told so whatever it does.
    expect(() => tx.set('a', 3)).toThrow(TransactionConflictError);
    await expect(tx.get('a')).rejects.toBeInstanceOf(TransactionConflictError);
    await expect(tx.commit()).rejects.toBeInstanceOf(TransactionConflictError);
    expect(tx.isOpen).toBe(false);
  });

  test('that is rolled back does nothing', async () => {
    const cache = await make();
    const tx = cache.begin();
    tx.set('a', 1);
    tx.rollback();
    tx.rollback();
    expect(await cache.get('a')).toBeUndefined();
  });

  test('that is over refuses everything', async () => {
    const cache = await make();
    const [committed, rolledBack] = [cache.begin(), cache.begin()];
    await committed.commit();
    rolledBack.rollback();
    for (const tx of [committed, rolledBack]) {
      await expect(tx.get('a')).rejects.toBeInstanceOf(TransactionClosedError);
      await expect(tx.getMany(['a'])).rejects.toMatchObject({ code: 'ERR_TIERWISE_TRANSACTION_CLOSED' });
      expect(() => tx.set('a', 1)).toThrow(TransactionClosedError);
      expect(() => tx.delete('a')).toThrow(TransactionClosedError);
      await expect(tx.commit()).rejects.toBeInstanceOf(TransactionClosedError);
    }
  });

  test('encodes a value when it is set, and hands out frozen ones', async () => {
    const cache = await make();
    const tx = cache.begin();
    const value = { list: [1] };
    tx.set('a', value);
    value.list.push(2);
    const own = (await tx.get('a')) as { list: number[] };
    expect(own).toEqual({ list: [1] });
    expect(() => own.list.push(3)).toThrow(TypeError);
    await tx.commit();
    expect(await cache.get('a')).toEqual({ list: [1] });
    const later = cache.begin();
    const read = (await later.get('a')) as { list: number[] };
    expect(() => read.list.push(3)).toThrow(TypeError);
  });

  test('refuses what cannot be stored when it is set, and remains as it was', async () => {
    const cache = await make();
    const tx = cache.begin();
    expect(() => tx.set('a', () => {})).toThrow(UnserializableError);
    expect(() => tx.set('a', undefined)).toThrow(InvalidValueError);
    expect(() => tx.set('\n', 1)).toThrow(InvalidKeyError);
    expect(() => tx.set('a', 1, { tll: 5 } as object)).toThrow(InvalidOptionError);
    for (let number = 0; number < 1000; number++) tx.set(`${number}`, number);
    expect(() => tx.set('one too many', 1)).toThrow(InvalidOptionError);
    await tx.commit();
    expect(await cache.getMany(['a', '999', 'one too many'])).toEqual([undefined, 999, undefined]);
  });

  test('sets values with their own ttl and tags; a ttl of 0 removes', async () => {
    const cache = await make();
    await cache.set('gone', 1);
    await cache.transaction((tx) => {
      tx.set('a', 1, { ttl: 500, tags: ['x'] });
      tx.set('b', 1, { tags: ['x', 'y'] });
      tx.set('gone', 2, { ttl: 0 });
    });
    expect(await cache.getEntry('a')).toMatchObject({ value: 1, freshMs: 500, tags: ['x'] });
    expect(await cache.get('gone')).toBeUndefined();
    await cache.invalidateTags(['y']);
    expect(await cache.getMany(['a', 'b'])).toEqual([1, undefined]);
    await cache.invalidateTags(['x']);
    expect(await cache.get('a')).toBeUndefined();
  });

  test('conflicts when a tag of what it read was invalidated meanwhile, or the namespace cleared', async () => {
    const cache = await make();
    await cache.set('a', 1, { tags: ['x'] });
    await cache.set('b', 1);
    const [tagged, untagged] = [cache.begin(), cache.begin()];
    expect(await tagged.get('a')).toBe(1);
    expect(await untagged.get('b')).toBe(1);
    await cache.invalidateTags(['x']);
    tagged.set('c', 1);
    await expect(tagged.commit()).rejects.toMatchObject({ keys: ['a'] });
    await cache.clear();
    await expect(untagged.get('other')).rejects.toMatchObject({ keys: ['b'] });
  });

  test('dooms a load that is under way for a key that it writes', async () => {
    const cache = await make();
    const loader = new HandLoader<string>();
    const loading = cache.getOrSet('a', loader.load);
    await loader.begun();
    await cache.transaction((tx) => tx.set('a', 'committed'));
    loader.finish('loaded');
    expect(await loading).toBe('loaded');
    await settle();
    expect(await cache.get('a')).toBe('committed');
    expect(cache.peek('a')).toBe('committed');
  });

  test('is run again after a conflict, and then done', async () => {
    const cache = await make();
    await cache.set('n', 0);
    const increments = Array.from({ length: 8 }, () =>
      cache.transaction(async (tx) => tx.set('n', ((await tx.get<number>('n')) ?? 0) + 1), { retries: 100 }),
    );
    let isOver = false;
    const done = Promise.all(increments).finally(() => {
      isOver = true;
    });
    // Pauses are on the clock, which stands still: it is moved until all are through.
    for (let times = 0; times < 1000 && !isOver; times++) await advance(cache, 250);
    await done;
    expect(await cache.get('n')).toBe(8);
  });

  test('that conflicts each time is given up after its retries, with pauses in between', async () => {
    const cache = await make();
    let runs = 0;
    const given = cache
      .transaction(
        async (tx) => {
          runs += 1;
          await tx.get('a');
          await cache.set('a', runs);
          tx.set('b', runs);
        },
        { retries: 2 },
      )
      .catch((error: unknown) => error);
    await settle();
    expect(runs).toBe(1);
    await advance(cache, 1000);
    await advance(cache, 1000);
    expect(await given).toBeInstanceOf(TransactionConflictError);
    expect(runs).toBe(3);
    expect(await cache.get('b')).toBeUndefined();
  });

  test('is rolled back when its function throws, which is not repeated', async () => {
    const cache = await make();
    let runs = 0;
    const failing = cache.transaction((tx) => {
      runs += 1;
      tx.set('a', 1);
      throw new RangeError('of the function');
    });
    await expect(failing).rejects.toThrow(RangeError);
    expect([runs, await cache.get('a')]).toEqual([1, undefined]);
  });

  test('whose function hides a conflict is repeated all the same', async () => {
    const cache = await make();
    let runs = 0;
    const hiding = cache.transaction(async (tx) => {
      runs += 1;
      await tx.get('a');
      if (runs === 1) await cache.set('a', 1);
      await tx.get('b').catch(() => 'hidden');
      return runs;
    });
    await settle();
    await advance(cache, 1000);
    expect(await hiding).toBe(2);
  });

  test('that its function ends by itself is not ended again', async () => {
    const cache = await make();
    expect(
      await cache.transaction(async (tx) => {
        tx.set('a', 1);
        await tx.commit();
        return 'committed';
      }),
    ).toBe('committed');
    await cache.transaction((tx) => {
      tx.set('a', 2);
      tx.rollback();
    });
    expect(await cache.get('a')).toBe(1);
  });

  test('tells of what it set and removed, once it is done', async () => {
    const cache = await make();
    const events: Partial<HierarchyEvent>[] = [];
    cache.on('set', (event) => events.push(event));
    cache.on('delete', (event) => events.push(event));
    const tx = cache.begin();
    tx.set('a', 1);
    tx.delete('b');
    expect(events).toEqual([]);
    await tx.commit();
    expect(events).toMatchObject([
      { type: 'delete', keys: ['b'] },
      { type: 'set', key: 'a', value: 1 },
    ]);
  });

  test('ends when its signal aborts: at once, with nothing done, whatever its work does afterwards', async () => {
    const cache = await make();
    const gone = new AbortController();
    let goOn = () => {};
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const afterwards: unknown[] = [];
    const transaction = cache.transaction(
      async (tx) => {
        tx.set('k', 1);
        await held;
        afterwards.push(await tx.get('k').catch((error: unknown) => error));
      },
      { signal: gone.signal },
    );
    await settle();
    gone.abort(new Error('gone'));
    await expect(transaction).rejects.toThrow('gone');
    goOn();
    await settle();
    expect(afterwards).toEqual([expect.any(TransactionClosedError)]);
    expect(await cache.get('k')).toBeUndefined();
    await expect(cache.transaction((tx) => tx.set('k', 1), { signal: gone.signal })).rejects.toThrow('gone');
    expect(await cache.get('k')).toBeUndefined();
  });

  test('whose signal aborts in its last moment, by its own work, is not committed', async () => {
    const cache = await make();
    const gone = new AbortController();
    const transaction = cache.transaction(
      (tx) => {
        tx.set('k', 1);
        gone.abort(new Error('gone'));
      },
      { signal: gone.signal },
    );
    await expect(transaction).rejects.toThrow('gone');
    expect(await cache.get('k')).toBeUndefined();
  });

  test('refuses retries that make no sense, and what is no function', async () => {
    const cache = await make();
    for (const retries of [-1, 1.5, Number.NaN, 101, '3' as unknown as number]) {
      await expect(cache.transaction(() => {}, { retries })).rejects.toBeInstanceOf(InvalidOptionError);
    }
    await expect(cache.transaction('f' as unknown as () => void)).rejects.toBeInstanceOf(InvalidOptionError);
  });

  test('ends with the hierarchy', async () => {
    const cache = await make();
    const tx = cache.begin();
    tx.set('a', 1);
    await cache.close();
    await expect(tx.commit()).rejects.toBeInstanceOf(HierarchyClosedError);
    expect(() => cache.begin()).toThrow(HierarchyClosedError);
    await expect(cache.transaction(() => {})).rejects.toBeInstanceOf(HierarchyClosedError);
  });

  test('of reads that go out at once sees one moment all the same', async () => {
    const cache = await make();
    await cache.setMany([
      ['a', 1],
      ['b', 2],
    ]);
    const tx = cache.begin();
    expect(await Promise.all([tx.get('a'), tx.get('b'), tx.getMany(['b', 'a', 'b'])])).toEqual([1, 2, [2, 1, 2]]);
    await tx.commit();
  });
});

describe('a commit in L2', () => {
  test('is heard by peers, of every key, and read by them', async () => {
    const { node } = cluster();
    const [one, other] = [(await node()).cache, (await node()).cache];
    await one.setMany([
      ['a', 1],
      ['b', 1],
    ]);
    expect(await other.getMany(['a', 'b', 'c'])).toEqual([1, 1, undefined]);
    await one.transaction((tx) => {
      tx.set('a', 2);
      tx.delete('b');
      tx.set('c', 2);
    });
    await settle();
    expect(['a', 'b', 'c'].map((key) => other.peek(key))).toEqual([undefined, undefined, undefined]);
    expect(await other.getMany(['a', 'b', 'c'])).toEqual([2, undefined, 2]);
  });

  test('reads in L2 what L1 does not know to be old', async () => {
    const { node } = cluster();
    const [one, other] = [await node(), await node()];
    await one.cache.set('a', 1);
    expect(await one.cache.get('a')).toBe(1);
    one.l2.holdNews();
    await other.cache.set('a', 2);
    expect(one.cache.peek('a')).toBe(1);
    expect(await one.cache.begin().get('a')).toBe(2);
    one.l2.releaseNews();
  });

  test('that a peer overtook before its answer came does not fill L1 with its older value', async () => {
    const { node } = cluster();
    const [one, other] = [await node(), await node()];
    const held = one.l2.hold('commit', 'back');
    const committing = one.cache.transaction((tx) => tx.set('a', 'of one'));
    await held.arrived;
    await other.cache.set('a', 'of the other');
    await settle();
    held.release();
    await committing;
    expect(one.cache.peek('a')).toBeUndefined();
    expect(await one.cache.get('a')).toBe('of the other');
  });

  test('that a later write of this very node overtook does not fill L1 with its older value', async () => {
    const { node } = cluster();
    const { cache, l2 } = await node();
    const held = l2.hold('commit', 'back');
    const committing = cache.transaction((tx) => tx.set('a', 'committed'));
    await held.arrived;
    await cache.set('a', 'later');
    held.release();
    await committing;
    expect(cache.peek('a')).toBe('later');
  });

  test('whose answer is lost rejects, is not repeated, and leaves nothing in L1 that is not certain', async () => {
    const { node } = cluster();
    const { cache, l2, clock } = await node({ l2Timeout: 100 });
    await cache.set('a', 'old');
    const held = l2.hold('commit', 'back');
    const committing = cache.transaction((tx) => tx.set('a', 'new')).catch((error: unknown) => error);
    await held.arrived;
    await clock.advance(100);
    expect(await committing).toBeInstanceOf(L2FailedError);
    expect(cache.peek('a')).toBeUndefined();
    held.release();
    await settle();
    expect(await cache.get('a')).toBe('new');
    expect(l2.count('commit')).toBe(1);
  });

  test('that takes effect after it was given up takes what was read meanwhile out of L1', async () => {
    const { node } = cluster();
    const { cache, l2, clock } = await node({ l2Timeout: 100 });
    await cache.set('a', 'old');
    const held = l2.hold('commit', 'out');
    const committing = cache.transaction((tx) => tx.set('a', 'new')).catch((error: unknown) => error);
    await held.arrived;
    await clock.advance(100);
    expect(await committing).toBeInstanceOf(L2FailedError);
    expect(await cache.get('a')).toBe('old');
    expect(cache.peek('a')).toBe('old');
    held.release();
    await settle();
    expect(cache.peek('a')).toBeUndefined();
    expect(await cache.get('a')).toBe('new');
  });

  test('waits for reads of the transaction that are under way, and counts them', async () => {
    const { node } = cluster();
    const [one, other] = [await node(), await node()];
    await one.cache.set('a', 1);
    const tx = one.cache.begin();
    const held = one.l2.hold('transactionalRead', 'back');
    const reading = tx.get('a');
    await held.arrived;
    tx.set('b', 1);
    const committing = tx.commit().catch((error: unknown) => error);
    await other.cache.set('a', 2);
    held.release();
    expect(await reading).toBe(1);
    expect(await committing).toMatchObject({ keys: ['a'] });
    expect(await other.cache.get('b')).toBeUndefined();
  });

  test('of keys of which L2 has yet to be told rejects, and so does a read of them', async () => {
    const { node } = cluster();
    const { cache, l2 } = await node();
    l2.break(new Error('cut'), 'write');
    await cache.set('a', 'late');
    expect(cache.stats().outbox.items).toBe(1);
    await expect(cache.begin().get('a')).rejects.toBeInstanceOf(L2FailedError);
    await expect(cache.transaction((tx) => tx.set('a', 'new'))).rejects.toBeInstanceOf(L2FailedError);
    expect(await cache.begin().get('another')).toBeUndefined();
    expect(l2.count('commit')).toBe(0);
    l2.mend();
  });

  test('that never reached L2 rejects, and is not made up for later', async () => {
    const { node } = cluster();
    const { cache, l2 } = await node();
    await cache.set('a', 'old');
    l2.break(new Error('cut'), 'commit');
    await expect(cache.transaction((tx) => tx.set('a', 'new'))).rejects.toBeInstanceOf(L2FailedError);
    l2.mend();
    await settle();
    expect(await cache.get('a')).toBe('old');
    expect(cache.stats().outbox.items).toBe(0);
  });

  test('rejects while L2 does not answer reads', async () => {
    const { node } = cluster();
    const { cache, l2 } = await node();
    l2.break(new Error('cut'), 'transactionalRead');
    await expect(cache.begin().get('a')).rejects.toBeInstanceOf(L2FailedError);
  });

  test('of keys that do not lie together says which option helps, and harms nothing', async () => {
    const { node } = cluster();
    const { cache, l2 } = await node();
    await cache.set('a', 'old');
    l2.break(new L2NotColocatedError('redis', 'keys of different slots'), 'commit', 'transactionalRead');
    const error = await cache.transaction((tx) => tx.set('a', 'new')).catch((each: unknown) => each);
    expect(error).toBeInstanceOf(TransactionUnsupportedError);
    expect(error).toMatchObject({
      code: 'ERR_TIERWISE_TRANSACTION_UNSUPPORTED',
      message: expect.stringContaining('colocate'),
    });
    expect(cache.peek('a')).toBe('old');
    await expect(cache.begin().get('a')).rejects.toBeInstanceOf(TransactionUnsupportedError);
  });

  test('needs an L2 that has transactions', async () => {
    const { node } = cluster();
    const { cache } = await node({ without: ['transactions'] });
    await expect(cache.transaction((tx) => tx.set('a', 1))).rejects.toBeInstanceOf(TransactionUnsupportedError);
    await expect(cache.begin().get('a')).rejects.toBeInstanceOf(TransactionUnsupportedError);
  });

  test('of tagged values needs an L2 that has logical time', async () => {
    const { node } = cluster();
    const { cache } = await node({ without: ['time'] });
    const tagged = cache.transaction((tx) => tx.set('a', 1, { tags: ['x'] }));
    await expect(tagged).rejects.toBeInstanceOf(TransactionUnsupportedError);
    await cache.transaction((tx) => tx.set('a', 1));
    expect(await cache.get('a')).toBe(1);
  });

  test('while deaf, a tag that a peer invalidated before the commit began is asked for', async () => {
    const { node } = cluster();
    const [one, other] = [await node({ without: ['feed'] }), await node()];
    await one.cache.set('a', 1, { tags: ['x'] });
    const tx = one.cache.begin();
    expect(await tx.get('a')).toBe(1);
    await other.cache.invalidateTags(['x']);
    tx.set('b', 1);
    await expect(tx.commit()).rejects.toMatchObject({ keys: ['a'] });
  });
});
