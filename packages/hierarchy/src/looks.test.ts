import { describe, expect, test, vi } from 'vitest';
import { settle } from '../test/manual-clock.js';
import { cluster, type Node } from '../test/nodes.js';
import { withCorrelationId } from './index.js';

/** A node that wrote `a`, `b` and `c`, and one that has none of them in L1. */
async function pair(): Promise<{ writer: Node; reader: Node }> {
  const { node } = cluster();
  const [writer, reader] = [await node(), await node({ loadTimeout: { hard: '1h' } })];
  await writer.cache.setMany(['a', 'b', 'c'].map((key) => [key, `value of ${key}`]));
  await settle();
  return { writer, reader };
}

/** As {@link pair}; the reader has to ask for marks before it can judge `b`. */
async function pairWithMarks(): Promise<{ reader: Node }> {
  const { node } = cluster();
  const writer = await node();
  await writer.cache.setMany(['a', 'c'].map((key) => [key, `value of ${key}`]));
  await writer.cache.set('b', 'value of b', { tags: ['t'] });
  // The counter goes on: what is of before may have been invalidated by a tag of which the reader did not hear.
  await writer.cache.invalidateTags(['another']);
  return { reader: await node() };
}

const ALL = ['a', 'b', 'c'];
const VALUES = ['value of a', 'value of b', 'value of c'];

function getAll({ cache }: Node, keys: readonly string[] = ALL): Promise<unknown[]> {
  return Promise.all(keys.map((key) => cache.get(key)));
}

/** Has L2 answer reads with something else than it has. */
function falsify({ l2 }: Node, falsely: (answers: unknown[], keys: readonly string[]) => unknown): void {
  const read = l2.read.bind(l2);
  vi.spyOn(l2, 'read').mockImplementation(
    async (namespace, keys) => falsely(await read(namespace, keys), keys) as Awaited<ReturnType<typeof read>>,
  );
}

describe('the looks of one turn', () => {
  test('are one command of each namespace', async () => {
    const { reader } = await pair();
    const shop = reader.cache.namespace('shop');
    const users = reader.cache.namespace('users');
    await Promise.all([shop, users].map((cache) => cache.get('to attach')));
    reader.l2.calls.length = 0;
    await Promise.all([getAll(reader), shop.get('a'), users.get('a'), shop.get('b'), reader.cache.get('d')]);
    expect(reader.l2.calls).toEqual(['read', 'read', 'read']);
  });

  test('wait together for the feed to follow, and so do those of later turns: all are one command', async () => {
    const { reader } = await pair();
    const cache = reader.cache.namespace('new');
    const following = reader.l2.hold('follow', 'back');
    const reads: Promise<unknown>[] = [];
    for (const key of ALL) {
      reads.push(cache.get(key));
      await settle();
    }
    following.release();
    await Promise.all(reads);
    expect(reader.l2.count('read')).toBe(1);
  });

  test('of a key of which there is news between two of them are two flights, each with its answer', async () => {
    const { writer, reader } = await pair();
    reader.l2.holdNews();
    await writer.cache.set('b', 'newer');
    const asked = vi.spyOn(reader.l2, 'read');
    const before = reader.cache.get('b');
    reader.l2.releaseNews();
    const after = getAll(reader);
    expect(await before).toBe('newer');
    expect(await after).toEqual(['value of a', 'newer', 'value of c']);
    expect(asked.mock.calls.map(([, keys]) => keys)).toEqual([['b', 'a', 'b', 'c']]);
    expect(reader.cache.peek('b')).toBe('newer');
  });

  test('leave out the key of which L2 has yet to be told, and the others get their own answers', async () => {
    const { reader } = await pair();
    reader.l2.break(new Error('gone'), 'delete', 'replay', 'health');
    await reader.cache.delete('b').catch(() => {});
    reader.l2.break(new Error('gone'), 'delete');
    const asked = vi.spyOn(reader.l2, 'read');
    expect(await getAll(reader)).toEqual(['value of a', undefined, 'value of c']);
    expect(asked.mock.calls.map(([, keys]) => keys)).toEqual([['a', 'c']]);
    expect(reader.cache.stats().l2.unanswered).toBe(1);
    reader.l2.mend();
  });
});

