import { expect, test } from 'vitest';
import { Echoes, type EntryName } from './echoes.js';

/** Echoes whose looks and whose catching up are driven by hand. */
class Scene {
  readonly told: string[] = [];
  readonly looks: {
    keys: string[];
    answer: (...versions: (number | undefined)[]) => Promise<void>;
    fail: () => Promise<void>;
  }[] = [];
  readonly catchUps: { done: () => Promise<void>; fail: () => Promise<void> }[] = [];
  readonly echoes: Echoes;

  constructor(max = 100) {
    this.echoes = new Echoes({
      max,
      tell: (namespace, keys) => this.told.push(...keys.map((key) => `${namespace}:${key}`)),
      readVersions: (entries: readonly EntryName[]) =>
        new Promise((resolve, reject) => {
          this.looks.push({
            keys: entries.map(({ key }) => key),
            answer: (...versions) => settled(() => resolve(versions)),
            fail: () => settled(() => reject(new Error('no answer'))),
          });
        }),
      catchUp: () =>
        new Promise<void>((resolve, reject) => {
          this.catchUps.push({
            done: () => settled(resolve),
            fail: () => settled(() => reject(new Error('no answer'))),
          });
        }),
    });
  }

  /** A message: of this node unless said otherwise. */
  announce(key: string, version: number, isOwn = true): void {
    this.echoes.announced('n', [key], [version], isOwn);
  }

  /** What Redis tells at the end of a turn. */
  invalidate(...keys: string[]): Promise<void> {
    return settled(() => this.echoes.invalidated('n', keys));
  }
}

/** Lets all that follows from `act` happen. */
async function settled(act: () => void): Promise<void> {
  act();
  await new Promise(setImmediate);
}

test('what nobody announced is foreign, at once', async () => {
  const scene = new Scene();
  void scene.invalidate('a', 'b');
  expect(scene.told).toEqual(['n:a', 'n:b']);
  expect(scene.looks).toEqual([]);
});

test('what a peer announced is passed on without a look', async () => {
  const scene = new Scene();
  scene.announce('a', 1, false);
  await scene.invalidate('a');
  expect([scene.told, scene.looks]).toEqual([['n:a'], []]);
});

test('own write, its echo: the version stands, nothing is told', async () => {
  const scene = new Scene();
  scene.announce('a', 7);
  await scene.invalidate('a');
  expect(scene.told).toEqual([]);
  await scene.looks[0]?.answer(7);
  expect([scene.told, scene.catchUps, scene.echoes.size]).toEqual([[], [], 0]);
});

test.each([
  ['another version', 9],
  ['foreign bytes', undefined],
  ['nothing', 0],
])('own write, then a foreign change in the same turn: %s stands there, it is told', async (_, found) => {
  const scene = new Scene();
  scene.announce('a', 7);
  await scene.invalidate('a');
  await scene.looks[0]?.answer(found);
  expect(scene.told).toEqual([]);
  await scene.catchUps[0]?.done();
  expect([scene.told, scene.echoes.size]).toEqual([['n:a'], 0]);
});

test('own write, then a foreign change in the next turn: it is told at once, and the look no longer matters', async () => {
  const scene = new Scene();
  scene.announce('a', 7);
  await scene.invalidate('a');
  await scene.invalidate('a');
  expect(scene.told).toEqual(['n:a']);
  await scene.looks[0]?.answer(undefined);
  expect([scene.told, scene.catchUps.length, scene.echoes.size]).toEqual([['n:a'], 1, 0]);
  await scene.catchUps[0]?.done();
  expect(scene.told).toEqual(['n:a']);
});

test('two own writes, the look for the first finds the second, which is heard of before or while catching up', async () => {
  for (const heard of ['before the look', 'after it']) {
    const scene = new Scene();
    scene.announce('a', 7);
    await scene.invalidate('a');
    if (heard === 'before the look') scene.announce('a', 8);
    await scene.looks[0]?.answer(8);
    if (heard === 'after it') scene.announce('a', 8);
    await scene.catchUps[0]?.done();
    await scene.invalidate('a');
    await scene.looks[1]?.answer(8);
    expect([heard, scene.told, scene.echoes.size]).toEqual([heard, [], 0]);
  }
});

test('own writes, a foreign one between them in the first turn: the second overwrote it', async () => {
  const scene = new Scene();
  scene.announce('a', 7);
  await scene.invalidate('a');
  await scene.looks[0]?.answer(undefined);
  scene.announce('a', 8);
  await scene.invalidate('a');
  await scene.catchUps[0]?.done();
  await scene.looks[1]?.answer(8);
  expect(scene.told).toEqual([]);
});

