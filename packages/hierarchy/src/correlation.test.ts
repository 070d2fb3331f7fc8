import type { L2News } from '@tierwise/l2';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { settle } from '../test/manual-clock.js';
import { cluster, HandLoader, lonely, type Node } from '../test/nodes.js';
import { cut, mend } from '../test/outage.js';
import { createHierarchy, withCorrelationId } from './index.js';

afterEach(() => {
  vi.restoreAllMocks();
});

/** What a node hears of its peers: what it was, of which keys or tags, and on whose account. */
function heardBy({ cache }: Node): [what: string, names: string, id: string | undefined][] {
  const heard: [string, string, string | undefined][] = [];
  cache.on('news', ({ news }) => {
    heard.push([whatOf(news), namesOf(news), news.correlationId]);
  });
  return heard;
}

const whatOf = (news: L2News) => (news.type === 'changed' ? news.cause : news.type);
const namesOf = (news: L2News) => ('keys' in news ? news.keys : 'tags' in news ? (news.tags ?? ['*']) : []).join();

async function pair(): Promise<{ n1: Node; heard: ReturnType<typeof heardBy> }> {
  const { node } = cluster();
  const [n1, n2] = [await node(), await node()];
  await n1.cache.get('warm');
  await n2.cache.get('warm');
  return { n1, heard: heardBy(n2) };
}

describe('the account that runs', () => {
  test('is that of the innermost call, through whatever it awaits, and of nobody outside', async () => {
    const { cache } = lonely();
    expect(cache.correlationId()).toBeUndefined();
    await withCorrelationId('outer', async () => {
      await settle();
      expect(cache.correlationId()).toBe('outer');
      expect(withCorrelationId('inner', () => cache.correlationId())).toBe('inner');
      expect(withCorrelationId(undefined, () => cache.correlationId())).toBeUndefined();
      expect(withCorrelationId('', () => cache.correlationId())).toBeUndefined();
      await settle();
      expect(cache.correlationId()).toBe('outer');
    });
    expect(cache.correlationId()).toBeUndefined();
  });

  test('can be called anything: what could break a log line or a message is replaced, what is too long is cut off', () => {
    const { cache } = lonely();
    const idOf = (id: unknown) => withCorrelationId(id as string, () => cache.correlationId());
    expect(idOf('a b\nc\u0000é')).toBe('a_b_c__');
    expect(idOf('x'.repeat(1_000_000))).toBe('x'.repeat(64));
    expect(idOf(7)).toBe('7');
  });

  test("is the user's own where an option says how to learn it, and withCorrelationId counts for more", async () => {
    let mine: string | undefined = 'mine';
    const { cache } = lonely({ correlationId: () => mine });
    expect(cache.correlationId()).toBe('mine');
    expect(withCorrelationId('theirs', () => cache.correlationId())).toBe('theirs');
    expect(withCorrelationId(undefined, () => cache.correlationId())).toBeUndefined();
    mine = 'with space';
    expect(cache.correlationId()).toBe('with_space');
    mine = undefined;
    expect(cache.correlationId()).toBeUndefined();
  });

  test('is nobody where that option throws, which is told once and harms no call', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const { node } = cluster();
    const { cache } = await node({
      correlationId: () => {
        throw new Error('no context');
      },
    });
    await cache.set('k', 1);
    await cache.delete('k');
    expect(cache.correlationId()).toBeUndefined();
    expect(warned.mock.calls).toEqual([[expect.stringContaining('no context'), 'TierwiseWarning']]);
  });

  test('is nobody where that option throws what cannot be shown', () => {
    const { cache } = lonely({
      correlationId: () => {
        throw Object.create(null);
      },
    });
    expect(cache.correlationId()).toBeUndefined();
  });

  test('is asked of a function only', () => {
    expect(() => createHierarchy({ namespace: 'test', correlationId: 'id' as never })).toThrow(/must be a function/);
  });
});

