import assert from 'node:assert/strict';
import { type Bench, found, put, textAt } from '../bench.js';
import { type Call, everyCall } from '../calls.js';
import { casesOf, type L2Case } from '../case.js';

export const abort: L2Case[] = casesOf(
  'abort',
  [],
  [
    ['a call whose signal is aborted beforehand rejects with its reason and has no effect', beforehand],
    ['a call that is aborted while under way settles, with its result or the reason, and the node goes on', underWay],
    ['a signal that is aborted after the call changes nothing', afterwards],
  ],
);

async function beforehand(bench: Bench): Promise<void> {
  const { namespace } = bench;
  const node = await bench.node();
  const { l2 } = node;
  const version = await put(node, namespace, 'a', 'old');
  const token = l2.leases && (await l2.leases.acquire(namespace, [{ key: 'leased', seen: undefined }], 600_000))[0];
  const marks = await l2.time?.marks(namespace, ['ensured'], { known: 0, ensureMs: 600_000 });
  const reason = new Error('aborted by the case');
  const options = { signal: AbortSignal.abort(reason) };
  for (const call of everyCall(l2)) {
    for (const key of ['a', 'leased', 'ensured']) await rejectsWith(call.run(namespace, key, options), reason, call);
  }
  await rejectsWith(l2.health(options), reason, { name: 'health' });
  const read = await found(node, namespace, 'a');
  assert.ok(read.version === version && read.freshMs > 0, 'the entry is untouched');
  if (token?.status === 'granted') {
    assert.equal(await l2.leases?.renew(namespace, 'leased', token.token, 600_000), true, 'the lease is untouched');
  }
  assert.deepEqual(await l2.time?.marks(namespace, ['ensured'], { known: 0 }), marks, 'logical time is untouched');
  const [free] = (await l2.leases?.acquire(namespace, [{ key: 'ensured', seen: undefined }], 600_000)) ?? [];
  if (free !== undefined) assert.equal(free.status, 'granted', 'no lease was granted to an aborted call');
}

async function rejectsWith(call: Promise<unknown>, reason: Error, { name }: Pick<Call, 'name'>): Promise<void> {
  await assert.rejects(call, (error) => error === reason, `${name} rejects with the signal's reason`);
}

async function underWay(bench: Bench): Promise<void> {
  const node = await bench.node();
  const reason = new Error('aborted by the case');
  for (const call of everyCall(node.l2)) {
    const controller = new AbortController();
    const outcome = call.run(bench.namespace, 'a', { signal: controller.signal }).then(
      () => reason,
      (error: unknown) => error,
    );
    controller.abort(reason);
    assert.equal(await outcome, reason, call.name);
  }
  await put(node, bench.namespace, 'b');
  assert.equal(await textAt(node, bench.namespace, 'b'), 'value');
}

async function afterwards(bench: Bench): Promise<void> {
  const node = await bench.node();
  for (const call of everyCall(node.l2)) {
    const controller = new AbortController();
    await call.run(bench.namespace, 'a', { signal: controller.signal });
    controller.abort(new Error('too late'));
  }
  await put(node, bench.namespace, 'b');
  assert.equal(await textAt(node, bench.namespace, 'b'), 'value');
}
