import { L2TimeoutError, L2UnavailableError } from '@tierwise/l2';
import { Redis } from 'ioredis';
import { describe, expect, onTestFinished, test } from 'vitest';
import { everyCall } from './testing/calls.js';
import { entry, openNode, ownServer, testNode, until } from './testing/node.js';
import { startProxy } from './testing/proxy.js';

/** Short limits, so that tests are quick, yet far above what a busy machine needs for an answer. */
const LIMITS = { commandTimeout: 300, connectTimeout: 500, heartbeatInterval: 50, maxReconnectDelay: 100 };
/** What a call may take beyond its limit on a busy machine, in milliseconds. */
const SLACK = 700;

describe('a frozen server', () => {
  test('every call rejects within its limit, and works again after the thaw', async (context) => {
    const server = await ownServer(context);
    const { l2 } = await openNode({ url: server.url, ...LIMITS });
    server.freeze();
    const calls = everyCall(l2);
    const start = performance.now();
    const outcomes = await Promise.allSettled(calls.map(([, run]) => run()));
    expect(performance.now() - start).toBeLessThan(LIMITS.commandTimeout + SLACK);
    for (const [i, outcome] of outcomes.entries()) {
      expect(outcome, calls[i]?.[0]).toMatchObject({ status: 'rejected', reason: expect.any(L2TimeoutError) });
    }
    expect(await l2.health()).toMatchObject({ status: 'down' });
    server.thaw();
    await until('calls work again', () => works(() => l2.read('n', ['a'])));
    await Promise.all(everyCall(l2).map(([, run]) => run()));
    expect(await l2.health()).toMatchObject({ status: 'up' });
  });

  test('open rejects within its limit, and calls work once it answers', async (context) => {
    const server = await ownServer(context);
    server.freeze();
    const { l2, host } = testNode({ url: server.url, ...LIMITS });
    const start = performance.now();
    await expect(l2.open(host)).rejects.toBeInstanceOf(L2TimeoutError);
    expect(performance.now() - start).toBeLessThan(LIMITS.connectTimeout + SLACK);
    await expect(l2.read('n', ['a'])).rejects.toBeInstanceOf(L2UnavailableError);
    server.thaw();
    await until('calls work', () => works(() => l2.read('n', ['a'])));
  });

  test('the feed is deaf before a heartbeat and a limit are over, and alive again over a new connection', async (context) => {
    const server = await ownServer(context);
    const admin = adminOf(server);
    const node = await openNode({ url: server.url, ...LIMITS });
    await until('alive', () => node.states.at(-1) === 'alive');
    const connections = await clientIds(admin);
    server.freeze();
    const start = performance.now();
    await until('deaf', () => node.states.at(-1) === 'deaf');
    expect(performance.now() - start).toBeLessThan(LIMITS.heartbeatInterval + LIMITS.commandTimeout + SLACK);
    server.thaw();
    await until('alive', () => node.states.at(-1) === 'alive');
    expect(node.states).toEqual(['alive', 'deaf', 'alive']);
    expect(await clientIds(admin)).not.toEqual(connections);
  });
});

test('nobody listens: open and calls reject, and work as soon as somebody does', async (context) => {
  const server = await ownServer(context);
  await server.kill();
  const { l2, host } = testNode({ url: server.url, ...LIMITS });
  await expect(l2.open(host)).rejects.toThrow(/ECONNREFUSED/);
  for (const [name, run] of everyCall(l2).filter(([each]) => each !== 'follow')) {
    const start = performance.now();
    await expect(run(), name).rejects.toBeInstanceOf(L2UnavailableError);
    expect(performance.now() - start).toBeLessThan(100);
  }
  await server.restart();
  await until('calls work', () => works(() => l2.read('n', ['a'])));
});

