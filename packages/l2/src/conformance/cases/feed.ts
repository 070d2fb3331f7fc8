import assert from 'node:assert/strict';
import { type L2CallOptions, MAX_CORRELATION_LENGTH } from '../../contract.js';
import { type Bench, bytesOf, fill, LONG, lease, put, type TestNode, textAt } from '../bench.js';
import { everyCall } from '../calls.js';
import { casesOf, type L2Case } from '../case.js';

export const feed: L2Case[] = casesOf(
  'feed',
  ['feed'],
  [
    ['a feed starts deaf and becomes alive', becomesAlive],
    ['a write, an expire, a touch and a delete are heard, with their causes, in order', eachDeed],
    ['deeds of the node itself and of others are heard, with the origin of who did them', origins],
    ['a delete and an expire of an absent key are heard; a touch of one is not', absentKeys],
    ['a fill is heard as a fill', fillIsHeard, 'leases'],
    ['a refused fill is not heard', refusedIsNotHeard, 'leases'],
    ['a release is heard, a refused one is not', releaseIsHeard, 'leases'],
    ['an invalidation of tags is heard, tags without a mark included', marksAreHeard, 'time'],
    ['an invalidation of the namespace is heard', clearIsHeard, 'time'],
    ['invalidations are heard in the order of their generations', marksInOrder, 'time'],
    ['a purge is heard as a reset of its namespace', purgeIsHeard],
    ['reads, and asking for leases and marks, are not heard', readsAreSilent],
    ['of a batch every key is heard', batchIsHeard],
    ['the deeds of one key are heard in order, from whichever node', perKeyOrder],
    ['namespaces that are not followed are not heard', unfollowed],
    [
      'several namespaces are followed at once, hostile names too, and following twice is following once',
      severalNamespaces,
    ],
    ['the news of a call have its correlation id, and those of a call without one have none', correlationIds],
    ['who hears of a change already reads the new state', stateBeforeNews],
    ['news never comes from within a call', neverFromWithin],
    ['a closed node hears nothing', closedHearsNothing],
  ],
);

async function becomesAlive(bench: Bench): Promise<void> {
  const node = await bench.node();
  await node.log.alive();
  assert.ok(node.log.states.length <= 1 || node.log.states[0] === 'deaf', node.log.states.join());
  assert.equal((await node.l2.health()).feed, 'alive');
}

async function eachDeed(bench: Bench): Promise<void> {
  const { namespace } = bench;
  const [hearer, doer] = [await bench.follower(), await bench.node()];
  await put(doer, namespace, 'a');
  await doer.l2.expire(namespace, ['a']);
  await doer.l2.touch(namespace, ['a'], LONG);
  await doer.l2.delete(namespace, ['a']);
  await hearer.log.deed(namespace, 'a', 'delete');
  assert.deepEqual(hearer.log.deedsTo(namespace, 'a'), ['write', 'expire', 'touch', 'delete']);
}

async function origins(bench: Bench): Promise<void> {
  const { namespace } = bench;
  const [one, other] = [await bench.follower(), await bench.follower()];
  await put(one, namespace, 'of one');
  await put(other, namespace, 'of the other');
  for (const { log } of [one, other]) {
    assert.equal((await log.deed(namespace, 'of one', 'write')).origin, one.origin);
    assert.equal((await log.deed(namespace, 'of the other', 'write')).origin, other.origin);
  }
}

async function absentKeys(bench: Bench): Promise<void> {
  const { namespace } = bench;
  const [hearer, doer] = [await bench.follower(), await bench.node()];
  await doer.l2.touch(namespace, ['a', 'b'], LONG);
  await doer.l2.expire(namespace, ['a']);
  await doer.l2.delete(namespace, ['b']);
  await hearer.log.deed(namespace, 'a', 'expire');
  await hearer.log.deed(namespace, 'b', 'delete');
  assert.deepEqual(hearer.log.deedsTo(namespace, 'a'), ['expire']);
  assert.deepEqual(hearer.log.deedsTo(namespace, 'b'), ['delete']);
}

