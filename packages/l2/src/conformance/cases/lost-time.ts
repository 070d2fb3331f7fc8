import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { L2MarkMode, L2Marks } from '../../contract.js';
import { type Bench, present, type TestNode } from '../bench.js';
import { casesOf, type L2Case } from '../case.js';

export const lostTime: L2Case[] = casesOf(
  'lost bookkeeping',
  ['time', 'loseTime'],
  [
    ['a lost counter comes back above all that was handed out, also for a caller that knows nothing', lostCounter],
    ['a lost counter comes back above what the caller knows', lostCounterKnown],
    ['advance on a lost counter is above all that was handed out', advanceAfterLoss],
    ['with the counter, everything earlier in the namespace is dead', namespaceDies],
    ['a lost mark is undefined, and comes back at the present counter', lostMark],
    ['whatever is advanced and lost in whatever order: no value that was invalidated comes back to life', neverRevives],
  ],
);

const ENSURE = { known: 0, ensureMs: 600_000 };

async function lose(bench: Bench, lost: 'counter' | 'tags'): Promise<void> {
  await bench.store.loseTime?.(bench.namespace, lost);
}

async function lostCounter(bench: Bench): Promise<void> {
  const node = await bench.node();
  let last = 0;
  for (let round = 0; round < 5; round++) {
    for (let times = 0; times < 3; times++) {
      const generation = await node.time.advance(bench.namespace, ['t'], 'dead', { known: 0 });
      assert.ok(generation > last, `${generation} after ${last}`);
      last = generation;
    }
    await lose(bench, 'counter');
    const { generation } = await node.time.marks(bench.namespace, [], { known: 0 });
    assert.ok(generation > last, `${generation} after ${last}`);
    last = generation;
  }
}

async function lostCounterKnown(bench: Bench): Promise<void> {
  const node = await bench.node();
  // A node can know more than the store's clock would seed: another store may have been ahead before a fail-over.
  const known = (await node.time.marks(bench.namespace, [], ENSURE)).generation + 10 ** 12;
  await lose(bench, 'counter');
  const { generation, namespace } = await node.time.marks(bench.namespace, [], { known });
  assert.ok(generation > known && namespace.dead > known, `${generation} and ${namespace.dead}, ${known} known`);
}

async function advanceAfterLoss(bench: Bench): Promise<void> {
  const node = await bench.node();
  const before = await node.time.advance(bench.namespace, ['t'], 'dead', { known: 0 });
  await lose(bench, 'counter');
  const first = await node.time.advance(bench.namespace, ['t'], 'stale', { known: 0 });
  assert.ok(first > before);
  await lose(bench, 'counter');
  const known = first + 10 ** 12;
  assert.ok((await node.time.advance(bench.namespace, null, 'stale', { known })) > known);
  const { namespace } = await node.time.marks(bench.namespace, [], { known: 0 });
  assert.ok(namespace.dead > known, 'an advance that re-creates the counter kills what was before it');
}

async function namespaceDies(bench: Bench): Promise<void> {
  const node = await bench.node();
  const before = await node.time.marks(bench.namespace, ['t'], ENSURE);
  await lose(bench, 'counter');
  const after = await node.time.marks(bench.namespace, ['t'], { known: 0 });
  assert.ok(after.namespace.dead > before.generation, `${after.namespace.dead} is not above ${before.generation}`);
  assert.ok(after.namespace.dead <= after.generation, 'what is loaded from now on lives');
}

async function lostMark(bench: Bench): Promise<void> {
  const node = await bench.node();
  await node.time.marks(bench.namespace, ['t'], ENSURE);
  const generation = await node.time.advance(bench.namespace, ['t'], 'dead', { known: 0 });
  await lose(bench, 'tags');
  const lost = await node.time.marks(bench.namespace, ['t'], { known: 0 });
  assert.deepEqual([lost.generation, lost.tags], [generation, [undefined]]);
  const again = await node.time.marks(bench.namespace, ['t'], ENSURE);
  assert.deepEqual(again.tags, [{ dead: generation, stale: generation }]);
}