test('kill -9 and restart: what is under way rejects at once, the feed is deaf, then everything works again', async (context) => {
  const server = await ownServer(context);
  const node = await openNode({ url: server.url, ...LIMITS, commandTimeout: 10_000 });
  const peer = await openNode({ url: server.url, ...LIMITS });
  await node.l2.feed?.follow('n');
  await until('alive', () => node.states.at(-1) === 'alive');
  server.freeze();
  const underWay = expect(node.l2.read('n', ['a'])).rejects.toBeInstanceOf(L2UnavailableError);
  const start = performance.now();
  await server.kill();
  await underWay;
  expect(performance.now() - start).toBeLessThan(SLACK);
  await until('deaf', () => node.states.at(-1) === 'deaf');
  await server.restart();
  await until('alive', () => node.states.at(-1) === 'alive');
  await until('calls work', () => works(() => peer.l2.write('n', [entry('b')])));
  await until('news', () => node.news.some((news) => news.type === 'changed' && news.keys.includes('b')));
  expect(node.states).toEqual(['alive', 'deaf', 'alive']);
});

test('a write that was refused during an outage does not come after, on top of a newer one', async (context) => {
  const server = await ownServer(context);
  const proxy = await startProxy(server.port);
  const node = await openNode({ url: proxy.url, ...LIMITS });
  const peer = await openNode({ url: server.url, ...LIMITS });
  proxy.mode = 'hole';
  proxy.cut();
  await until('the loss is noticed', async () => !(await works(() => node.l2.write('n', [entry('a', 'old')]))));
  await peer.l2.write('n', [entry('a', 'new')]);
  proxy.mode = 'pipe';
  proxy.cut();
  await until('calls work', () => works(() => node.l2.read('n', ['a'])));
  expect(await text(node.l2.read('n', ['a']))).toBe('new');
});

test('a connection that no packet tells the death of is replaced', async (context) => {
  const server = await ownServer(context);
  const proxy = await startProxy(server.port);
  proxy.mode = 'hole';
  const { l2, host } = testNode({ url: proxy.url, ...LIMITS });
  await expect(l2.open(host)).rejects.toBeInstanceOf(L2TimeoutError);
  proxy.mode = 'pipe';
  await until('calls work', () => works(() => l2.read('n', ['a'])));
});

test("the feed's connection is killed: deaf, then alive with everything followed again", async (context) => {
  const server = await ownServer(context);
  const admin = adminOf(server);
  const node = await openNode({ url: server.url, ...LIMITS });
  for (const namespace of ['n', 'm']) await node.l2.feed?.follow(namespace);
  await until('alive', () => node.states.at(-1) === 'alive');
  await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await until('alive again', () => node.states.length === 3);
  expect(node.states).toEqual(['alive', 'deaf', 'alive']);
  for (const namespace of ['n', 'm']) await node.l2.delete(namespace, ['a']);
  await until('news', () => node.news.length === 2);
});

test('a namespace that was followed while there was no connection is heard from the next one on', async (context) => {
  const server = await ownServer(context);
  await server.kill();
  const node = testNode({ url: server.url, ...LIMITS });
  await expect(node.l2.open(node.host)).rejects.toBeInstanceOf(L2UnavailableError);
  await expect(node.l2.feed?.follow('n')).rejects.toBeInstanceOf(L2TimeoutError);
  await server.restart();
  await until('alive', () => node.states.at(-1) === 'alive');
  await until('calls work', () => works(() => node.l2.delete('n', ['a'])));
  await until('news', () => node.news.length > 0);
});

test('a server that refuses to write says so, and reads go on', async (context) => {
  const server = await ownServer(context);
  const admin = adminOf(server);
  const { l2 } = await openNode({ url: server.url, ...LIMITS });
  await admin.config('SET', 'maxmemory', 1);
  await expect(l2.write('n', [entry('a')])).rejects.toThrow(/write failed: OOM/);
  await expect(l2.write('n', [entry('a')])).rejects.toBeInstanceOf(L2UnavailableError);
  expect(await l2.read('n', ['a'])).toEqual([undefined]);
  await admin.config('SET', 'maxmemory', 0);
  await l2.write('n', [entry('a')]);
});