async function fillIsHeard(bench: Bench): Promise<void> {
  const [hearer, doer] = [await bench.follower(), await bench.node()];
  await fill(doer, bench.namespace, 'a', await lease(doer, bench.namespace, 'a'));
  const { origin } = await hearer.log.deed(bench.namespace, 'a', 'fill');
  assert.equal(origin, doer.origin);
  assert.deepEqual(hearer.log.deedsTo(bench.namespace, 'a'), ['fill']);
}

async function refusedIsNotHeard(bench: Bench): Promise<void> {
  const [hearer, doer] = [await bench.follower(), await bench.node()];
  assert.equal(await fill(doer, bench.namespace, 'a', 'never granted'), false);
  await doer.l2.delete(bench.namespace, ['a']);
  await hearer.log.deed(bench.namespace, 'a', 'delete');
  assert.deepEqual(hearer.log.deedsTo(bench.namespace, 'a'), ['delete']);
}

async function releaseIsHeard(bench: Bench): Promise<void> {
  const { namespace } = bench;
  const [hearer, doer] = [await bench.follower(), await bench.node()];
  const token = await lease(doer, namespace, 'a');
  await doer.leases.release(namespace, 'a', 'another token');
  await doer.l2.expire(namespace, ['a']);
  await doer.leases.release(namespace, 'a', token);
  const again = await lease(doer, namespace, 'a');
  await doer.leases.release(namespace, 'a', again);
  assert.equal((await hearer.log.deed(namespace, 'a', 'released')).origin, doer.origin);
  assert.deepEqual(hearer.log.deedsTo(namespace, 'a'), ['expire', 'released']);
}

async function marksAreHeard(bench: Bench): Promise<void> {
  const { namespace } = bench;
  const [hearer, doer] = [await bench.follower(), await bench.follower()];
  await doer.time.marks(namespace, ['x'], { known: 0, ensureMs: 600_000 });
  const generation = await doer.time.advance(namespace, ['x', 'never ensured'], 'stale', { known: 0 });
  for (const { log } of [hearer, doer]) {
    const { tags, ...rest } = await log.news('marks', (news) => news.namespace === namespace);
    assert.deepEqual(rest, { type: 'marks', namespace, mode: 'stale', generation, origin: doer.origin });
    assert.deepEqual([...(tags ?? [])].sort(), ['never ensured', 'x']);
  }
}

async function clearIsHeard(bench: Bench): Promise<void> {
  const { namespace } = bench;
  const [hearer, doer] = [await bench.follower(), await bench.node()];
  const generation = await doer.time.advance(namespace, null, 'dead', { known: 0 });
  const news = await hearer.log.news('marks', (each) => each.namespace === namespace);
  assert.deepEqual(news, { type: 'marks', namespace, tags: null, mode: 'dead', generation, origin: doer.origin });
}

async function marksInOrder(bench: Bench): Promise<void> {
  const { namespace } = bench;
  const [hearer, one, other] = [await bench.follower(), await bench.node(), await bench.node()];
  const advances = Array.from({ length: 20 }, (_, index) =>
    (index % 2 === 0 ? one : other).time.advance(namespace, index % 3 === 0 ? null : ['x'], 'dead', { known: 0 }),
  );
  const generations = (await Promise.all(advances)).sort((a, b) => a - b);
  await hearer.log.news('marks', (news) => news.generation === generations.at(-1));
  const heard = hearer.log.all.flatMap((news) => (news.type === 'marks' ? [news.generation] : []));
  assert.deepEqual([...new Set(heard)], generations);
}

async function purgeIsHeard(bench: Bench): Promise<void> {
  const { namespace } = bench;
  const [hearer, doer] = [await bench.follower(), await bench.node()];
  await put(doer, namespace, 'a');
  await doer.l2.purge(namespace);
  const news = await hearer.log.news('reset', (each) => each.namespace === namespace);
  assert.equal(news.origin, doer.origin);
  assert.ok(news.reason.length > 0);
}

