import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { L2News } from '@tierwise/l2';
import { L2TimeoutError, L2UnavailableError } from '@tierwise/l2';
import { Redis } from 'ioredis';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { keysOf } from './keys.js';
import { entry, openNode, ownServer, type TestNode, testNode, until } from './testing/node.js';
import { startProxy } from './testing/proxy.js';

const LIMITS = { commandTimeout: 2_000, connectTimeout: 2_000, heartbeatInterval: 50, maxReconnectDelay: 100 };

const nameOf = (key: string, namespace = 'n') => keysOf(namespace).entry(key);

/** A plain client of ioredis, as another program would have one. */
function strangerAt(url: string): Redis {
  const client = new Redis(url);
  client.on('error', () => {});
  onTestFinished(() => client.disconnect());
  return client;
}

/** An open node that follows a namespace and hears of everything. */
async function follower(url: string, namespaces = ['n'], limits: Partial<typeof LIMITS> = {}): Promise<TestNode> {
  const node = await openNode({ url, ...LIMITS, ...limits, tracking: true });
  for (const namespace of namespaces) await node.l2.feed?.follow(namespace);
  await until('alive', () => node.states.at(-1) === 'alive');
  return node;
}

const isExternal = (news: L2News) => news.type === 'changed' && news.cause === 'external';

const external = (node: TestNode, namespace = 'n') =>
  node.news.flatMap((news) => (isExternal(news) && news.namespace === namespace && 'keys' in news ? news.keys : []));

let barriers = 0;

/**
 * Resolves when the node has heard, and decided about, all that happened until now. Suspects are looked at in order, and here
 * is one that cannot be settled without a look and that turns out to be foreign: announced as the node's own, yet not so.
 */
async function heardAll(node: TestNode, stranger: Redis): Promise<void> {
  barriers += 1;
  const key = `barrier ${barriers}`;
  const message = [1, 'changed', node.host.origin, 'write', [key], [1]];
  await stranger.multi().set(nameOf(key), 'x').publish('tw1:n:f', JSON.stringify(message)).exec();
  await until('the barrier', () => external(node).includes(key));
}

describe('what another program does is heard of', () => {
  let stranger: Redis;
  let node: TestNode;
  beforeEach(async (context) => {
    const server = await ownServer(context);
    stranger = strangerAt(server.url);
    node = await follower(server.url);
    await node.l2.write('n', [entry('a'), entry('b')]);
    await heardAll(node, stranger);
    node.news.length = 0;
  });

  test.each<[string, (name: string) => Promise<unknown>]>([
    ['DEL', (name) => stranger.del(name)],
    ['UNLINK', (name) => stranger.unlink(name)],
    ['SET', (name) => stranger.set(name, 'foreign')],
    ['APPEND', (name) => stranger.append(name, 'x')],
    ['PEXPIRE', (name) => stranger.pexpire(name, 1)],
    ['RENAME from', (name) => stranger.rename(name, 'elsewhere')],
    ['RENAME to', (name) => stranger.rename(nameOf('b'), name)],
    ['MULTI', (name) => stranger.multi().del('other').del(name).exec()],
    ['a script', (name) => stranger.eval("redis.call('SET', KEYS[1], 'x')", 1, name)],
  ])('%s', async (_, act) => {
    await act(nameOf('a'));
    await until('news', () => external(node).includes('a'));
    expect(node.news.find(isExternal)).toEqual({
      type: 'changed',
      namespace: 'n',
      keys: expect.arrayContaining(['a']),
      cause: 'external',
      origin: undefined,
    });
  });

  test('expiry', async () => {
    await node.l2.touch('n', ['a'], { freshMs: 1, keepMs: 1 });
    await until('news', () => external(node).includes('a'));
  });

  test('eviction', async () => {
    const keys = Array.from({ length: 100 }, (_, i) => `evicted ${i}`);
    await node.l2.write(
      'n',
      keys.map((key) => ({ ...entry(key), bytes: Buffer.alloc(10_000) })),
    );
    await stranger.config('SET', 'maxmemory-policy', 'allkeys-random', 'maxmemory', '1mb');
    await stranger.set('other', 'x').catch(() => {});
    await until('news', () => external(node).some((key) => keys.includes(key)));
  });

  test.each(['FLUSHALL', 'FLUSHDB'])('%s is a reset of everything', async (command) => {
    await stranger.call(command);
    await until('news', () => node.news.some(({ type }) => type === 'reset'));
    expect(node.news.filter(({ type }) => type === 'reset')).toEqual([
      { type: 'reset', namespace: undefined, reason: 'a flush of Redis', origin: undefined },
    ]);
  });

  test('names that are no entry are not', async () => {
    await stranger.mset(
      'tw1:n:v:abc',
      'x',
      'tw1:n:v:{}',
      'x',
      'tw1:n:l:{a}',
      'x',
      'tw1:m:v:{a}',
      'x',
      'tw1:n:v:{%a}',
      'x',
    );
    await heardAll(node, stranger);
    expect(external(node).filter((key) => !key.startsWith('barrier'))).toEqual([]);
  });
});