test('a server that became a replica is left for the master that its address then leads to', async (context) => {
  const [replica, master] = [await ownServer(context), await ownServer(context)];
  const admin = adminOf(replica);
  const { l2 } = await openNode({ url: replica.url, ...LIMITS });
  const before = await clientIds(admin);
  await admin.replicaof('127.0.0.1', master.port);
  await expect(l2.write('n', [entry('a')])).rejects.toThrow(/READONLY/);
  await admin.replicaof('NO', 'ONE');
  await until('calls work', () => works(() => l2.write('n', [entry('a')])));
  expect(await clientIds(admin)).not.toEqual(before);
});

test('a process that was too busy to look at the answer in time still takes it', async (context) => {
  const server = await ownServer(context);
  const { l2 } = await openNode({ url: server.url, ...LIMITS });
  const read = l2.read('n', ['a']);
  // The command leaves with this turn; the answer comes while nobody looks.
  await new Promise(setImmediate);
  const busyUntil = performance.now() + LIMITS.commandTimeout + 100;
  while (performance.now() < busyUntil);
  expect(await read).toEqual([undefined]);
});

describe('access', () => {
  test('a wrong password is said to be the reason, a right one opens', async (context) => {
    const server = await ownServer(context, '--requirepass', 'secret');
    const { port } = server;
    const wrong = testNode({ url: `redis://:wrong@127.0.0.1:${port}`, ...LIMITS });
    await expect(wrong.l2.open(wrong.host)).rejects.toThrow(/WRONGPASS/);
    const right = await openNode({ url: `redis://:secret@127.0.0.1:${port}`, ...LIMITS });
    await right.l2.write('n', [entry('a')]);
    expect(await right.l2.health()).toMatchObject({ status: 'up' });
  });

  test('an ACL user needs no more rights than the README lists', async (context) => {
    const server = await ownServer(context);
    const admin = adminOf(server);
    const commands =
      '+mget +eval +evalsha +time +getrange +setrange +set +get +exists +del +unlink +pttl +pexpire +pexpireat ' +
      '+hmget +hset +scan +publish +subscribe +ping';
    await admin.call('ACL', 'SETUSER', 'app', 'on', '>secret', '~tw1:*', '&tw1:*', '-@all', ...commands.split(' '));
    const node = await openNode({ url: `redis://app:secret@127.0.0.1:${server.port}`, ...LIMITS });
    await Promise.all(everyCall(node.l2).map(([, run]) => run()));
    await until('alive', () => node.states.at(-1) === 'alive');
    expect(await node.l2.health()).toMatchObject({ status: 'up' });
    // A feed that may not ask whether it is alive cannot be relied on, until it may again.
    await admin.call('ACL', 'SETUSER', 'app', '-ping');
    await until('deaf', () => node.states.at(-1) === 'deaf');
    await admin.call('ACL', 'SETUSER', 'app', '+ping');
    await until('alive', () => node.states.at(-1) === 'alive');
  });
});

/** A client beside the one under test. */
function adminOf(server: { readonly url: string }): Redis {
  const admin = new Redis(server.url);
  onTestFinished(() => admin.disconnect());
  return admin;
}

async function works(call: () => Promise<unknown>): Promise<boolean> {
  return call().then(
    () => true,
    () => false,
  );
}

async function text(read: Promise<unknown[]>): Promise<string> {
  const [found] = (await read) as { bytes: Uint8Array }[];
  return Buffer.from(found?.bytes ?? []).toString();
}

async function clientIds(admin: Redis): Promise<string[]> {
  const list = String(await admin.client('LIST'));
  return [...list.matchAll(/^id=(\d+)/gm)].map((match) => match[1] ?? '').sort();
}
