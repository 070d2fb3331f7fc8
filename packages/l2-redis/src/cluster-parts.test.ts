import { expect, test } from 'vitest';
import { ClusterTopology } from './cluster.js';
import { parseSlots, redirectionOf, slotOf } from './cluster-slots.js';
import { Heard } from './heard.js';
import { keysOf } from './keys.js';
import { settingsOf } from './options.js';
import { RecentInvalidations } from './recent.js';

const asked = { host: '10.0.0.1', port: 7000 };

test('what a server says of slots is read, with the address that it was asked by where it knows none', () => {
  const reply = [
    [0, 5_460, ['10.0.0.2', 7001, 'id 1', []], ['10.0.0.9', 7009, 'replica', []]],
    [5_461, 16_383, [null, 7002, 'id 2']],
  ];
  expect(parseSlots(reply, asked, { '10.0.0.2:7001': { host: 'tunnel', port: 1 } })).toEqual([
    { from: 0, to: 5_460, master: { host: 'tunnel', port: 1 }, id: 'id 1' },
    { from: 5_461, to: 16_383, master: { host: '10.0.0.1', port: 7002 }, id: 'id 2' },
  ]);
});

// As `CLUSTER KEYSLOT` of Redis 7 answers.
test.each([
  ['', 0],
  ['123456789', 12_739],
  ['user:1', 10_778],
  ['a{user:1}', 10_778],
  ['{user:1}.{b}', 10_778],
  ['{}{user:1}', 3_992],
  ['a{}b', 13_694],
  ['a}{', 7_586],
  ['{a', 10_276],
  ['{', 4_092],
  ['ü', 9_552],
  ['é{ü}ö', 9_552],
  ['schlüssel😀', 2_221],
])('the slot of %j', (key, slot) => {
  expect(slotOf(key)).toBe(slot);
  expect(slotOf(Buffer.from(key))).toBe(slot);
});

test.each([
  ['MOVED 12 10.0.0.2:7001', { type: 'moved', address: { host: '10.0.0.2', port: 7001 } }],
  ['ASK 12 fe80::1:7001', { type: 'ask', address: { host: 'fe80::1', port: 7001 } }],
  ['MOVED 12 :7001', { type: 'moved', address: { host: '10.0.0.1', port: 7001 } }],
  ['TRYAGAIN Multiple keys request during rehashing of slot', { type: 'tryAgain' }],
  ['CLUSTERDOWN The cluster is down', undefined],
])('%s', (message, redirection) => {
  const error = Object.assign(new Error(message), { name: 'ReplyError' });
  expect(redirectionOf(error, asked, undefined)).toEqual(redirection);
  expect(redirectionOf(new Error(message), asked, undefined)).toBeUndefined();
});

test('a batch is split by slot, and a key that stands in it twice by that', () => {
  const settings = settingsOf({ cluster: { nodes: [asked] }, redis: { keyPrefix: 'my{app}:' } });
  const topology = new ClusterTopology(settings, { nodes: [asked], natMap: undefined });
  const entry = keysOf('n').entry;
  // All keys of this prefix share its slot.
  expect(topology.group(['a', 'b', 'a', 'a'], entry)).toEqual([['a', 'b'], ['a'], ['a']]);
  const plain = new ClusterTopology(settingsOf({ cluster: { nodes: [asked] } }), { nodes: [asked], natMap: undefined });
  const names = Array.from({ length: 100 }, (_, i) => `${i}`);
  const groups = plain.group(names, entry);
  expect(groups.flat().sort()).toEqual([...names].sort());
  for (const group of groups) expect(new Set(group.map((name) => slotOf(entry(name)))).size).toBe(1);
});

test('what was heard is known again, until thousands of others were heard', () => {
  const heard = new Heard();
  expect([heard.has('a'), heard.has('b'), heard.has('a')]).toEqual([false, false, true]);
  for (let i = 0; i < 4_096; i += 1) heard.has(`${i}`);
  expect(heard.has('a')).toBe(true);
  for (let i = 0; i < 20_000; i += 1) heard.has(`${i}`);
  expect(heard.has('a')).toBe(false);
});

test('recent invalidations: the last counts, a deletion more than an expiry, within bounds of number and age', () => {
  let now = 0;
  const recent = new RecentInvalidations({ count: 2, ageMs: 100 }, () => now);
  recent.addEntries('n', ['a', 'b'], 'delete');
  now = 50;
  recent.addEntries('n', ['a'], 'expire');
  expect(recent.entries()).toMatchObject([
    { key: 'b', deed: 'delete', at: 0 },
    { key: 'a', deed: 'delete', at: 50 },
  ]);
  recent.addEntries('m', ['a'], 'expire');
  expect(recent.entries()).toMatchObject([
    { namespace: 'n', key: 'a' },
    { namespace: 'm', key: 'a', deed: 'expire' },
  ]);
  recent.addMark('n', ['t'], 'dead', 7);
  recent.addMark('n', ['t'], 'dead', 9);
  recent.addMark('n', null, 'stale', 10);
  expect(recent.marks().map(({ tags, generation }) => [tags, generation])).toEqual([
    [['t'], 9],
    [null, 10],
  ]);
  const [first] = recent.entries();
  expect(first && recent.isLatest(first)).toBe(true);
  recent.addEntries('n', ['a'], 'expire');
  expect(first && recent.isLatest(first)).toBe(false);
  now = 151;
  expect([recent.entries(), recent.marks(), recent.size]).toEqual([[], [], 0]);
  const none = new RecentInvalidations({ count: 0, ageMs: 100 }, () => now);
  none.addEntries('n', ['a'], 'delete');
  none.addMark('n', null, 'dead', 1);
  expect(none.size).toBe(0);
});
