import assert from 'node:assert/strict';
import { L2InvalidError } from '../../errors.js';
import { type Bench, bytesOf, LONG, lease, leaseStatus, put, textAt, textOf } from '../bench.js';
import { everyCall } from '../calls.js';
import { casesOf, type L2Case } from '../case.js';
import { hostileNames, hostileNamespaces, longestName, malformedNames } from '../hostile.js';

export const names: L2Case[] = casesOf(
  'namespaces and keys',
  [],
  [
    ['no two hostile keys meet', keysDoNotMeet],
    ['no two hostile keys share a lease', leasesDoNotMeet, 'leases'],
    ['no two hostile tags share a mark', tagsDoNotMeet, 'time'],
    ['the news of a hostile key names that key', newsOfHostileKeys, 'feed'],
    ['the news of hostile tags names those tags', newsOfHostileTags, 'feed', 'time'],
    ['no two hostile namespaces share an entry', namespacesDoNotMeet],
    ['a purge leaves every other hostile namespace alone', purgeStaysInside],
    ['an invalidation of a namespace leaves every other hostile one alone', advanceStaysInside, 'time'],
    ['lone surrogates are refused, in keys, tags and namespaces', malformed],
    ['a name of 65,536 bytes works and one more byte is refused', longest],
  ],
);

async function keysDoNotMeet(bench: Bench): Promise<void> {
  const { namespace } = bench;
  const node = await bench.node();
  const bytes = (key: string): Uint8Array => bytesOf(`value of ${key.slice(0, 30)} (${hostileNames.indexOf(key)})`);
  await node.l2.write(
    namespace,
    hostileNames.map((key) => ({ key, bytes: bytes(key), ...LONG })),
  );
  const shouldHold = async (isThere: (index: number) => boolean): Promise<void> => {
    const reads = await node.l2.read(namespace, hostileNames);
    const expected = hostileNames.map((key, index) => (isThere(index) ? textOf(found(bytes(key))) : undefined));
    assert.deepEqual(reads.map(textOf), expected);
  };
  await shouldHold(() => true);
  const evenKeys = hostileNames.filter((_, index) => index % 2 === 0);
  const gone = await node.l2.delete(namespace, evenKeys);
  assert.ok(gone.every(Boolean), 'each of them had its own entry');
  await shouldHold((index) => index % 2 === 1);
  const oddKeys = hostileNames.filter((_, index) => index % 2 === 1);
  for (const key of oddKeys) assert.deepEqual(await node.l2.delete(namespace, [key]), [true], JSON.stringify(key));
}

const found = (bytes: Uint8Array) => ({ status: 'found', bytes, version: 1, ageMs: 0, freshMs: 1, keepMs: 1 }) as const;

async function leasesDoNotMeet(bench: Bench): Promise<void> {
  const { namespace } = bench;
  const node = await bench.node();
  const requests = hostileNames.map((key) => ({ key, seen: undefined }));
  const answers = await node.leases.acquire(namespace, requests, 600_000);
  const tokens = answers.map((answer) => (answer.status === 'granted' ? answer.token : answer.status));
  assert.equal(new Set(tokens).size, hostileNames.length, 'each key has its own lease and each grant its own token');
  for (const [index, key] of hostileNames.entries()) {
    if (index % 2 === 0) assert.ok(await node.leases.release(namespace, key, tokens[index] ?? ''), JSON.stringify(key));
  }
  const again = await node.leases.acquire(namespace, requests, 600_000);
  const expected = hostileNames.map((_, index) => (index % 2 === 0 ? 'granted' : 'held'));
  assert.deepEqual(
    again.map((answer) => answer.status),
    expected,
  );
}

async function tagsDoNotMeet(bench: Bench): Promise<void> {
  const { namespace } = bench;
  const node = await bench.node();
  const before = await node.time.marks(namespace, hostileNames, { known: 0, ensureMs: 600_000 });
  const generations: number[] = [];
  for (const tag of hostileNames) generations.push(await node.time.advance(namespace, [tag], 'dead', { known: 0 }));
  const after = await node.time.marks(namespace, hostileNames, { known: 0 });
  const expected = generations.map((dead) => ({ dead, stale: before.generation }));
  assert.deepEqual(after.tags, expected);
}