test('keys and namespaces of any content are told apart, also behind a keyPrefix', async (context) => {
  const { url } = await ownServer(context);
  const redis = { keyPrefix: 'a:{b}*:' };
  const node = await openNode({ url, redis, ...LIMITS, tracking: true });
  const stranger = strangerAt(url);
  const namespaces = ['', 'n', 'n:v', 'n:v:', '%', 'é{}', 'a*', 'n%3Av'];
  const keys = ['', '}', '%', '%%', '{', 'a}b{c', ':v:', 'ключ', ' \n', '{}', '}%'];
  for (const namespace of namespaces) await node.l2.feed?.follow(namespace);
  await stranger.mset(...namespaces.flatMap((n) => keys.flatMap((key) => [redis.keyPrefix + nameOf(key, n), 'x'])));
  for (const namespace of namespaces) {
    await until(`all of ${namespace}`, () => external(node, namespace).length >= keys.length);
    expect(external(node, namespace).sort()).toEqual([...keys].sort());
  }
});

test('without the option nothing of it is heard, and no third connection is made', async (context) => {
  const { url } = await ownServer(context);
  const stranger = strangerAt(url);
  const node = await openNode({ url, ...LIMITS });
  await node.l2.feed?.follow('n');
  await stranger.set(nameOf('a'), 'x');
  await node.l2.write('n', [entry('b')]);
  await until('news', () => node.news.length > 0);
  expect(node.news).toHaveLength(1);
  expect(
    String(await stranger.client('LIST'))
      .trim()
      .split('\n'),
  ).toHaveLength(3);
});

describe('the echo of a deed of this node is no news', () => {
  test.for<[string, (node: TestNode) => Promise<unknown>]>([
    ['a write', (node) => node.l2.write('n', [entry('a')])],
    ['two writes at once', (node) => Promise.all([node.l2.write('n', [entry('a')]), node.l2.write('n', [entry('a')])])],
    ['a key twice in one write', (node) => node.l2.write('n', [entry('a'), entry('a', 'other')])],
    [
      'writes and fills in one batch',
      async (node) => {
        const [granted] = (await node.l2.leases?.acquire('n', [{ key: 'b', seen: undefined }], 10_000)) ?? [];
        const lease = granted?.status === 'granted' ? granted.token : '';
        await node.l2.write('n', [entry('a'), { ...entry('b'), lease }, entry('c')]);
      },
    ],
    [
      'writes, one after the other',
      async (node) => {
        for (let i = 0; i < 200; i += 1) await node.l2.write('n', [entry('a')]);
      },
    ],
    [
      'a deletion',
      async (node) => {
        await node.l2.write('n', [entry('a')]);
        await node.l2.delete('n', ['a']);
      },
    ],
    [
      'a touch',
      async (node) => {
        await node.l2.write('n', [entry('a')]);
        await node.l2.touch('n', ['a'], { freshMs: 1_000, keepMs: 60_000 });
      },
    ],
    [
      'a deletion, of something and of nothing',
      async (node) => {
        await node.l2.write('n', [entry('a')]);
        await node.l2.delete('n', ['a', 'nothing']);
        await node.l2.delete('n', ['a', 'nothing']);
      },
    ],
    [
      'a deletion and a write at once',
      async (node) => {
        await node.l2.write('n', [entry('a')]);
        await Promise.all([node.l2.delete('n', ['a']), node.l2.write('n', [entry('a')])]);
      },
    ],
    [
      'an expire, a touch',
      async (node) => {
        await node.l2.write('n', [entry('a'), entry('b')]);
        await node.l2.expire('n', ['a', 'nothing']);
        await Promise.all([
          node.l2.touch('n', ['b', 'nothing'], { freshMs: 1_000, keepMs: 60_000 }),
          node.l2.write('n', [entry('b')]),
          node.l2.expire('n', ['b']),
        ]);
      },
    ],
    [
      'a batch of 10,000',
      (node) =>
        node.l2.write(
          'n',
          Array.from({ length: 10_000 }, (_, i) => entry(`k${i}`)),
        ),
    ],
  ])('%s', async ([, act], context) => {
    const { url } = await ownServer(context);
    const node = await follower(url);
    await act(node);
    await heardAll(node, strangerAt(url));
    expect(external(node).filter((key) => !key.startsWith('barrier'))).toEqual([]);
  });
});

