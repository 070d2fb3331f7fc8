import { L2InvalidError } from '@tierwise/l2';
import { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { backOff, commandConnection, feedConnection } from './connection.js';
import { settingsOf } from './options.js';
import { redisL2 } from './redis-l2.js';

describe('options that make no sense are refused', () => {
  test.each([
    ['no object', undefined, 'options must be an object'],
    ['nowhere', {}, 'one of url, redis, sentinel, cluster, client and pool'],
    ['a URL of another protocol', { url: 'http://localhost' }, 'url must look like'],
    ['no URL', { url: 'localhost' }, 'url must look like'],
    ['a URL that cannot be parsed', { url: 'redis://:x@:1:2' }, 'url must look like'],
    ['a client and a URL', { url: 'redis://localhost', client: {} }, 'url and client exclude each other'],
    ['a client that is none', { client: {} }, 'client must be a client of ioredis'],
    ['a time limit of 0', { url: 'redis://localhost', commandTimeout: 0 }, 'commandTimeout must be'],
    ['a time limit that no timer can do', { url: 'redis://localhost', connectTimeout: 2 ** 31 }, 'connectTimeout must'],
    ['a limit as text', { url: 'redis://localhost', heartbeatInterval: '2s' }, 'heartbeatInterval must be'],
    ['a switch that is none', { url: 'redis://localhost', tracking: 'on' }, 'tracking must be true or false'],
    ['a group that is no function', { url: 'redis://localhost', colocate: 'g' }, 'colocate must be a function'],
    [
      'bounds that cross',
      { url: 'redis://localhost', minReconnectDelay: 100, maxReconnectDelay: 50 },
      'maxReconnectDelay must be a whole number of milliseconds from 100',
    ],
    ['a misspelt option', { url: 'redis://localhost', comandTimeout: 5 }, 'there is no option comandTimeout'],
    ['a Cluster without servers', { cluster: { nodes: [] } }, 'cluster.nodes must be a list of { host, port }'],
    [
      'a Cluster that reads from replicas',
      { cluster: { nodes: [{ host: 'a', port: 1 }], scaleReads: 'slave' } },
      'no option cluster.scaleReads',
    ],
    ['a Sentinel for nobody', { sentinel: { sentinels: [{ host: 'a', port: 1 }] } }, 'sentinel.name must name'],
    [
      'two places',
      { cluster: { nodes: [{ host: 'a', port: 1 }] }, url: 'redis://x' },
      'url and cluster exclude each other',
    ],
    ['a number of nothing to re-issue', { url: 'redis://x', reissue: { count: -1 } }, 'reissue.count must be a whole'],
    [
      'no replica to wait for',
      { url: 'redis://x', waitReplicas: { count: 0, timeoutMs: 5 } },
      'waitReplicas.count must be',
    ],
    ['an option that is ours', { redis: { maxRetriesPerRequest: 5 } }, 'redis.maxRetriesPerRequest is set by redisL2'],
  ])('%s', (_, options, message) => {
    const make = () => redisL2(options as unknown as Parameters<typeof redisL2>[0]);
    expect(make).toThrow(L2InvalidError);
    expect(make).toThrow(message);
  });

  test('and no message repeats a password', () => {
    expect(() => redisL2({ url: 'http://me:secret@host' })).toThrow(/^(?!.*secret)/);
  });
});

test('a URL and options of ioredis reach both connections', () => {
  const settings = settingsOf({
    url: 'rediss://me:secret@example.test:7000/3',
    redis: { keyPrefix: 'app:', tls: { servername: 'other' } },
  });
  for (const { client } of [commandConnection(settings), feedConnection(settings)]) {
    expect(client.status).toBe('wait');
    expect(client.options).toMatchObject({
      host: 'example.test',
      port: 7000,
      username: 'me',
      password: 'secret',
      db: 3,
      tls: { servername: 'other' },
      maxRetriesPerRequest: 0,
      enableOfflineQueue: false,
    });
  }
  expect(commandConnection(settings).client.options.keyPrefix).toBe('app:');
  expect(commandConnection(settingsOf({ url: 'rediss://x' })).client.options.tls).toBeTruthy();
});

test("the feed's connection is a duplicate of a user's client, with bounds of its own", () => {
  const client = new Redis({ lazyConnect: true, host: 'example.test', password: 'secret', keyPrefix: 'app:' });
  const feed = feedConnection(settingsOf({ client, connectTimeout: 77 })).client;
  expect(feed).not.toBe(client);
  expect(feed.options).toMatchObject({ host: 'example.test', password: 'secret', keyPrefix: '', connectTimeout: 77 });
  expect(feed.options).toMatchObject({ maxRetriesPerRequest: 0, enableOfflineQueue: false, protocol: 2 });
});

test('the pause before a reconnect doubles from its least to its most, the upper half of it by chance', () => {
  const settings = { minReconnectDelay: 50, maxReconnectDelay: 2_000 };
  expect([1, 2, 3, 6, 7, 1_000].map((attempt) => backOff(settings, attempt, 1))).toEqual([
    50, 100, 200, 1_600, 2_000, 2_000,
  ]);
  expect([1, 2, 3, 6, 7, 1_000].map((attempt) => backOff(settings, attempt, 0))).toEqual([
    25, 50, 100, 800, 1_000, 1_000,
  ]);
});
