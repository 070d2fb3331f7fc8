import assert from 'node:assert/strict';
import type { L2Commit, L2Committed } from '../../contract.js';
import { L2InvalidError } from '../../errors.js';
import {
  type Bench,
  bytesOf,
  fill,
  found,
  LONG,
  lease,
  leaseStatus,
  put,
  type TestNode,
  textAt,
  textOf,
} from '../bench.js';
import { casesOf, type L2Case } from '../case.js';

export const transactions: L2Case[] = casesOf(
  'transactions',
  ['transactions'],
  [
    ['a read answers in order, absent keys and keys named twice included, and 10,000 of them', reads],
    ['a commit writes and deletes, and tells the versions in the order of its writes', commits],
    [
      'of a commit with one key that is not as expected nothing is done, and the keys that are not are named',
      conflicts,
    ],
    ['expecting no entry conflicts with one, and expecting one with none', expectsAbsence],
    [
      'a version expected conflicts with every later one: a write, a fill, a delete, a write after a delete',
      laterVersions,
    ],
    ['keys that are expected and not changed are checked, and stay as they are', readOnly],
    ['an empty commit is committed', empty],
    ['an entry whose life is over counts as none', overIsNone],
    [
      'a commit revokes the leases of the keys that it changes, and of no others; a conflict revokes none',
      leasesOf,
      'leases',
    ],
    ['a commit is heard as a write or a delete of each key, and a conflict not at all', news, 'feed'],
    ['who hears of one key of a commit already reads all of it', newsAfterCommit, 'feed'],
    ['of two commits with the same expectation exactly one is committed', oneOfTwo],
    ['concurrent transfers on two nodes keep the sum, and every read sees it', transfers],
    ['a read sees all of a commit or nothing, and a delete in it too', neverTorn],
    ['1,000 keys are committed at once; more, a key changed twice, and a fill are refused', limits],
    ['forbidden keys and lives are refused, and nothing of the commit is done', forbidden],
    ['a commit in one namespace leaves the same keys of another', otherNamespace],
  ],
);

const commitOf = (parts: Partial<L2Commit>): L2Commit => ({ expect: [], writes: [], deletes: [], ...parts });
const writeOf = (key: string, text = 'committed') => ({ key, bytes: bytesOf(text), ...LONG });

async function commit(node: TestNode, namespace: string, parts: Partial<L2Commit>): Promise<L2Committed> {
  return node.transactions.commit(namespace, commitOf(parts));
}

async function reads(bench: Bench): Promise<void> {
  const node = await bench.node();
  const version = await put(node, bench.namespace, 'a', 'of a');
  await put(node, bench.namespace, 'b', 'of b');
  const answers = await node.transactions.read(bench.namespace, ['b', 'absent', 'a', 'b']);
  assert.deepEqual(answers.map(textOf), ['of b', undefined, 'of a', 'of b']);
  const [, , a] = answers;
  assert.ok(a?.status === 'found' && a.version === version && a.freshMs > 0 && a.keepMs > a.freshMs, JSON.stringify(a));
  assert.deepEqual(await node.transactions.read(bench.namespace, []), []);
  const many = Array.from({ length: 10_000 }, (_, index) => (index === 9_999 ? 'a' : `absent ${index}`));
  assert.equal(textOf((await node.transactions.read(bench.namespace, many))[9_999]), 'of a');
}

async function commits(bench: Bench): Promise<void> {
  const [one, other] = [await bench.node(), await bench.node()];
  const { namespace } = bench;
  const [a, gone] = [await put(one, namespace, 'a', 'old'), await put(one, namespace, 'gone')];
  const life = { freshMs: 5_000, keepMs: 50_000 };
  const answer = await commit(one, namespace, {
    expect: [
      { key: 'gone', version: gone },
      { key: 'a', version: a },
      { key: 'new', version: undefined },
    ],
    writes: [{ ...writeOf('new', 'of new'), ...life }, writeOf('a', 'of a')],
    deletes: ['gone', 'never there'],
  });
  assert.equal(answer.status, 'committed');
  const read = await found(other, namespace, 'new');
  assert.deepEqual(answer.versions, [read.version, (await found(other, namespace, 'a')).version]);
  assert.ok(answer.versions.every((version) => version > a));
  assert.ok(
    read.freshMs > 0 && read.freshMs <= 5_000 && read.keepMs > 5_000 && read.keepMs <= 50_000,
    JSON.stringify(read),
  );
  const texts = (await other.l2.read(namespace, ['a', 'new', 'gone', 'never there'])).map(textOf);
  assert.deepEqual(texts, ['of a', 'of new', undefined, undefined]);
}