describe('peers hear on whose account', () => {
  test('everything was done that they are told of', async () => {
    const { n1, heard } = await pair();
    await withCorrelationId('r1', async () => {
      await n1.cache.set('k', 1);
      await n1.cache.touch('k');
      await n1.cache.expire('k');
      await n1.cache.delete('k');
      await n1.cache.invalidateTags(['t']);
      await n1.cache.getOrSet('l', () => 1);
      await n1.cache.getOrSet('skipped', ({ skip }) => skip());
      await n1.cache.transaction((transaction) => transaction.set('m', 1));
      await n1.cache.purge();
    });
    await n1.cache.set('k', 1);
    await settle();
    expect(heard).toEqual([
      ['write', 'k', 'r1'],
      ['touch', 'k', 'r1'],
      ['expire', 'k', 'r1'],
      ['delete', 'k', 'r1'],
      ['marks', 't', 'r1'],
      ['fill', 'l', 'r1'],
      ['released', 'skipped', 'r1'],
      ['write', 'm', 'r1'],
      ['marks', '*', 'r1'],
      ['reset', '', 'r1'],
      ['write', 'k', undefined],
    ]);
  });

  test('and a listener of theirs runs on that account', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node({ correlationId: () => 'of n2 itself' })];
    await n2.cache.get('warm');
    const accounts: unknown[] = [];
    n2.cache.on('news', () => accounts.push(n2.cache.correlationId()));
    await withCorrelationId('r1', () => n1.cache.set('k', 1));
    await n1.cache.set('k', 2);
    await settle();
    expect(accounts).toEqual(['r1', undefined]);
  });

  test('two loads of one turn on different accounts fill apart, each on its own', async () => {
    const { n1, heard } = await pair();
    const loader = new HandLoader<number>();
    const loads = ['a', 'b', 'c'].map((key, index) =>
      withCorrelationId(['r1', 'r2', 'r1'][index], () => n1.cache.getOrSet(key, loader.load)),
    );
    await loader.begun(3);
    for (const value of [1, 2, 3]) loader.finish(value);
    await Promise.all(loads);
    await settle();
    expect(heard.map(([, keys, id]) => [keys, id]).sort()).toEqual([
      ['a', 'r1'],
      ['b', 'r2'],
      ['c', 'r1'],
    ]);
    expect(n1.l2.count('write')).toBe(2);
  });

  test('a refresh behind is on the account of the reader who got the stale value', async () => {
    const { node, clock } = cluster();
    const [n1, n2] = [await node({ ttl: 100, staleWhileRevalidate: 10_000 }), await node()];
    await n2.cache.get('warm');
    await n1.cache.getOrSet('k', () => 1);
    await clock.advance(200);
    const heard = heardBy(n2);
    expect(await withCorrelationId('r1', () => n1.cache.getOrSet('k', () => 2))).toBe(1);
    await settle();
    expect(heard).toEqual([['fill', 'k', 'r1']]);
  });
});

describe('what was ordered while L2 was away', () => {
  test('reaches peers on the accounts on which it was ordered, however it is made up for', async () => {
    const { n1, heard } = await pair();
    await withCorrelationId('the first to fail', () => cut(n1));
    await withCorrelationId('r1', async () => {
      await n1.cache.set('value of r1', 1);
      await n1.cache.delete('deleted by r1');
      await n1.cache.expire('expired by r1');
      await n1.cache.invalidateTags(['tag of r1']);
    });
    await withCorrelationId('r2', async () => {
      await n1.cache.set('value of r2', 1);
      await n1.cache.delete('deleted by r2');
      await n1.cache.invalidateTags(['tag of r2']);
    });
    await n1.cache.delete('deleted by nobody');
    await n1.cache.set('value of nobody', 1);
    await mend(n1);
    expect(heard.sort()).toEqual(
      [
        ['marks', 'tag of r1', 'r1'],
        ['marks', 'tag of r2', 'r2'],
        ['delete', 'deleted by r1', 'r1'],
        ['delete', 'deleted by r2', 'r2'],
        ['delete', 'deleted by nobody', undefined],
        ['expire', 'expired by r1', 'r1'],
        ['write', 'value of r1', 'r1'],
        ['write', 'value of r2', 'r2'],
        ['write', 'value of nobody', undefined],
      ].sort(),
    );
  });

  test('of one key, the last account counts', async () => {
    const { n1, heard } = await pair();
    await cut(n1);
    await withCorrelationId('r1', () => n1.cache.set('k', 1));
    await withCorrelationId('r2', () => n1.cache.delete('k'));
    await mend(n1);
    expect(heard).toEqual([['delete', 'k', 'r2']]);
  });

  test('fails for all, if it fails on one account, and all of it is done again', async () => {
    const { n1, heard } = await pair();
    await cut(n1);
    for (const id of ['r1', 'r2', 'r3']) await withCorrelationId(id, () => n1.cache.delete(`of ${id}`));
    n1.l2.mend();
    const failures: unknown[] = [];
    n1.cache.on('l2-error', ({ operation, error }) => failures.push([operation, error]));
    const held = n1.l2.hold('delete');
    const recovering = n1.clock.advance(60_000);
    await held.arrived;
    const error = new Error('once more');
    held.fail(error);
    await recovering;
    expect(failures).toEqual([['recover', error]]);
    await mend(n1);
    expect(new Set(heard.map(([, key, id]) => `${key}: ${id}`))).toEqual(
      new Set(['of r1: r1', 'of r2: r2', 'of r3: r3']),
    );
    expect(n1.cache.stats().outbox.items).toBe(0);
  });

  test('without accounts it is as few commands as ever', async () => {
    const { n1 } = await pair();
    await cut(n1);
    for (let i = 0; i < 20; i += 1) await n1.cache.delete(`key ${i}`);
    n1.l2.calls.length = 0;
    await mend(n1);
    expect(n1.l2.count('delete')).toBe(1);
  });
});

describe('events of what services do as a whole', () => {
  test('purge says how many entries it removed, commit what it set and deleted', async () => {
    const { node } = cluster();
    const { cache } = await node();
    const events: unknown[] = [];
    cache.on('purge', (event) => events.push(event));
    cache.on('commit', (event) => events.push(event));
    await cache.transaction((transaction) => {
      transaction.set('a', 1);
      transaction.delete('b');
    });
    await cache.transaction((transaction) => transaction.get('a'));
    await cache.purge();
    expect(events).toEqual([
      { type: 'commit', namespace: 'test', sets: ['a'], deletes: ['b'] },
      { type: 'purge', namespace: 'test', entries: 1 },
    ]);
  });
});