describe('an L2', () => {
  test.each([
    ['rejects', () => Promise.reject(new Error('gone'))],
    [
      'throws at once',
      () => {
        throw new Error('gone');
      },
    ],
  ])('that %s leaves every look of the turn unanswered, and is one error', async (_, read) => {
    const { reader } = await pair();
    const errors: string[] = [];
    reader.cache.on('l2-error', ({ operation }) => errors.push(operation));
    const reading = vi.spyOn(reader.l2, 'read').mockImplementation(read);
    expect(await Promise.all([...ALL.map((key) => reader.cache.getOrSet(key, () => 'loaded'))])).toEqual(
      ALL.map(() => 'loaded'),
    );
    expect(reader.cache.stats().l2.unanswered).toBe(3);
    expect(errors.filter((operation) => operation === 'read')).toEqual(['read']);
    reading.mockRestore();
  });

  test('that never answers leaves them unanswered at its time limit', async () => {
    const { reader } = await pair();
    reader.l2.break('silent', 'read');
    const reads = getAll(reader);
    await reader.clock.advance(60_000);
    expect(await reads).toEqual([undefined, undefined, undefined]);
    reader.l2.mend();
    await reader.clock.advance(60_000);
    expect(await getAll(reader)).toEqual(VALUES);
  });

  test('that answers with nothing at all does so too', async () => {
    const { reader } = await pair();
    falsify(reader, () => null);
    expect(await getAll(reader)).toEqual([undefined, undefined, undefined]);
    expect(reader.cache.stats().l2).toMatchObject({ misses: 3, unanswered: 3 });
  });

  test('that answers fewer keys than it was asked for has none of the others', async () => {
    const { reader } = await pair();
    falsify(reader, (answers) => answers.slice(0, 2));
    expect(await getAll(reader)).toEqual(['value of a', 'value of b', undefined]);
    expect(reader.cache.stats().l2).toMatchObject({ hits: 2, misses: 1, unanswered: 0 });
  });

  test('that answers one key with what is no answer does not spoil the others', async () => {
    const { reader } = await pair();
    falsify(reader, (answers, keys) => answers.map((answer, index) => (keys[index] === 'b' ? null : answer)));
    expect(await getAll(reader)).toEqual(['value of a', undefined, 'value of c']);
    expect(reader.cache.stats().l2).toMatchObject({ hits: 2, misses: 1, unanswered: 1 });
  });

  test.each([
    ['damaged', new Uint8Array([1, 2, 3])],
    ['cut off', undefined],
  ])('that has one %s value among good ones has a miss for it', async (_, bytes) => {
    const { reader } = await pair();
    const damaged: string[] = [];
    reader.cache.on('damaged', ({ key }) => damaged.push(key));
    falsify(reader, (answers, keys) =>
      answers.map((answer, index) => {
        if (keys[index] !== 'b') return answer;
        const found = answer as { bytes: Uint8Array };
        return { ...found, bytes: bytes ?? found.bytes.subarray(0, -1) };
      }),
    );
    expect(await getAll(reader)).toEqual(['value of a', undefined, 'value of c']);
    expect(damaged).toEqual(['b']);
    expect(reader.cache.stats().l2).toMatchObject({ hits: 2, misses: 1, unanswered: 0 });
  });
});

describe('a value that waits for marks', () => {
  test('keeps none of the other values of its turn waiting', async () => {
    const { reader } = await pairWithMarks();
    const marks = reader.l2.hold('marks', 'back');
    const [a, b, c] = ALL.map((key) => reader.cache.get(key));
    expect(await Promise.all([a, c])).toEqual(['value of a', 'value of c']);
    expect(reader.cache.stats().underWay.flights).toBe(1);
    marks.release();
    expect(await b).toBe('value of b');
  });

  test('is unanswered when L2 answers what are no marks', async () => {
    const { reader } = await pairWithMarks();
    const marks = vi
      .spyOn(reader.l2.time as NonNullable<Node['l2']['time']>, 'marks')
      .mockResolvedValue({ tags: [] } as never);
    expect(await getAll(reader)).toEqual(['value of a', undefined, 'value of c']);
    expect(reader.cache.stats().l2).toMatchObject({ hits: 2, misses: 1, unanswered: 1 });
    marks.mockRestore();
  });

  test('is waited for by close()', async () => {
    const { reader } = await pairWithMarks();
    const marks = reader.l2.hold('marks', 'back');
    const read = reader.cache.get('b');
    await marks.arrived;
    let closed = false;
    const closing = reader.cache.close().then(() => {
      closed = true;
    });
    await settle();
    expect(closed).toBe(false);
    marks.release();
    expect(await read).toBe('value of b');
    await closing;
  });
});

describe('close()', () => {
  test.each([
    ['get', ({ cache }: Node) => cache.get('a'), 'value of a'],
    ['getOrSet that finds', ({ cache }: Node) => cache.getOrSet('a', () => 'loaded'), 'value of a'],
    ['getOrSet that loads', ({ cache }: Node) => cache.getOrSet('d', () => 'loaded'), 'loaded'],
  ])('waits for a %s of the very same turn', async (_, read, value) => {
    const { reader } = await pair();
    const reading = read(reader);
    const closing = reader.cache.close();
    expect(await reading).toBe(value);
    await closing;
  });

  test('waits for a look that is on its way, and no longer', async () => {
    const { reader } = await pair();
    const held = reader.l2.hold('read', 'back');
    const reads = getAll(reader);
    await held.arrived;
    let closed = false;
    const closing = reader.cache.close().then(() => {
      closed = true;
    });
    await settle();
    expect(closed).toBe(false);
    held.release();
    expect(await reads).toEqual(VALUES);
    await closing;
  });
});

describe('what a look found', () => {
  test('is told on the account of who asked for it, whoever asked first', async () => {
    const { reader } = await pair();
    const told: unknown[] = [];
    const { cache } = reader;
    for (const type of ['hit', 'miss', 'damaged'] as const) {
      cache.on(type, (event) => {
        if ('tier' in event && event.tier === 'l1') return;
        told.push([type, event.key, cache.correlationId()]);
      });
    }
    falsify(reader, (answers, keys) =>
      answers.map((answer, index) =>
        keys[index] === 'b' ? { ...(answer as object), bytes: new Uint8Array(9) } : answer,
      ),
    );
    await Promise.all([
      withCorrelationId('r1', () => cache.get('a')),
      withCorrelationId('r2', () => cache.get('b')),
      cache.get('c'),
      withCorrelationId('r4', () => cache.get('d')),
    ]);
    expect(told).toEqual([
      ['hit', 'a', 'r1'],
      ['damaged', 'b', 'r2'],
      ['miss', 'b', 'r2'],
      ['hit', 'c', undefined],
      ['miss', 'd', 'r4'],
    ]);
  });

  test('is told on its own account though marks had to be asked for', async () => {
    const { reader } = await pairWithMarks();
    const told: unknown[] = [];
    const { cache } = reader;
    cache.on('hit', ({ key }) => told.push([key, cache.correlationId()]));
    await Promise.all(ALL.map((key) => withCorrelationId(`of-${key}`, () => cache.get(key))));
    expect(told).toEqual([
      ['a', 'of-a'],
      ['c', 'of-c'],
      ['b', 'of-b'],
    ]);
  });
});