async function conflicts(bench: Bench): Promise<void> {
  const [one, other] = [await bench.node(), await bench.node()];
  const { namespace } = bench;
  const keys = ['a', 'b', 'c', 'd'];
  const expect = [];
  for (const key of keys) expect.push({ key, version: await put(one, namespace, key, 'old') });
  await put(other, namespace, 'b', 'theirs');
  await other.l2.delete(namespace, ['d']);
  const answer = await commit(one, namespace, {
    expect,
    writes: [writeOf('a'), writeOf('b'), writeOf('e')],
    deletes: ['c'],
  });
  assert.equal(answer.status, 'conflict');
  assert.deepEqual([...answer.keys].sort(), ['b', 'd']);
  const texts = (await one.l2.read(namespace, [...keys, 'e'])).map(textOf);
  assert.deepEqual(texts, ['old', 'theirs', 'old', undefined, undefined]);
  assert.equal((await found(one, namespace, 'a')).version, expect[0]?.version);
}

async function expectsAbsence(bench: Bench): Promise<void> {
  const node = await bench.node();
  const { namespace } = bench;
  const version = await put(node, namespace, 'there', 'old');
  const none = await commit(node, namespace, {
    expect: [{ key: 'there', version: undefined }],
    writes: [writeOf('there')],
    deletes: [],
  });
  assert.deepEqual(none, { status: 'conflict', keys: ['there'] });
  const one = await commit(node, namespace, { expect: [{ key: 'absent', version }], writes: [writeOf('absent')] });
  assert.deepEqual(one, { status: 'conflict', keys: ['absent'] });
  assert.deepEqual((await node.l2.read(namespace, ['there', 'absent'])).map(textOf), ['old', undefined]);
  const absent = { expect: [{ key: 'absent', version: undefined }], writes: [writeOf('absent')] };
  assert.equal((await commit(node, namespace, absent)).status, 'committed');
  assert.equal((await commit(node, namespace, absent)).status, 'conflict');
}

async function laterVersions(bench: Bench): Promise<void> {
  const [one, other] = [await bench.node(), await bench.node()];
  const deeds: ((namespace: string, version: number) => Promise<unknown>)[] = [
    (namespace) => put(other, namespace, 'a', 'old'),
    async (namespace, version) => {
      if (other.l2.leases === undefined) return put(other, namespace, 'a');
      return fill(other, namespace, 'a', await lease(other, namespace, 'a', 600_000, version));
    },
    (namespace) => other.l2.delete(namespace, ['a']),
    async (namespace) => {
      await other.l2.delete(namespace, ['a']);
      await put(other, namespace, 'a', 'old');
    },
    (namespace) => commit(other, namespace, { writes: [writeOf('a', 'old')] }),
  ];
  for (const deed of deeds) {
    const namespace = bench.freshName();
    const version = await put(one, namespace, 'a', 'old');
    await deed(namespace, version);
    const answer = await commit(one, namespace, { expect: [{ key: 'a', version }], writes: [writeOf('a')] });
    assert.deepEqual(answer, { status: 'conflict', keys: ['a'] }, String(deed));
  }
}