/** A value as a hierarchy would keep it, and what must by now be true of it. */
interface Value {
  readonly tags: readonly string[];
  readonly generation: number;
  mustBe: Record<L2MarkMode, boolean>;
  /** Bookkeeping that it depends on was lost: it may be dead without having been invalidated. */
  mayBe: boolean;
}

type Step =
  | { readonly type: 'load'; readonly node: number; readonly tags: readonly string[] }
  | {
      readonly type: 'advance';
      readonly node: number;
      readonly tags: readonly string[] | null;
      readonly mode: L2MarkMode;
    }
  | { readonly type: 'lose'; readonly lost: 'counter' | 'tags' };

const TAGS = ['x', 'y', 'z'];
const someTags = fc.subarray(TAGS);
const aNode = fc.nat(1);
const aStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('load' as const), node: aNode, tags: someTags }) },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('advance' as const),
      node: aNode,
      tags: fc.option(someTags, { freq: 4 }),
      mode: fc.constantFrom<L2MarkMode>('dead', 'stale'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('lose' as const),
      lost: fc.constantFrom('counter' as const, 'tags' as const),
    }),
  },
);

const load = (...tags: string[]): Step => ({ type: 'load', node: 0, tags });
const advance = (tags: string[] | null): Step => ({ type: 'advance', node: 1, tags, mode: 'dead' });
const loss = (lost: 'counter' | 'tags'): Step => ({ type: 'lose', lost });

/** Sequences that are always tried, besides random ones: each revives a value where one rule is missing. */
const KNOWN_TRAPS: Step[][] = [
  [load('x'), advance(['x']), loss('tags')],
  [load('x'), advance(['x']), loss('tags'), load('x')],
  [load('x'), advance(['x']), loss('counter'), load('x')],
  [load(), advance(null), loss('counter'), load()],
  [advance(null), load(), advance(null), loss('counter')],
  [load('x', 'y'), advance(['y']), loss('counter'), loss('tags'), load('y'), load('x')],
];

async function neverRevives(bench: Bench): Promise<void> {
  const nodes = [await bench.node(), await bench.node()];
  const property = fc.asyncProperty(fc.array(aStep, { maxLength: 15 }), async (steps) => {
    const namespace = bench.freshName();
    const values: Value[] = [];
    for (const step of steps) {
      await take(step, namespace, values);
      const marks = await (nodes[values.length % 2] as TestNode).time.marks(namespace, TAGS, { known: 0 });
      for (const value of values) checkValue(value, marks);
    }
  });
  const take = async (step: Step, namespace: string, values: Value[]): Promise<void> => {
    if (step.type === 'lose') {
      await bench.store.loseTime?.(namespace, step.lost);
      for (const value of values) value.mayBe ||= step.lost === 'counter' || value.tags.length > 0;
      return;
    }
    const { time } = present(nodes[step.node], 'a node');
    if (step.type === 'load') {
      const { generation } = await time.marks(namespace, step.tags, ENSURE);
      values.push({ tags: step.tags, generation, mustBe: { dead: false, stale: false }, mayBe: false });
      return;
    }
    await time.advance(namespace, step.tags, step.mode, { known: 0 });
    for (const value of values) {
      value.mustBe[step.mode] ||= step.tags === null || value.tags.some((tag) => step.tags?.includes(tag));
    }
  };
  await fc.assert(property, { numRuns: 40, examples: KNOWN_TRAPS.map((steps) => [steps]) });
}

/** The rule of {@link L2LogicalTime}, as a hierarchy applies it. */
function checkValue(value: Value, marks: L2Marks): void {
  const lost = { dead: marks.generation, stale: marks.generation };
  const concerned = [marks.namespace, ...value.tags.map((tag) => marks.tags[TAGS.indexOf(tag)] ?? lost)];
  const isAbove = (mode: L2MarkMode): boolean => concerned.some((mark) => mark[mode] > value.generation);
  const isDead = isAbove('dead');
  const told = `${JSON.stringify(value)} under ${JSON.stringify(marks)}`;
  if (value.mustBe.dead) assert.ok(isDead, `came back to life: ${told}`);
  if (value.mustBe.stale) assert.ok(isDead || isAbove('stale'), `became fresh again: ${told}`);
  if (!value.mustBe.dead && !value.mayBe) assert.ok(!isDead, `died without an invalidation: ${told}`);
}
