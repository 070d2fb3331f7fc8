import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type Bench, found, LONG, type TestNode } from '../bench.js';
import { casesOf, type L2Case } from '../case.js';

export const binarySafety: L2Case[] = casesOf(
  'bytes',
  [],
  [
    ['all 256 values of a byte, in every neighbourhood, come back as they were', allBytes],
    ['0 bytes are a value', async (bench) => roundTrip(await bench.node(), bench.namespace, new Uint8Array(0))],
    ['8 MB come back as they were', eightMegabytes],
    ['a view of a part of a buffer is stored as that part', partOfBuffer],
    ['changing the bytes after a write settled does not reach the store', changeAfterWrite],
    ['changing bytes that a read handed out does not reach the store', changeAfterRead],
  ],
);

async function roundTrip(node: TestNode, namespace: string, bytes: Uint8Array): Promise<void> {
  await node.l2.write(namespace, [{ key: 'a', bytes, ...LONG }]);
  const read = await found(node, namespace, 'a');
  assert.ok(read.bytes instanceof Uint8Array);
  assert.ok(Buffer.compare(read.bytes, bytes) === 0, `${read.bytes.length} bytes came back for ${bytes.length}`);
}

async function allBytes(bench: Bench): Promise<void> {
  const node = await bench.node();
  const neighbours = Uint8Array.from({ length: 256 * 256 * 2 }, (_, index) =>
    index % 2 === 0 ? index >> 9 : index >> 1,
  );
  await roundTrip(node, bench.namespace, neighbours);
  const single = Array.from({ length: 256 }, (_, value) => Uint8Array.of(value));
  await node.l2.write(
    bench.namespace,
    single.map((bytes, value) => ({ key: `${value}`, bytes, ...LONG })),
  );
  const reads = await node.l2.read(
    bench.namespace,
    single.map((_, value) => `${value}`),
  );
  assert.deepEqual(
    reads.map((read) => read?.status === 'found' && [...read.bytes]),
    single.map((bytes) => [...bytes]),
  );
}

async function eightMegabytes(bench: Bench): Promise<void> {
  await roundTrip(await bench.node(), bench.namespace, randomBytes(8 * 1024 * 1024));
}

async function partOfBuffer(bench: Bench): Promise<void> {
  const whole = Uint8Array.from({ length: 300 }, (_, index) => index % 256);
  await roundTrip(await bench.node(), bench.namespace, whole.subarray(100, 200));
}

async function changeAfterWrite(bench: Bench): Promise<void> {
  const node = await bench.node();
  const bytes = Uint8Array.of(1, 2, 3);
  await node.l2.write(bench.namespace, [{ key: 'a', bytes, ...LONG }]);
  bytes.fill(9);
  assert.deepEqual([...(await found(node, bench.namespace, 'a')).bytes], [1, 2, 3]);
}

async function changeAfterRead(bench: Bench): Promise<void> {
  const node = await bench.node();
  await node.l2.write(bench.namespace, [{ key: 'a', bytes: Uint8Array.of(1, 2, 3), ...LONG }]);
  const [one, two] = [await found(node, bench.namespace, 'a'), await found(node, bench.namespace, 'a')];
  one.bytes.fill(9);
  assert.deepEqual([...two.bytes], [1, 2, 3]);
  assert.deepEqual([...(await found(node, bench.namespace, 'a')).bytes], [1, 2, 3]);
  if (node.l2.leases === undefined) return;
  const [answer] = await node.leases.acquire(bench.namespace, [{ key: 'a', seen: undefined }], 600_000);
  if (answer?.status === 'changed' && answer.entry.status === 'found') answer.entry.bytes.fill(9);
  assert.deepEqual([...(await found(node, bench.namespace, 'a')).bytes], [1, 2, 3]);
}