test('what a peer does comes with its name', async (context) => {
  const { url } = await ownServer(context);
  const [node, peer] = [await follower(url), await openNode({ url, ...LIMITS })];
  await peer.l2.write('n', [entry('a')]);
  await until('news', () => node.news.length > 0);
  expect(node.news[0]).toMatchObject({ cause: 'write', origin: peer.host.origin, keys: ['a'] });
  // Its echo is not looked at, which would cost each node a look for each write of each other. It says nothing new.
  await until('the echo', () => external(node).includes('a'));
});

describe('a foreign change in the very turn of Redis in which this node changes the same key', () => {
  /** Does deeds of the node and of another program in one turn: both are waiting when the server thaws. */
  async function inOneTurn(context: Parameters<typeof ownServer>[0], ...deeds: ('own' | 'foreign' | 'gone')[]) {
    const server = await ownServer(context);
    const [node, stranger] = [await follower(server.url), strangerAt(server.url)];
    // A transaction by a script of our own making: the same message and the same change as the node's, by one client.
    const name = nameOf('a');
    await node.l2.write('n', [entry('a')]);
    const bytes = (await stranger.getBuffer(name)) as Buffer;
    await heardAll(node, stranger);
    node.news.length = 0;
    const turn = stranger.multi();
    for (const [i, deed] of deeds.entries()) {
      if (deed === 'foreign') turn.set(name, 'foreign');
      if (deed === 'gone') turn.del(name);
      if (deed !== 'own') continue;
      bytes.writeBigUInt64BE(bytes.readBigUInt64BE(4) + BigInt(i + 1), 4);
      turn.set(name, Buffer.from(bytes));
      const version = Number(bytes.readBigUInt64BE(4));
      turn.publish('tw1:n:f', JSON.stringify([1, 'changed', node.host.origin, 'write', ['a'], [version]]));
    }
    await turn.exec();
    await heardAll(node, stranger);
    return external(node).includes('a');
  }

  test('after it: is heard of', async (context) => {
    expect(await inOneTurn(context, 'own', 'foreign')).toBe(true);
    expect(await inOneTurn(context, 'own', 'gone')).toBe(true);
  });
  test('before it: is overwritten, and no news', async (context) => {
    expect(await inOneTurn(context, 'foreign', 'own')).toBe(false);
  });
  test('between two: likewise', async (context) => {
    expect(await inOneTurn(context, 'own', 'foreign', 'own')).toBe(false);
  });
  test('not at all', async (context) => {
    expect(await inOneTurn(context, 'own', 'own')).toBe(false);
  });
});

test('a namespace that is followed twice at once is tracked once, without complaint', async (context) => {
  const { url } = await ownServer(context);
  const node = await follower(url);
  await Promise.all([node.l2.feed?.follow('m'), node.l2.feed?.follow('m'), node.l2.feed?.follow('n')]);
  await strangerAt(url).mset(nameOf('a'), 'x', nameOf('b', 'm'), 'x');
  await until('news', () => external(node).includes('a') && external(node, 'm').includes('b'));
});