test('own write, then a later one that a foreign change follows in its turn: the second look finds it', async () => {
  const scene = new Scene();
  scene.announce('a', 7);
  await scene.invalidate('a');
  scene.announce('a', 8);
  await scene.invalidate('a');
  await scene.looks[0]?.answer(7);
  await scene.looks[1]?.answer(undefined);
  await scene.catchUps[0]?.done();
  expect(scene.told).toEqual(['n:a']);
});

test('two own writes in one turn: the last version counts', async () => {
  const scene = new Scene();
  scene.announce('a', 7);
  scene.announce('a', 8);
  await scene.invalidate('a');
  await scene.looks[0]?.answer(8);
  expect(scene.told).toEqual([]);
});

test("own write, then a peer's in the same turn: no look, since the peer's message has dropped it already", async () => {
  const scene = new Scene();
  scene.announce('a', 7);
  scene.announce('a', 8, false);
  await scene.invalidate('a');
  expect([scene.told, scene.looks]).toEqual([['n:a'], []]);
});

test('a removal of nothing is announced but not invalidated: a later foreign change is still told', async () => {
  const scene = new Scene();
  scene.announce('a', 0);
  await scene.invalidate('b');
  await scene.invalidate('a');
  expect([scene.told, scene.looks, scene.echoes.size]).toEqual([['n:b', 'n:a'], [], 0]);
  scene.announce('a', 0);
  await scene.invalidate('a');
  await scene.looks[0]?.answer(9);
  await scene.catchUps[0]?.done();
  expect(scene.told).toEqual(['n:b', 'n:a', 'n:a']);
});

test.each(['look', 'catching up'])('when the %s fails, the key is told', async (what) => {
  const scene = new Scene();
  scene.announce('a', 7);
  await scene.invalidate('a');
  if (what === 'look') await scene.looks[0]?.fail();
  else await scene.looks[0]?.answer(9);
  await scene.catchUps[0]?.fail();
  expect([scene.told, scene.echoes.size]).toEqual([['n:a'], 0]);
});

test('a lost feed: what is not decided is told, and a late answer decides nothing', async () => {
  const scene = new Scene();
  scene.announce('a', 7);
  await scene.invalidate('a');
  scene.echoes.lose();
  expect([scene.told, scene.echoes.size]).toEqual([['n:a'], 0]);
  await scene.looks[0]?.answer(7);
  expect(scene.told).toEqual(['n:a']);
  await scene.invalidate('a');
  expect(scene.told).toEqual(['n:a', 'n:a']);
});

test('one look at a time, each for all that came meanwhile; other namespaces too', async () => {
  const scene = new Scene();
  scene.announce('a', 1);
  scene.announce('b', 2);
  scene.echoes.announced('m', ['c'], [3], true);
  scene.echoes.invalidated('n', ['a', 'b']);
  await settled(() => scene.echoes.invalidated('m', ['c']));
  for (const key of ['d', 'e']) {
    scene.announce(key, 4);
    await scene.invalidate(key);
  }
  expect(scene.looks.map(({ keys }) => keys)).toEqual([['a', 'b', 'c']]);
  await scene.looks[0]?.answer(1, 2, 5);
  await scene.catchUps[0]?.done();
  expect(scene.told).toEqual(['m:c']);
  expect(scene.looks.map(({ keys }) => keys)).toEqual([
    ['a', 'b', 'c'],
    ['d', 'e'],
  ]);
});

test('no more is remembered than there is room for: the rest counts as foreign', async () => {
  const scene = new Scene(2);
  for (const key of ['a', 'b', 'c']) scene.announce(key, 1);
  expect(scene.echoes.size).toBe(2);
  await scene.invalidate('a', 'b', 'c');
  expect(scene.told).toEqual(['n:c']);
  scene.announce('d', 1);
  await scene.invalidate('d');
  expect([scene.told, scene.echoes.size]).toEqual([['n:c', 'n:d'], 2]);
  await scene.looks[0]?.answer(1, 1);
  expect(scene.echoes.size).toBe(0);
});

test('a version that a sender did not say is not relied on', async () => {
  const scene = new Scene();
  scene.echoes.announced('n', ['a'], undefined, true);
  await scene.invalidate('a');
  expect(scene.told).toEqual(['n:a']);
});
