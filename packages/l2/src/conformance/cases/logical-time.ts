import assert from 'node:assert/strict';
import type { L2MarkMode } from '../../contract.js';
import { type Bench, present, type TestNode } from '../bench.js';
import { casesOf, type L2Case } from '../case.js';

export const logicalTime: L2Case[] = casesOf(
  'logical time',
  ['time'],
  [
    ['the counter only grows, on every node, and is never below known', counterGrows],
    ['numbers are safe integers, 1 or more', numbers],
    ['reading does not advance', readingDoesNotAdvance],
    ['concurrent advances over several nodes get numbers of their own, and each one holds', concurrentAdvances],
    ['ensureMs creates missing marks at the present counter, and leaves those that exist', ensureCreates],
    ['without ensureMs a missing mark is undefined, and stays missing', missing],
    ['advance raises the marks that exist and creates none', advanceRaises],
    ['advance touches no other tag, nor the namespace', otherTags],
    ['null invalidates the namespace, and no tag', wholeNamespace],
    ['modes are independent', modes],
    ['a tag named twice counts once', tagTwice],
    ['advance with no tag advances the counter', noTag],
    ['marks are kept for ensureMs, and for the longest of several', marksAreKept],
    ['a jump of known raises no mark that exists', jumpOfKnown],
  ],
);

const ENSURE = { known: 0, ensureMs: 600_000 };

async function generationOf(node: TestNode, bench: Bench, known = 0): Promise<number> {
  return (await node.time.marks(bench.namespace, [], { known })).generation;
}

async function counterGrows(bench: Bench): Promise<void> {
  const nodes = [await bench.node(), await bench.node()];
  let last = 0;
  for (const [round, node] of [...nodes, ...nodes, ...nodes].entries()) {
    const generation = await node.time.advance(bench.namespace, ['t'], 'dead', { known: 0 });
    assert.ok(generation > last, `${generation} after ${last}`);
    for (const each of nodes) assert.ok((await generationOf(each, bench)) >= generation);
    const known = generation + 1_000 * round;
    assert.ok((await generationOf(node, bench, known)) >= known);
    last = await node.time.advance(bench.namespace, null, 'stale', { known: known + 5 });
    assert.ok(last > known + 5, `${last} is not above known`);
    for (const each of nodes)
      assert.ok((await generationOf(each, bench)) >= last, 'the store keeps what known taught it');
  }
}

async function numbers(bench: Bench): Promise<void> {
  const node = await bench.node();
  const { generation, namespace, tags } = await node.time.marks(bench.namespace, ['t'], ENSURE);
  const mark = present(tags[0], 'the mark');
  for (const number of [generation, mark.dead, mark.stale]) assert.ok(Number.isSafeInteger(number) && number >= 1);
  for (const number of [namespace.dead, namespace.stale]) {
    assert.ok(Number.isSafeInteger(number) && number >= 1 && number <= generation, `${number} of ${generation}`);
  }
}

async function readingDoesNotAdvance(bench: Bench): Promise<void> {
  const [one, other] = [await bench.node(), await bench.node()];
  const first = await one.time.marks(bench.namespace, ['t'], ENSURE);
  assert.deepEqual(await other.time.marks(bench.namespace, ['t'], { known: 0 }), first);
  assert.deepEqual(await one.time.marks(bench.namespace, ['t'], ENSURE), first);
}

async function concurrentAdvances(bench: Bench): Promise<void> {
  const nodes = await Promise.all(Array.from({ length: 4 }, () => bench.node()));
  const [node] = nodes as [TestNode];
  const before = await node.time.marks(bench.namespace, ['t'], ENSURE);
  const advances = Array.from({ length: 20 }, (_, index) =>
    present(nodes[index % 4], 'a node').time.advance(bench.namespace, ['t'], 'dead', { known: before.generation }),
  );
  const generations = await Promise.all(advances);
  assert.equal(new Set(generations).size, 20);
  assert.ok(generations.every((generation) => generation > before.generation));
  const after = await node.time.marks(bench.namespace, ['t'], { known: 0 });
  assert.equal(after.tags[0]?.dead, Math.max(...generations), 'the mark is the highest of them, whatever their order');
}

async function ensureCreates(bench: Bench): Promise<void> {
  const node = await bench.node();
  const first = await node.time.marks(bench.namespace, ['a'], ENSURE);
  assert.deepEqual(first.tags, [{ dead: first.generation, stale: first.generation }]);
  const generation = await node.time.advance(bench.namespace, ['other'], 'dead', { known: 0 });
  const second = await node.time.marks(bench.namespace, ['b', 'a'], ENSURE);
  assert.equal(second.generation, generation);
  assert.deepEqual(second.tags, [{ dead: generation, stale: generation }, first.tags[0]]);
}