async function readOnly(bench: Bench): Promise<void> {
  const node = await bench.node();
  const { namespace } = bench;
  const version = await put(node, namespace, 'a', 'old');
  const expect = [{ key: 'a', version }];
  assert.deepEqual(await commit(node, namespace, { expect }), { status: 'committed', versions: [] });
  assert.equal((await commit(node, namespace, { expect, writes: [writeOf('b')] })).status, 'committed');
  assert.equal((await found(node, namespace, 'a')).version, version);
  await put(node, namespace, 'a', 'new');
  assert.deepEqual(await commit(node, namespace, { expect }), { status: 'conflict', keys: ['a'] });
}

async function empty(bench: Bench): Promise<void> {
  const node = await bench.node();
  assert.deepEqual(await commit(node, bench.namespace, {}), { status: 'committed', versions: [] });
}

async function overIsNone(bench: Bench): Promise<void> {
  const node = await bench.node();
  const { namespace } = bench;
  const version = await put(node, namespace, 'a', 'value', { freshMs: 1, keepMs: 1 });
  await bench.pass(1);
  assert.deepEqual(await node.transactions.read(namespace, ['a']), [undefined]);
  const conflict = await commit(node, namespace, { expect: [{ key: 'a', version }], writes: [writeOf('a')] });
  assert.deepEqual(conflict, { status: 'conflict', keys: ['a'] });
  const answer = await commit(node, namespace, { expect: [{ key: 'a', version: undefined }], writes: [writeOf('a')] });
  assert.equal(answer.status, 'committed');
}

async function leasesOf(bench: Bench): Promise<void> {
  const [one, other] = [await bench.node(), await bench.node()];
  const { namespace } = bench;
  const keys = ['written', 'deleted', 'expected', 'apart'];
  const tokens = new Map<string, string>();
  for (const key of keys) tokens.set(key, await lease(other, namespace, key));
  const parts = {
    expect: [{ key: 'expected', version: undefined }],
    writes: [writeOf('written')],
    deletes: ['deleted'],
  };
  const conflict = { ...parts, expect: [{ key: 'expected', version: 1 }] };
  assert.equal((await commit(one, namespace, conflict)).status, 'conflict');
  for (const key of keys) assert.equal(await leaseStatus(one, namespace, key), 'held', `${key} after a conflict`);
  assert.equal((await commit(one, namespace, parts)).status, 'committed');
  const filled = [];
  for (const key of keys) filled.push(await fill(other, namespace, key, tokens.get(key) ?? ''));
  assert.deepEqual(filled, [false, false, true, true]);
  assert.equal(await textAt(one, namespace, 'written'), 'committed');
}

async function news(bench: Bench): Promise<void> {
  const { namespace } = bench;
  const [hearer, doer] = [await bench.follower(), await bench.node()];
  await commit(doer, namespace, {
    expect: [{ key: 'd', version: 1 }],
    writes: [writeOf('never')],
    deletes: ['never too'],
  });
  const writes = [writeOf('a'), writeOf('b')];
  await commit(doer, namespace, { expect: [{ key: 'd', version: undefined }], writes, deletes: ['c', 'absent'] });
  const heard = [
    await hearer.log.deed(namespace, 'a', 'write'),
    await hearer.log.deed(namespace, 'b', 'write'),
    await hearer.log.deed(namespace, 'c', 'delete'),
    await hearer.log.deed(namespace, 'absent', 'delete'),
  ];
  for (const deed of heard) assert.equal(deed.origin, doer.origin);
  await doer.l2.expire(namespace, ['a', 'd']);
  await hearer.log.deed(namespace, 'd', 'expire');
  assert.deepEqual(hearer.log.deedsTo(namespace, 'a'), ['write', 'expire']);
  assert.deepEqual(hearer.log.deedsTo(namespace, 'd'), ['expire']);
  for (const key of ['never', 'never too']) assert.deepEqual(hearer.log.deedsTo(namespace, key), []);
}

async function newsAfterCommit(bench: Bench): Promise<void> {
  const { namespace } = bench;
  const [hearer, doer] = [await bench.follower(), await bench.node()];
  const looks: Promise<(string | undefined)[]>[] = [];
  hearer.log.onNews = () => {
    looks.push(hearer.l2.read(namespace, ['a', 'b', 'c']).then((found) => found.map(textOf)));
  };
  await commit(doer, namespace, { writes: [writeOf('a'), writeOf('b'), writeOf('c')] });
  await hearer.log.deed(namespace, 'c', 'write');
  for (const look of await Promise.all(looks)) assert.deepEqual(look, ['committed', 'committed', 'committed']);
}