describe('life', () => {
  test.for<[string, (list: string) => string | undefined]>([
    ['the listening one', (list: string) => /^id=(\d+).* sub=[1-9]/m.exec(list)?.[1]],
    ['the asking one', (list: string) => /^id=(\d+).* flags=\w*t\w* /m.exec(list)?.[1]],
  ])('a connection is killed, %s: deaf, then alive with all namespaces tracked again', async ([, idIn], context) => {
    const server = await ownServer(context);
    const stranger = strangerAt(server.url);
    // No heartbeat finds out: it must be noticed by itself.
    const node = await follower(server.url, ['n', 'm'], { heartbeatInterval: 60_000 });
    const id = idIn(String(await stranger.client('LIST')));
    expect(id).toBeDefined();
    await stranger.client('KILL', 'ID', id ?? '');
    await until('deaf', () => node.states.includes('deaf'));
    await until('alive', () => node.states.at(-1) === 'alive');
    // The first change after it is alive.
    await stranger.mset(nameOf('a'), 'x', nameOf('b', 'm'), 'x');
    await until('news', () => external(node).includes('a') && external(node, 'm').includes('b'));
    expect(node.states).toEqual(['alive', 'deaf', 'alive']);
  });

  test('what is undecided when the feed is lost counts as foreign', async (context) => {
    const server = await ownServer(context);
    const proxy = await startProxy(server.port);
    const [node, stranger] = [await follower(proxy.url), strangerAt(server.url)];
    await node.l2.write('n', [entry('a')]);
    await heardAll(node, stranger);
    const looks = async () => (await stranger.info('commandstats')).match(/cmdstat_evalsha?:calls=\d+/g)?.join();
    const before = await looks();
    // Own as far as anybody can say, but the look's answer is on its way when the feed is lost.
    proxy.delayMs = 300;
    const bytes = (await stranger.getBuffer(nameOf('a'))) as Buffer;
    const message = [1, 'changed', node.host.origin, 'write', ['a'], [Number(bytes.readBigUInt64BE(4))]];
    await stranger.multi().set(nameOf('a'), bytes).publish('tw1:n:f', JSON.stringify(message)).exec();
    await until('the look', async () => (await looks()) !== before);
    await stranger.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await until('news', () => external(node).includes('a'));
    proxy.delayMs = 0;
  });

  test('two servers behind one address: deaf until both connections lead to the same', async (context) => {
    const [one, other] = [await ownServer(context), await ownServer(context)];
    // So that the number of the feed's connection is another connection's there.
    const strangers = Array.from({ length: 20 }, () => strangerAt(other.url));
    await Promise.all(strangers.map((stranger) => stranger.ping()));
    const ports = [one.port];
    const connections: Socket[] = [];
    const split = createServer((near) => {
      const far = connect(ports.shift() ?? other.port, '127.0.0.1');
      connections.push(
        near.on('error', () => {}),
        far.on('error', () => {}),
      );
      near.pipe(far).pipe(near);
      near.on('close', () => far.destroy());
      far.on('close', () => near.destroy());
    }).listen(0, '127.0.0.1');
    onTestFinished(() => {
      for (const socket of connections) socket.destroy();
      split.close();
    });
    await once(split, 'listening');
    const node = testNode({
      url: `redis://127.0.0.1:${(split.address() as AddressInfo).port}`,
      ...LIMITS,
      tracking: true,
    });
    // The first is the feed's: it leads to the one, all others to the other.
    await node.l2.open(node.host);
    await until('alive', () => node.states.at(-1) === 'alive');
    expect(connections.length).toBeGreaterThan(6);
    await node.l2.feed?.follow('n');
    await strangers[0]?.set(nameOf('a'), 'x');
    await until('news', () => external(node).includes('a'));
  });

  test('the asking connection alone falls silent: deaf, then both are made anew', async (context) => {
    const server = await ownServer(context);
    const open: Socket[] = [];
    let silence = (): void => {};
    const proxy = createServer((near) => {
      const far = connect(server.port, '127.0.0.1');
      for (const socket of [near, far]) open.push(socket.on('error', () => socket.destroy()));
      near.on('data', (bytes) => {
        if (bytes.includes('BCAST')) silence = () => void near.unpipe(far).resume();
      });
      near.pipe(far).pipe(near);
      near.on('close', () => far.destroy());
    }).listen(0, '127.0.0.1');
    onTestFinished(() => {
      for (const socket of open) socket.destroy();
      proxy.close();
    });
    await once(proxy, 'listening');
    const { port } = proxy.address() as AddressInfo;
    const node = await follower(`redis://127.0.0.1:${port}`, ['n'], { commandTimeout: 1_000 });
    silence();
    await until('deaf', () => node.states.at(-1) === 'deaf', 2_500);
    await until('alive', () => node.states.at(-1) === 'alive', 1_500);
    await strangerAt(server.url).set(nameOf('a'), 'x');
    await until('news', () => external(node).includes('a'));
  });

  test('kill -9 and restart', async (context) => {
    const server = await ownServer(context);
    const node = await follower(server.url, ['n', 'm']);
    await server.kill();
    await until('deaf', () => node.states.at(-1) === 'deaf');
    await server.restart();
    await until('alive', () => node.states.at(-1) === 'alive');
    await strangerAt(server.url).mset(nameOf('a'), 'x', nameOf('b', 'm'), 'x');
    await until('news', () => external(node).includes('a') && external(node, 'm').includes('b'));
  });

  test('a frozen server: deaf within a heartbeat and a limit', async (context) => {
    const server = await ownServer(context);
    const node = await openNode({ url: server.url, ...LIMITS, commandTimeout: 300, tracking: true });
    await until('alive', () => node.states.at(-1) === 'alive');
    server.freeze();
    await until('deaf', () => node.states.at(-1) === 'deaf', 1_000);
    server.thaw();
    await until('alive', () => node.states.at(-1) === 'alive');
  });

  test('close leaves no connection', async (context) => {
    const { url } = await ownServer(context);
    const stranger = strangerAt(url);
    const node = await follower(url);
    await node.l2.close();
    await until(
      'gone',
      async () =>
        String(await stranger.client('LIST'))
          .trim()
          .split('\n').length === 1,
    );
  });
});