async function readsAreSilent(bench: Bench): Promise<void> {
  const { namespace } = bench;
  const [hearer, doer] = [await bench.follower(), await bench.node()];
  await put(doer, namespace, 'a');
  await hearer.log.deed(namespace, 'a', 'write');
  await textAt(doer, namespace, 'a');
  const keys = ['a', 'b'];
  await doer.l2.leases?.acquire(
    namespace,
    keys.map((key) => ({ key, seen: undefined })),
    600_000,
  );
  await doer.l2.time?.marks(namespace, keys, { known: 0, ensureMs: 600_000 });
  await doer.l2.delete(namespace, keys);
  for (const key of keys) await hearer.log.deed(namespace, key, 'delete');
  assert.deepEqual(hearer.log.deedsTo(namespace, 'a'), ['write', 'delete']);
  assert.deepEqual(hearer.log.deedsTo(namespace, 'b'), ['delete']);
  assert.ok(hearer.log.all.every((news) => news.type === 'changed'));
}

async function batchIsHeard(bench: Bench): Promise<void> {
  const { namespace } = bench;
  const [hearer, doer] = [await bench.follower(), await bench.node()];
  // More than a backend is likely to do in one step; few enough for a log that is searched from its beginning each time.
  const keys = Array.from({ length: 600 }, (_, index) => `key ${index}`);
  await doer.l2.write(
    namespace,
    keys.map((key) => ({ key, bytes: bytesOf(key), ...LONG })),
  );
  await doer.l2.expire(namespace, keys);
  await doer.l2.delete(namespace, keys);
  // News of different keys may come in any order: that of each one has to be waited for.
  for (const what of ['write', 'expire', 'delete']) {
    for (const key of keys) await hearer.log.deed(namespace, key, what);
  }
}

async function perKeyOrder(bench: Bench): Promise<void> {
  const { namespace } = bench;
  const [hearer, one, other] = [await bench.follower(), await bench.node(), await bench.node()];
  const keys = Array.from({ length: 20 }, (_, index) => `key ${index}`);
  for (const key of keys) {
    await put(one, namespace, key);
    await other.l2.expire(namespace, [key]);
    await one.l2.touch(namespace, [key], LONG);
    await other.l2.delete(namespace, [key]);
  }
  for (const key of keys) {
    await hearer.log.deed(namespace, key, 'delete');
    assert.deepEqual(hearer.log.deedsTo(namespace, key), ['write', 'expire', 'touch', 'delete']);
  }
}

async function unfollowed(bench: Bench): Promise<void> {
  const [never, later] = [bench.freshName(), bench.freshName()];
  const [hearer, doer] = [await bench.follower(), await bench.node()];
  await put(doer, never, 'a');
  await doer.l2.purge(never);
  // In the order of one feed, news of the deeds above would have come before this.
  await put(doer, bench.namespace, 'a');
  await hearer.log.deed(bench.namespace, 'a', 'write');
  await hearer.feed.follow(later);
  await doer.l2.delete(later, ['a']);
  await hearer.log.deed(later, 'a', 'delete');
  assert.deepEqual(
    hearer.log.all.filter((news) => news.namespace === never),
    [],
  );
}

async function severalNamespaces(bench: Bench): Promise<void> {
  const prefix = bench.namespace;
  const namespaces = ['', 'Abc', ':abc', '*', '?', '[a]', '{x}', ':v:{k', '\0', ' ', '😀', '\\'].map(
    (end) => prefix + end,
  );
  const [hearer, doer] = [await bench.follower(), await bench.node()];
  await Promise.all([...namespaces, ...namespaces].map((namespace) => hearer.feed.follow(namespace)));
  for (const namespace of namespaces) await doer.l2.delete(namespace, [namespace]);
  for (const namespace of namespaces) await hearer.log.deed(namespace, namespace, 'delete');
  const heard = hearer.log.all.flatMap((news) =>
    news.type === 'changed' ? news.keys.map((key) => [news.namespace, key]) : [],
  );
  for (const [namespace, key] of heard) assert.equal(namespace, key, 'news names the namespace in which it happened');
}