async function oneOfTwo(bench: Bench): Promise<void> {
  const nodes = [await bench.node(), await bench.node(), await bench.node()];
  const { namespace } = bench;
  for (let round = 0; round < 20; round++) {
    const [key, own] = [`key ${round}`, (index: number) => `of ${index} in ${round}`];
    const version = round % 2 === 0 ? undefined : await put(nodes[0] as TestNode, namespace, key);
    const answers = await Promise.all(
      nodes.map((node, index) =>
        commit(node, namespace, {
          expect: [{ key, version }],
          writes: [writeOf(key, own(index)), writeOf(own(index))],
        }),
      ),
    );
    const winners = answers.flatMap((answer, index) => (answer.status === 'committed' ? [index] : []));
    assert.equal(winners.length, 1, `${winners.length} of three were committed`);
    assert.equal(await textAt(nodes[0] as TestNode, namespace, key), own(winners[0] as number));
    const left =
      (await nodes[1]?.l2.read(
        namespace,
        nodes.map((_, index) => own(index)),
      )) ?? [];
    const there = left.flatMap((read, index) => (read === undefined ? [] : [index]));
    assert.deepEqual(there, winners, 'a loser left nothing');
  }
}

/** A read that is answered without waiting for anything must not keep the others from their turn. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

const ACCOUNTS = ['a', 'b', 'c', 'd'];

async function transfers(bench: Bench): Promise<void> {
  const nodes = [await bench.node(), await bench.node()];
  const { namespace } = bench;
  for (const account of ACCOUNTS) await put(nodes[0] as TestNode, namespace, account, '100');
  let isOver = false;
  const watching = (async () => {
    for (let looks = 0; looks === 0 || !isOver; looks++) {
      assert.equal(await sumOf(nodes[1] as TestNode, namespace), 400);
      await nextTurn();
    }
  })();
  const transferring = nodes.flatMap((node, index) => [
    transferMany(node, namespace, index),
    transferMany(node, namespace, index + 2),
  ]);
  await Promise.all([Promise.all(transferring).finally(() => (isOver = true)), watching]);
  assert.equal(await sumOf(nodes[0] as TestNode, namespace), 400);
}

/** Ten transfers, each repeated until it is committed: at any moment somebody's is. */
async function transferMany(node: TestNode, namespace: string, start: number): Promise<void> {
  for (let done = 0, tries = 0; done < 10; tries++) {
    assert.ok(tries < 500, `only ${done} transfers of one node were committed`);
    const from = ACCOUNTS[(start + done) % 4] as string;
    const to = ACCOUNTS[(start + done + 1 + (start % 3)) % 4] as string;
    const amount = 1 + start + 4 * done;
    const [giver, taker] = await node.transactions.read(namespace, [from, to]);
    const answer = await commit(node, namespace, {
      expect: [
        { key: from, version: giver?.version },
        { key: to, version: taker?.version },
      ],
      writes: [
        writeOf(from, String(Number(textOf(giver)) - amount)),
        writeOf(to, String(Number(textOf(taker)) + amount)),
      ],
    });
    if (answer.status === 'committed') done += 1;
  }
}

async function sumOf(node: TestNode, namespace: string): Promise<number> {
  const accounts = await node.transactions.read(namespace, ACCOUNTS);
  return accounts.reduce((sum, account) => sum + Number(textOf(account)), 0);
}