async function missing(bench: Bench): Promise<void> {
  const node = await bench.node();
  await node.time.marks(bench.namespace, ['a'], ENSURE);
  for (let times = 0; times < 2; times++) {
    const { tags } = await node.time.marks(bench.namespace, ['b', 'a', 'c'], { known: 0 });
    assert.deepEqual(
      tags.map((mark) => mark !== undefined),
      [false, true, false],
    );
  }
}

async function advanceRaises(bench: Bench): Promise<void> {
  const node = await bench.node();
  const before = await node.time.marks(bench.namespace, ['a', 'b'], ENSURE);
  const generation = await node.time.advance(bench.namespace, ['a', 'never ensured', 'b'], 'dead', { known: 0 });
  const after = await node.time.marks(bench.namespace, ['a', 'never ensured', 'b'], { known: 0 });
  const raised = { dead: generation, stale: before.generation };
  assert.deepEqual(after, { generation, namespace: before.namespace, tags: [raised, undefined, raised] });
}

async function otherTags(bench: Bench): Promise<void> {
  const node = await bench.node();
  const before = await node.time.marks(bench.namespace, ['a', 'b'], ENSURE);
  await node.time.advance(bench.namespace, ['a'], 'dead', { known: 0 });
  await node.time.advance(bench.namespace, ['a'], 'stale', { known: 0 });
  const after = await node.time.marks(bench.namespace, ['a', 'b'], { known: 0 });
  assert.deepEqual([after.tags[1], after.namespace], [before.tags[1], before.namespace]);
}

async function wholeNamespace(bench: Bench): Promise<void> {
  const node = await bench.node();
  const before = await node.time.marks(bench.namespace, ['a', 'b'], ENSURE);
  const generation = await node.time.advance(bench.namespace, null, 'dead', { known: 0 });
  const after = await node.time.marks(bench.namespace, ['a', 'b'], { known: 0 });
  assert.deepEqual(after, { generation, namespace: { ...before.namespace, dead: generation }, tags: before.tags });
}

async function modes(bench: Bench): Promise<void> {
  const node = await bench.node();
  for (const tags of [['a'], null]) {
    const markNow = async () => {
      const marks = await node.time.marks(bench.namespace, ['a'], ENSURE);
      return present(tags === null ? marks.namespace : marks.tags[0], 'the mark');
    };
    let before = await markNow();
    for (const mode of ['stale', 'dead', 'dead', 'stale'] satisfies L2MarkMode[]) {
      const generation = await node.time.advance(bench.namespace, tags, mode, { known: 0 });
      const after = await markNow();
      assert.deepEqual(after, { ...before, [mode]: generation });
      before = after;
    }
  }
}

async function tagTwice(bench: Bench): Promise<void> {
  const node = await bench.node();
  const { tags } = await node.time.marks(bench.namespace, ['a', 'a'], ENSURE);
  assert.deepEqual(tags[0], tags[1]);
  const generation = await node.time.advance(bench.namespace, ['a', 'a'], 'dead', { known: 0 });
  const after = await node.time.marks(bench.namespace, ['a', 'a'], { known: 0 });
  assert.deepEqual(
    after.tags.map((mark) => mark?.dead),
    [generation, generation],
  );
}

async function noTag(bench: Bench): Promise<void> {
  const node = await bench.node();
  const before = await node.time.marks(bench.namespace, ['a'], ENSURE);
  const generation = await node.time.advance(bench.namespace, [], 'dead', { known: 0 });
  assert.ok(generation > before.generation);
  assert.deepEqual(await node.time.marks(bench.namespace, ['a'], { known: 0 }), { ...before, generation });
}

async function marksAreKept(bench: Bench): Promise<void> {
  const node = await bench.node();
  const before = await node.time.marks(bench.namespace, ['long', 'later long'], { known: 0, ensureMs: 20 });
  await node.time.marks(bench.namespace, ['later long'], { known: 0, ensureMs: 60_000 });
  await node.time.marks(bench.namespace, ['later long'], { known: 0, ensureMs: 1 });
  const known = await node.time.marks(bench.namespace, ['first long'], { known: 0, ensureMs: 60_000 });
  const generation = await node.time.advance(bench.namespace, ['later long', 'first long'], 'dead', { known: 0 });
  await bench.pass(30);
  const after = await node.time.marks(bench.namespace, ['first long', 'later long'], { known: 0 });
  assert.equal(after.generation, generation);
  const raised = { dead: generation, stale: before.generation };
  assert.deepEqual(after.tags, [raised, raised], `of ${known.generation}`);
}

async function jumpOfKnown(bench: Bench): Promise<void> {
  const node = await bench.node();
  const before = await node.time.marks(bench.namespace, ['a'], ENSURE);
  const known = before.generation + 1_000_000;
  const after = await node.time.marks(bench.namespace, ['a', 'b'], { known, ensureMs: 600_000 });
  assert.ok(after.generation >= known);
  assert.deepEqual([after.namespace, after.tags[0]], [before.namespace, before.tags[0]]);
  assert.deepEqual(after.tags[1], { dead: after.generation, stale: after.generation });
}