async function correlationIds(bench: Bench): Promise<void> {
  const { namespace } = bench;
  const [hearer, doer] = [await bench.follower(), await bench.node()];
  const heard = async (id: string, run: (options: L2CallOptions) => Promise<unknown>): Promise<void> => {
    await run({ correlationId: id });
    await hearer.log.onAccountOf(id);
    await put(doer, namespace, 'a');
  };
  await put(doer, namespace, 'a');
  const silent = ['read', 'acquire', 'renew', 'release', 'marks', 'follow', 'transactions.read'];
  const telling = everyCall(doer.l2).filter(({ name }) => !silent.includes(name));
  for (const [index, { run }] of telling.entries()) {
    await heard(`request-${index}`, (options) => run(namespace, 'a', options));
  }
  const { leases } = doer.l2;
  if (leases !== undefined) {
    const [toFill, toRelease] = [await lease(doer, namespace, 'b'), await lease(doer, namespace, 'c')];
    const filled = { key: 'b', bytes: bytesOf('b'), lease: toFill, ...LONG };
    await heard('a-fill', (options) => doer.l2.write(namespace, [filled], options));
    await heard('!'.padEnd(MAX_CORRELATION_LENGTH, '~'), (options) =>
      leases.release(namespace, 'c', toRelease, options),
    );
  }
  await doer.l2.delete(namespace, ['last']);
  await hearer.log.deed(namespace, 'last', 'delete');
  const puts = hearer.log.all.filter((news) => news.type === 'changed' && news.correlationId === undefined);
  assert.ok(puts.length > telling.length);
  const others = hearer.log.all.filter((news) => news.correlationId !== undefined);
  assert.ok(others.every((news) => !(news.type === 'changed' && news.keys.includes('last'))));
}

async function stateBeforeNews(bench: Bench): Promise<void> {
  const { namespace } = bench;
  const [hearer, doer] = [await bench.follower(), await bench.node()];
  const reads: Promise<[string, string | undefined]>[] = [];
  hearer.log.onNews = (news) => {
    if (news.type !== 'changed') return;
    for (const key of news.keys) {
      if (news.cause !== 'external')
        reads.push(textAt(hearer, namespace, key).then((text) => [`${news.cause} of ${key}`, text]));
    }
  };
  await put(doer, namespace, 'written', 'old');
  await hearer.log.deed(namespace, 'written', 'write');
  await put(doer, namespace, 'deleted', 'old');
  await hearer.log.deed(namespace, 'deleted', 'write');
  await Promise.all(reads.splice(0));
  await put(doer, namespace, 'written', 'new');
  await doer.l2.delete(namespace, ['deleted']);
  await hearer.log.deed(namespace, 'deleted', 'delete');
  await put(doer, namespace, 'last');
  await hearer.log.deed(namespace, 'last', 'write');
  for (const [deed, text] of await Promise.all(reads)) {
    const expected = { 'write of written': 'new', 'delete of deleted': undefined, 'write of last': 'value' };
    if (deed in expected) assert.equal(text, expected[deed as keyof typeof expected], deed);
  }
  assert.ok(reads.length >= 3);
}

async function neverFromWithin(bench: Bench): Promise<void> {
  const { namespace } = bench;
  const node = await bench.follower();
  let isWithin = false;
  let cameFromWithin = 0;
  node.log.onNews = () => {
    if (isWithin) cameFromWithin += 1;
  };
  const from = <T>(call: () => Promise<T>): Promise<T> => {
    isWithin = true;
    const promise = call();
    isWithin = false;
    return promise;
  };
  await from(() => put(node, namespace, 'a'));
  await from(() => node.l2.expire(namespace, ['a']));
  await from(() => node.l2.delete(namespace, ['a']));
  const { time } = node.l2;
  if (time !== undefined) await from(() => time.advance(namespace, null, 'dead', { known: 0 }));
  await from(() => node.l2.purge(namespace));
  await node.log.news('reset', (news) => news.namespace === namespace);
  assert.equal(cameFromWithin, 0);
}

async function closedHearsNothing(bench: Bench): Promise<void> {
  const { namespace } = bench;
  const [closed, hearer, doer]: TestNode[] = [await bench.follower(), await bench.follower(), await bench.node()];
  assert.ok(closed && hearer && doer);
  await closed.l2.close();
  const heardAtClose = closed.log.all.length;
  await doer.l2.delete(namespace, ['a']);
  await hearer.log.deed(namespace, 'a', 'delete');
  assert.equal(closed.log.all.length, heardAtClose);
  assert.deepEqual(closed.log.deedsTo(namespace, 'a'), []);
}
