import assert from 'node:assert/strict';
import { L2ClosedError, L2InUseError } from '../../errors.js';
import { type Bench, put, textAt } from '../bench.js';
import { everyCall } from '../calls.js';
import { casesOf, type L2Case } from '../case.js';

export const opening: L2Case[] = casesOf(
  'open, close and health',
  [],
  [
    ['has a name', async (bench) => assert.match(bench.unopened().name, /^\S+$/)],
    ['calls before open reject with L2ClosedError', callsBeforeOpen],
    ['a second open rejects with L2InUseError and harms nothing', secondOpen],
    ['calls after close reject with L2ClosedError, open included', callsAfterClose],
    ['close is idempotent, concurrently too, and works on an L2 that was never opened', closeTwice],
    ['calls that are under way at close settle, with their result or with L2ClosedError', callsUnderWay],
    ['one node closes without the others, and the store keeps its entries', otherNodes],
    ['health is up while open, and down, without rejecting, before and after', health],
  ],
);

async function callsBeforeOpen(bench: Bench): Promise<void> {
  const l2 = bench.unopened();
  for (const call of everyCall(l2)) {
    await assert.rejects(call.run(bench.namespace, 'a'), L2ClosedError, call.name);
  }
}

async function secondOpen(bench: Bench): Promise<void> {
  const node = await bench.node();
  await assert.rejects(node.l2.open(bench.host().host), L2InUseError);
  await put(node, bench.namespace, 'a');
  assert.equal(await textAt(node, bench.namespace, 'a'), 'value');
}

async function callsAfterClose(bench: Bench): Promise<void> {
  const { l2 } = await bench.node();
  await l2.close();
  for (const call of everyCall(l2)) {
    await assert.rejects(call.run(bench.namespace, 'a'), L2ClosedError, call.name);
  }
  await assert.rejects(l2.open(bench.host().host), L2ClosedError);
  const unopened = bench.unopened();
  await unopened.close();
  await assert.rejects(unopened.open(bench.host().host), L2ClosedError);
}

async function closeTwice(bench: Bench): Promise<void> {
  const { l2 } = await bench.node();
  await Promise.all([l2.close(), l2.close()]);
  await l2.close();
  const unopened = bench.unopened();
  await unopened.close();
  await unopened.close();
}

async function callsUnderWay(bench: Bench): Promise<void> {
  const { l2 } = await bench.node();
  const calls = everyCall(l2).map((call) => call.run(bench.namespace, 'a'));
  const [outcomes] = await Promise.all([Promise.allSettled(calls), l2.close()]);
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') assert.ok(outcome.reason instanceof L2ClosedError, String(outcome.reason));
  }
}

async function otherNodes(bench: Bench): Promise<void> {
  const [one, other] = [await bench.node(), await bench.node()];
  await put(one, bench.namespace, 'a');
  await one.l2.close();
  assert.equal(await textAt(other, bench.namespace, 'a'), 'value');
  assert.equal(await textAt(await bench.node(), bench.namespace, 'a'), 'value');
}

async function health(bench: Bench): Promise<void> {
  const l2 = bench.unopened();
  assert.equal((await l2.health()).status, 'down');
  const { host } = bench.host();
  await l2.open(host);
  const up = await l2.health();
  assert.equal(up.status, 'up');
  assert.ok(up.latencyMs >= 0);
  assert.equal(up.feed === undefined, l2.feed === undefined, 'the feed has a state iff there is one');
  assert.equal(typeof up.detail, 'string');
  await l2.close();
  const down = await l2.health();
  assert.equal(down.status, 'down');
  assert.notEqual(down.feed, 'alive');
}
