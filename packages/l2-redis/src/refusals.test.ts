import { rm } from 'node:fs/promises';
import { type L2, L2UnavailableError } from '@tierwise/l2';
import { expect, test } from 'vitest';
import { adminOf, entry, openNode, ownServer, until } from './testing/node.js';

const PATIENT = { commandTimeout: 5_000, connectTimeout: 5_000, maxReconnectDelay: 100 };

/** Every call that makes Redis need more memory, by name. */
function storingCalls(l2: L2): [name: string, run: () => Promise<unknown>][] {
  const { replay, transactions, leases } = l2;
  if (!replay || !transactions || !leases) throw new Error('a capability is missing');
  return [
    ['write', () => l2.write('n', [entry('new')])],
    ['commit', () => transactions.commit('n', { expect: [], writes: [entry('new')], deletes: ['there'] })],
    ['replay', () => replay.replay('n', [{ ...entry('new'), since: replay.moment('n', 'new') }])],
    ['acquire', () => leases.acquire('n', [{ key: 'new', seen: undefined }], 1_000)],
  ];
}

/** Every call that changes something. */
function changingCalls(l2: L2): [name: string, run: () => Promise<unknown>][] {
  return [
    ...storingCalls(l2),
    ['delete', () => l2.delete('n', ['there'])],
    ['expire', () => l2.expire('n', ['there'])],
    ['touch', () => l2.touch('n', ['there'], { freshMs: 1, keepMs: 1_000 })],
    ['advance', async () => l2.time?.advance('n', ['t'], 'dead', { known: 0 })],
  ];
}

test('out of memory: what needs more is refused and nothing of it is done; what invalidates is done, notes included', async (context) => {
  const server = await ownServer(context);
  const admin = adminOf(server);
  const { l2 } = await openNode({ url: server.url, ...PATIENT });
  await l2.write('n', [entry('there'), entry('expired'), entry('dropped')]);
  const since = l2.replay?.moment('n', 'there') ?? '';
  await admin.config('SET', 'maxmemory', 1);
  for (const [name, run] of storingCalls(l2)) {
    const error = await run().catch((reason: unknown) => reason);
    expect(error, name).toBeInstanceOf(L2UnavailableError);
    expect((error as Error).message).toContain('OOM');
  }
  expect(await l2.read('n', ['there', 'new'])).toMatchObject([{ status: 'found' }, undefined]);
  expect(await l2.delete('n', ['there'])).toEqual([true]);
  expect(await l2.expire('n', ['expired'])).toEqual([true]);
  expect(await l2.transactions?.commit('n', { expect: [], writes: [], deletes: ['there'] })).toMatchObject({
    status: 'committed',
  });
  expect(await l2.replay?.replay('n', [{ ...entry('dropped'), since: '' }])).toEqual([{ status: 'dropped' }]);
  const [expired] = await l2.read('n', ['expired']);
  expect(expired?.status === 'found' && expired.freshMs <= 0).toBe(true);
  await admin.config('SET', 'maxmemory', 0);
  expect(await l2.replay?.replay('n', [{ ...entry('there'), since }])).toEqual([{ status: 'dropped' }]);
});

test('a read-only replica: every call that changes something says so', async (context) => {
  const [replica, master] = [await ownServer(context), await ownServer(context)];
  const { l2 } = await openNode({ url: replica.url, ...PATIENT });
  await l2.write('n', [entry('there')]);
  for (const [name, run] of changingCalls(l2)) {
    // A refusal of this kind ends the connection, for one to the server that the address then leads to.
    await adminOf(replica).replicaof('NO', 'ONE');
    await until('calls work', () =>
      l2.write('n', [entry('there')]).then(
        () => true,
        () => false,
      ),
    );
    await adminOf(replica).replicaof('127.0.0.1', master.port);
    const error = await run().catch((reason: unknown) => reason);
    expect(error, name).toBeInstanceOf(L2UnavailableError);
    expect((error as Error).message, name).toContain('READONLY');
  }
});

test('a server that cannot save and therefore refuses to write says so', async (context) => {
  const server = await ownServer(context, '--save', '3600 1');
  const admin = adminOf(server);
  const { l2 } = await openNode({ url: server.url, ...PATIENT });
  await l2.write('n', [entry('there')]);
  const [, folder] = (await admin.config('GET', 'dir')) as [string, string];
  await rm(folder, { recursive: true });
  await admin.bgsave();
  await until('it failed', async () => (await admin.info('persistence')).includes('rdb_last_bgsave_status:err'));
  for (const [name, run] of changingCalls(l2)) {
    const error = await run().catch((reason: unknown) => reason);
    expect(error, name).toBeInstanceOf(L2UnavailableError);
    expect((error as Error).message, name).toContain('MISCONF');
  }
  expect(await l2.read('n', ['there'])).toMatchObject([{ status: 'found' }]);
});

test('a server that loads its data refuses calls, and works on the same connection when it is done', {
  timeout: 30_000,
}, async (context) => {
  // 100 keys of 20 ms each, and a look at the clients after each of them.
  const slowly = ['--key-load-delay', '20000', '--loading-process-events-interval-bytes', '1024'];
  const server = await ownServer(context, ...slowly);
  const admin = adminOf(server);
  // What it did before the restart is not to be done again here.
  const { l2 } = await openNode({ url: server.url, reissue: false, ...PATIENT });
  await l2.write(
    'n',
    Array.from({ length: 100 }, (_, i) => entry(`${i}`, 'x'.repeat(1_024))),
  );
  await admin.call('SAVE');
  await server.kill();
  const restarted = server.restart();
  const words = new Set<string>();
  await until('it says that it loads', async () => {
    const error = await l2.read('n', ['1']).catch((reason: unknown) => reason);
    if (error instanceof Error) words.add(error.message);
    if (error instanceof Error) expect(error).toBeInstanceOf(L2UnavailableError);
    return [...words].some((each) => each.includes('LOADING'));
  });
  await restarted;
  await until('calls work', () =>
    l2.read('n', ['1']).then(
      () => true,
      () => false,
    ),
  );
  expect(await l2.read('n', ['1'])).toMatchObject([{ status: 'found' }]);
});
