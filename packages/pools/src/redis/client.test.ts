import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { connected, disconnected, isOpen, isSubscriber, type RedisConnection } from './client.js';
import { redisPool } from './index.js';

/** A client that does what the test says. */
class Double extends EventEmitter implements RedisConnection {
  status = 'wait';
  readonly options = {};
  stream: { writable: boolean } | undefined = { writable: true };
  disconnects = 0;
  unwatched: () => Promise<unknown> = async () => 'OK';
  connecting: () => Promise<unknown> = async () => {
    this.status = 'ready';
  };
  connect = (): Promise<unknown> => this.connecting();
  ping = async (): Promise<unknown> => 'PONG';
  unwatch = (): Promise<unknown> => this.unwatched();
  disconnect = (): void => {
    this.disconnects++;
    this.status = 'end';
    setImmediate(() => this.emit('end'));
  };
}

const never = (): Promise<never> => new Promise(() => {});

test('it is open while it is ready and the other side has not ended it', () => {
  const client = new Double();
  expect(isOpen(client)).toBe(false);
  client.status = 'ready';
  expect(isOpen(client)).toBe(true);
  client.stream = { writable: false };
  expect(isOpen(client)).toBe(false);
  client.stream = undefined;
  // As that of a Cluster, which has none of its own.
  expect(isOpen(client)).toBe(true);
});

test('it is a subscriber as long as it is subscribed to anything', () => {
  expect(isSubscriber(new Double())).toBe(false);
  expect(isSubscriber(Object.assign(new Double(), { condition: null }))).toBe(false);
  expect(isSubscriber(Object.assign(new Double(), { condition: { subscriber: false } }))).toBe(false);
  expect(isSubscriber(Object.assign(new Double(), { condition: { subscriber: {} } }))).toBe(true);
});

test('an attempt to connect that is given up ends the client, as does one that fails; the reason is the last error', async () => {
  const abort = new AbortController();
  const given = Object.assign(new Double(), { connecting: never });
  void connected(given, { signal: abort.signal, lost: () => {} });
  abort.abort();
  expect(given.disconnects).toBe(1);
  const failing = new Double();
  failing.connecting = () => {
    failing.emit('error', new Error('ECONNREFUSED'));
    return Promise.reject(new Error('Connection is closed.'));
  };
  const { signal } = new AbortController();
  await expect(connected(failing, { signal, lost: () => {} })).rejects.toThrow('ECONNREFUSED');
  expect(failing.disconnects).toBe(1);
  const silent = Object.assign(new Double(), { connecting: () => Promise.reject(new Error('closed')) });
  await expect(connected(silent, { signal, lost: () => {} })).rejects.toThrow('closed');
});

test('its end is told with the last error', async () => {
  const client = new Double();
  const told: unknown[] = [];
  await connected(client, { signal: new AbortController().signal, lost: (error) => told.push(error) });
  client.emit('close');
  client.emit('error', new Error('ECONNRESET'));
  client.emit('close');
  expect(told).toEqual([new Error('the connection ended'), new Error('ECONNRESET')]);
});

test('to be disconnected is to have said so', async () => {
  const client = new Double();
  let isOver = false;
  const over = disconnected(client).then(() => (isOver = true));
  // It is still about to end.
  await Promise.resolve();
  expect([client.disconnects, isOver]).toEqual([1, false]);
  await over;
  await disconnected(client);
  expect(client.disconnects).toBe(1);
});

test('one whose other side has ended it is not used, although it has not said so: neither an idle nor a shared one', async () => {
  const made: Double[] = [];
  const pool = redisPool({
    client: () => {
      const client = new Double();
      made.push(client);
      return client;
    },
  });
  const [exclusive, shared] = [await pool.exclusive((client) => client), await pool.shared((client) => client)];
  for (const client of [exclusive, shared]) client.stream = { writable: false };
  expect(await pool.exclusive((client) => client)).not.toBe(exclusive);
  expect(await pool.shared((client) => client)).not.toBe(shared);
  expect(made).toHaveLength(4);
  await pool.close();
});

test('one that cannot be told to forget what was watched is not lent again', async () => {
  const pool = redisPool({
    client: () => Object.assign(new Double(), { unwatched: () => Promise.reject(new Error('no')) }),
  });
  await pool.exclusive(() => 1);
  expect(pool.stats().exclusive).toMatchObject({ size: expect.any(Number), idle: 0, destroyed: { discarded: 1 } });
  await pool.close();
});