describe('where it is not possible', () => {
  test('open says why, and nothing falls back quietly', async (context) => {
    const { url, port } = await ownServer(context, '--rename-command', 'CLIENT', 'HIDDEN');
    expect(url).toContain(String(port));
    const node = testNode({ url, ...LIMITS, tracking: true });
    const opening = node.l2.open(node.host);
    await expect(opening).rejects.toBeInstanceOf(L2UnavailableError);
    await expect(opening).rejects.toThrow(/tracking is not possible, Redis says: ERR unknown command/);
    await expect(node.l2.feed?.follow('n')).rejects.toThrow(/tracking is not possible/);
    expect(node.states).toEqual([]);
    await node.l2.write('n', [entry('a')]);
  });

  test('a user needs no more rights than the README lists', async (context) => {
    const server = await ownServer(context);
    const admin = strangerAt(server.url);
    const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
    const listed = readme.slice(readme.indexOf('**Rights of an ACL user**'), readme.indexOf('(before Redis 7'));
    const rights = [...listed.matchAll(/[~&][\w:*]+|\+[a-z|]+/g)].map(([right]) => right);
    expect(rights).toContain('+client|tracking');
    await admin.call('ACL', 'SETUSER', 'app', 'on', '>secret', '-@all', ...rights);
    const node = await follower(`redis://app:secret@127.0.0.1:${server.port}`);
    await node.l2.write('n', [entry('a')]);
    await heardAll(node, admin);
    expect(external(node)).not.toContain('a');
  });

  test('a user without the right is told so, and heard once it has it', async (context) => {
    const server = await ownServer(context);
    const admin = strangerAt(server.url);
    const rights = ['~tw1:*', '&tw1:*', '&__redis__:invalidate', '+@all', '-client|tracking'];
    await admin.call('ACL', 'SETUSER', 'app', 'on', '>secret', ...rights);
    const node = testNode({ url: `redis://app:secret@127.0.0.1:${server.port}`, ...LIMITS, tracking: true });
    await expect(node.l2.open(node.host)).rejects.toThrow(/tracking is not possible, Redis says: NOPERM/);
    await admin.call('ACL', 'SETUSER', 'app', '+client|tracking');
    await until('alive', () => node.states.at(-1) === 'alive');
    await node.l2.feed?.follow('n');
    await admin.set(nameOf('a'), 'x');
    await until('news', () => external(node).includes('a'));
  });

  test('nobody answers: open rejects within its limit', async (context) => {
    const server = await ownServer(context);
    server.freeze();
    const node = testNode({ url: server.url, ...LIMITS, connectTimeout: 300, tracking: true });
    await expect(node.l2.open(node.host)).rejects.toBeInstanceOf(L2TimeoutError);
  });
});
