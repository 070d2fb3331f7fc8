import { expect, onTestFinished, test } from 'vitest';
import { listeningHost, temporaryDirectory } from '../test/support.js';
import { FeedReader } from './feed.js';
import type { LogBounds } from './news-log.js';
import { Store } from './store.js';
import type { Tables } from './tables.js';

const ACTOR = { origin: 'writer', now: () => 1000 };

/** A store with a log of its own bounds, and a reader that looks only when told to. */
function setUp(bounds?: LogBounds) {
  const store = new Store({ path: temporaryDirectory(), waitsForDisk: false }, bounds);
  const host = listeningHost('reader');
  const follows = new Set(['n']);
  const silent = () => {
    throw new Error('no bell');
  };
  const feed = new FeedReader(store, { follows, ...host }, { pollInterval: 60_000, watchFile: silent });
  onTestFinished(async () => {
    feed.close();
    await store.close();
  });
  const write = (...keys: string[]) =>
    store.write(ACTOR, (txn) => {
      for (const key of keys) txn.changed('n', key, 'write');
    });
  const keys = () => host.news.flatMap((news) => (news.type === 'changed' ? news.keys : [news.type]));
  return { store, host, follows, feed, write, keys };
}

test('each message is handed on once and in order, however often the bell rings', async () => {
  const { feed, write, keys } = setUp();
  await write('a');
  await write('b');
  feed.look();
  feed.look();
  await write('c');
  feed.look();
  expect(keys()).toEqual(['a', 'b', 'c']);
});

test('the news of a batch are few messages; what differs in kind stays in order', async () => {
  const { store, feed, host } = setUp();
  await store.write(ACTOR, (txn) => {
    for (let index = 0; index < 600; index++) txn.changed('n', `k${index}`, 'write');
    txn.changed('n', 'x', 'delete');
    txn.changed('n', 'y', 'write');
  });
  feed.look();
  expect(host.news.map((news) => news.type === 'changed' && [news.cause, news.keys.length])).toEqual([
    ['write', 256],
    ['write', 256],
    ['write', 88],
    ['delete', 1],
    ['write', 1],
  ]);
});

test('only followed namespaces are handed on', async () => {
  const { store, feed, follows, host } = setUp();
  await store.write(ACTOR, (txn) => {
    txn.changed('other', 'k', 'write');
    txn.marked({ namespace: 'other', tags: null, mode: 'dead', generation: 1 });
  });
  feed.look();
  expect(host.news).toEqual([]);
  follows.add('other');
  await store.write(ACTOR, (txn) => txn.changed('other', 'k', 'write'));
  feed.look();
  expect(host.news).toHaveLength(1);
});

test('the log is bounded in messages: who fell behind it gets a reset of everything, and then goes on', async () => {
  const { store, feed, write, keys, host } = setUp({ maxMessages: 5, maxBytes: 1e6 });
  for (let number = 0; number < 6; number++) await write(`k${number}`);
  feed.look();
  expect(keys()).toEqual(['reset']);
  expect(host.news[0]).toMatchObject({ namespace: undefined, origin: undefined });
  for (let number = 6; number < 11; number++) await write(`k${number}`);
  feed.look();
  expect(keys()).toEqual(['reset', 'k6', 'k7', 'k8', 'k9', 'k10']);
  const { logFirst, logNext } = store.read((tables) => tables.readCounters());
  expect(logNext - logFirst).toBe(5);
});

test('the log is bounded in bytes, exactly counted', async () => {
  const { store, write } = setUp({ maxMessages: 1e6, maxBytes: 2_000 });
  for (let number = 0; number < 50; number++) await write('k'.repeat(number * 20));
  const { bytes, counters } = store.read((tables) => ({ counters: tables.readCounters(), bytes: bytesOfLog(tables) }));
  expect(counters.logBytes).toBe(bytes);
  expect(bytes).toBeLessThanOrEqual(2_000);
  expect(bytes).toBeGreaterThan(900);
});

function bytesOfLog(tables: Tables): number {
  const { logFirst, logNext } = tables.readCounters();
  let bytes = 0;
  for (let number = logFirst; number < logNext; number++) bytes += JSON.stringify(tables.log.read(number)).length;
  return bytes;
}

test('a long backlog is handed on in turns, in order', async () => {
  const { store, feed, keys, host } = setUp();
  await store.write(ACTOR, (txn) => {
    for (let number = 0; number < 1200; number++) txn.changed('n', `${number}`, number % 2 === 0 ? 'write' : 'delete');
  });
  feed.look();
  expect(keys()).toHaveLength(512);
  await host.until(() => keys().length === 1200);
  expect(keys()).toEqual(Array.from({ length: 1200 }, (_, number) => `${number}`));
});

test('a store that cannot be read makes the feed deaf', async () => {
  const { store, feed, host } = setUp();
  await host.until(() => host.states.includes('alive'));
  await store.close();
  feed.look();
  expect(host.states).toEqual(['alive', 'deaf']);
});

test('close() makes the feed deaf, once, and nothing is heard afterwards', async () => {
  const { feed, host, write } = setUp();
  await host.until(() => host.states.includes('alive'));
  await write('a');
  feed.close();
  feed.close();
  feed.look();
  await host.until(() => host.states.includes('deaf'));
  expect(host.states).toEqual(['alive', 'deaf']);
  expect(host.news).toEqual([]);
});
