import assert from 'node:assert/strict';
import type { L2Life, L2Moment, L2Replayed } from '../../contract.js';
import { bytesOf, LONG, put, type TestNode } from '../bench.js';

/** What another node does to a key after the moment. */
export type Deed = (other: TestNode, namespace: string) => Promise<unknown>;

/** The key that cases are about. */
export const ONE = 'a';

export function entryOf(since: L2Moment, text = 'mine', key = ONE, life: L2Life = LONG) {
  return { key, bytes: bytesOf(text), ...life, since };
}

export async function replayOne(
  node: TestNode,
  namespace: string,
  since: L2Moment,
  text = 'mine',
): Promise<L2Replayed> {
  const [answer] = await node.replay.replay(namespace, [entryOf(since, text)]);
  assert.ok(answer !== undefined, 'a replay has an answer for each key');
  return answer;
}

export async function statuses(node: TestNode, namespace: string, since: L2Moment): Promise<string[]> {
  const answers = await node.replay.replay(namespace, [entryOf(since)]);
  return answers.map(({ status }) => status);
}

/** A moment that is known: a node that has done nothing may know none. */
export async function momentOf(node: TestNode, namespace: string, key = ONE): Promise<L2Moment> {
  await put(node, namespace, key, 'before');
  const moment = node.replay.moment(namespace, key);
  assert.notEqual(moment, '', 'a node that has just written knows a moment');
  return moment;
}