async function neverTorn(bench: Bench): Promise<void> {
  const [writer, reader] = [await bench.node(), await bench.node()];
  const { namespace } = bench;
  const keys = Array.from({ length: 50 }, (_, index) => `key ${index}`);
  let isOver = false;
  const writing = (async () => {
    for (let round = 0; round < 30; round++) {
      if (round % 5 === 4) await commit(writer, namespace, { deletes: keys });
      else await commit(writer, namespace, { writes: keys.map((key) => writeOf(key, String(round))) });
      await nextTurn();
    }
  })().finally(() => {
    isOver = true;
  });
  const reading = (async () => {
    for (let looks = 0; looks === 0 || !isOver; looks++) {
      const seen = new Set((await reader.transactions.read(namespace, keys)).map(textOf));
      assert.equal(seen.size, 1, `one read saw ${[...seen].join(' and ')}`);
      await nextTurn();
    }
  })();
  await Promise.all([writing, reading]);
}

async function limits(bench: Bench): Promise<void> {
  const node = await bench.node();
  const { namespace } = bench;
  const keys = Array.from({ length: 1_001 }, (_, index) => `key ${index}`);
  const tooMany: Partial<L2Commit>[] = [
    { writes: keys.map((key) => writeOf(key)) },
    { deletes: keys },
    { expect: keys.map((key) => ({ key, version: undefined })) },
    { expect: keys.slice(0, 600).map((key) => ({ key, version: undefined })), deletes: keys.slice(600) },
  ];
  const twice: Partial<L2Commit>[] = [
    { writes: [writeOf('a'), writeOf('b'), writeOf('a')] },
    { deletes: ['a', 'a'] },
    { writes: [writeOf('b'), writeOf('a')], deletes: ['a'] },
  ];
  const fills: Partial<L2Commit>[] = [{ writes: [writeOf('b'), { ...writeOf('a'), lease: 'a lease' }] }];
  for (const parts of [...tooMany, ...twice, ...fills]) {
    await assert.rejects(commit(node, namespace, parts), L2InvalidError);
  }
  assert.deepEqual(await node.l2.read(namespace, ['a', 'b', 'key 0']), [undefined, undefined, undefined]);
  const thousand = keys.slice(1);
  const answer = await commit(node, namespace, {
    expect: thousand.map((key) => ({ key, version: undefined })),
    writes: thousand.slice(0, 500).map((key) => writeOf(key, key)),
    deletes: thousand.slice(500),
  });
  // A version tells apart what is written under one key; two keys may have the same.
  assert.ok(answer.status === 'committed' && answer.versions.length === 500, answer.status);
  assert.deepEqual((await node.l2.read(namespace, ['key 1', 'key 500'])).map(textOf), ['key 1', 'key 500']);
}

async function forbidden(bench: Bench): Promise<void> {
  const node = await bench.node();
  const good = writeOf('good');
  const bad: Partial<L2Commit>[] = [
    { writes: [good, { ...writeOf('bad'), keepMs: 0 }] },
    { writes: [good, { ...writeOf('bad'), freshMs: -1 }] },
    { writes: [good, writeOf('bad\ud800')] },
    { writes: [good, { ...writeOf('bad'), bytes: 'text' as unknown as Uint8Array }] },
    { writes: [good], deletes: ['bad\ud800'] },
    { writes: [good], expect: [{ key: 'bad\ud800', version: undefined }] },
  ];
  for (const parts of bad) await assert.rejects(commit(node, bench.namespace, parts), L2InvalidError);
  await assert.rejects(node.transactions.read(bench.namespace, ['good', 'bad\ud800']), L2InvalidError);
  assert.deepEqual(await node.l2.read(bench.namespace, ['good', 'bad']), [undefined, undefined]);
}

async function otherNamespace(bench: Bench): Promise<void> {
  const node = await bench.node();
  const neighbour = bench.freshName();
  await put(node, neighbour, 'a', 'theirs');
  await put(node, neighbour, 'b', 'theirs');
  assert.equal(
    (
      await commit(node, bench.namespace, {
        expect: [{ key: 'a', version: undefined }],
        writes: [writeOf('a')],
        deletes: ['b'],
      })
    ).status,
    'committed',
  );
  assert.deepEqual((await node.transactions.read(neighbour, ['a', 'b'])).map(textOf), ['theirs', 'theirs']);
}