async function newsOfHostileKeys(bench: Bench): Promise<void> {
  const { namespace } = bench;
  const [hearer, doer] = [await bench.follower(), await bench.node()];
  await doer.l2.delete(namespace, hostileNames);
  for (const key of hostileNames) await hearer.log.deed(namespace, key, 'delete');
  assert.equal(new Set(hearer.log.deeds(namespace).map((deed) => deed.key)).size, hostileNames.length);
}

async function newsOfHostileTags(bench: Bench): Promise<void> {
  const { namespace } = bench;
  const [hearer, doer] = [await bench.follower(), await bench.node()];
  await doer.time.advance(namespace, hostileNames, 'dead', { known: 0 });
  const { tags } = await hearer.log.news('marks', (news) => news.namespace === namespace);
  assert.deepEqual(new Set(tags), new Set(hostileNames));
}

async function namespacesDoNotMeet(bench: Bench): Promise<void> {
  const node = await bench.node();
  // Pairs of a namespace and a key that are the same text once they are joined.
  const keys = ['k', 'abc:k', 'Abc:k', ':k', 'v:{k', '{k}', ''];
  for (const namespace of hostileNamespaces) await node.l2.purge(namespace);
  for (const namespace of hostileNamespaces) {
    assert.deepEqual(
      (await node.l2.read(namespace, keys)).map(textOf),
      keys.map(() => undefined),
    );
    await node.l2.write(
      namespace,
      keys.map((key) => ({ key, bytes: bytesOf(`${namespace}/${key}`), ...LONG })),
    );
  }
  for (const namespace of hostileNamespaces) {
    const reads = await node.l2.read(namespace, keys);
    assert.deepEqual(
      reads.map(textOf),
      keys.map((key) => `${namespace}/${key}`),
    );
  }
  for (const namespace of hostileNamespaces) await node.l2.purge(namespace);
}

async function purgeStaysInside(bench: Bench): Promise<void> {
  const node = await bench.node();
  for (const namespace of hostileNamespaces) {
    await node.l2.purge(namespace);
    await put(node, namespace, 'k', namespace);
  }
  for (const [index, namespace] of hostileNamespaces.entries()) {
    assert.equal(await node.l2.purge(namespace), 1, JSON.stringify(namespace));
    assert.equal(await textAt(node, namespace, 'k'), undefined);
    for (const other of hostileNamespaces.slice(index + 1)) {
      assert.equal(
        await textAt(node, other, 'k'),
        other,
        `${JSON.stringify(namespace)} is not ${JSON.stringify(other)}`,
      );
    }
  }
}

async function advanceStaysInside(bench: Bench): Promise<void> {
  const node = await bench.node();
  const options = { known: 0, ensureMs: 600_000 };
  const marksOf = (namespace: string) => node.time.marks(namespace, ['t'], options);
  const before = new Map<string, Awaited<ReturnType<typeof marksOf>>>();
  for (const namespace of hostileNamespaces) before.set(namespace, await marksOf(namespace));
  for (const [index, namespace] of hostileNamespaces.entries()) {
    await node.time.advance(namespace, null, 'dead', { known: 0 });
    await node.time.advance(namespace, ['t'], 'stale', { known: 0 });
    for (const other of hostileNamespaces.slice(index + 1)) {
      assert.deepEqual(
        await marksOf(other),
        before.get(other),
        `${JSON.stringify(namespace)}, ${JSON.stringify(other)}`,
      );
    }
  }
}

async function malformed(bench: Bench): Promise<void> {
  const { l2 } = await bench.node();
  for (const name of malformedNames) {
    for (const call of everyCall(l2)) {
      await assert.rejects(call.run(name, 'a'), L2InvalidError, `${call.name} in a malformed namespace`);
      const takesKey = call.name !== 'purge' && call.name !== 'follow';
      if (takesKey) await assert.rejects(call.run(bench.namespace, name), L2InvalidError, `${call.name} of ${name}`);
    }
  }
}

async function longest(bench: Bench): Promise<void> {
  const node = await bench.node();
  await put(node, bench.namespace, longestName);
  assert.equal(await textAt(node, bench.namespace, longestName), 'value');
  for (const call of everyCall(node.l2)) {
    if (call.name === 'purge' || call.name === 'follow') continue;
    await assert.rejects(call.run(bench.namespace, `${longestName}c`), L2InvalidError, call.name);
  }
  if (node.l2.leases !== undefined) {
    await lease(node, bench.namespace, `${longestName.slice(0, -1)}c`);
    assert.equal(await leaseStatus(node, bench.namespace, `${longestName.slice(0, -1)}c`), 'held');
  }
}
