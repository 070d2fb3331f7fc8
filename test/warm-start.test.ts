import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createHierarchy } from '@tierwise/hierarchy';
import { embeddedL2, restoreEmbedded } from '@tierwise/l2-embedded';
import { redisL2 } from '@tierwise/l2-redis';
import { expect, onTestFinished, test } from 'vitest';

const KEYS = 300;

/** A service that begins with what its last life knew: reads its hot keys, says what that cost, and lives until it is told to end. */
const SERVICE = `
  import { createHierarchy } from '@tierwise/hierarchy';
  import { redisL2 } from '@tierwise/l2-redis';
  const { url, namespace, file, other, keys } = JSON.parse(process.env.TASK);
  const cache = createHierarchy({
    namespace, ...(url && { l2: redisL2({ url }) }), ttl: '1h', snapshot: { file, onSigterm: true, restoreOnStart: true },
  });
  await cache.ready();
  const before = cache.stats();
  let loads = 0;
  for (let n = 0; n < keys; n += 1) await cache.getOrSet('key ' + n, () => { loads += 1; return 'value ' + n; });
  const after = cache.stats();
  if (other) process.on('SIGTERM', () => setTimeout(() => process.exit(7), 500));
  process.send({ loads, l1Hits: after.l1.hits - before.l1.hits, l2Gets: after.l2.gets - before.l2.gets });
  setInterval(() => {}, 1000);`;

interface Cost {
  readonly loads: number;
  readonly l1Hits: number;
  readonly l2Gets: number;
}

async function start(task: object): Promise<{ child: ChildProcess; cost: Cost }> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', SERVICE], {
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    env: { ...process.env, TASK: JSON.stringify({ keys: KEYS, ...task }) },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [cost] = (await once(child, 'message')) as [Cost];
  return { child, cost };
}

async function end(child: ChildProcess): Promise<unknown[]> {
  child.kill('SIGTERM');
  return once(child, 'exit');
}

async function temporaryFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tierwise-warm-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return join(folder, 'l1.snapshot');
}

test('a process that is restarted answers its hot keys from L1 at once; what was deleted while it was down is a miss', {
  timeout: 30_000,
}, async () => {
  const url = process.env['TIERWISE_TEST_REDIS_URL'] ?? '';
  const task = { url, namespace: randomUUID(), file: await temporaryFile() };
  const first = await start(task);
  expect(first.cost).toMatchObject({ loads: KEYS, l1Hits: 0 });
  // It ends by the signal, as it would have without a snapshot.
  expect(await end(first.child)).toEqual([null, 'SIGTERM']);

  const second = await start(task);
  expect(second.cost).toEqual({ loads: 0, l1Hits: KEYS, l2Gets: 0 });
  expect(await end(second.child)).toEqual([null, 'SIGTERM']);

  const peer = createHierarchy({ namespace: task.namespace, l2: redisL2({ url }) });
  onTestFinished(() => peer.close());
  await peer.delete('key 7');
  const third = await start(task);
  expect(third.cost).toEqual({ loads: 1, l1Hits: KEYS - 1, l2Gets: 1 });
  await end(third.child);
});

test('without an L2 as well; a process that is killed leaves nothing that could come back', {
  timeout: 30_000,
}, async () => {
  const task = { namespace: 'lonely', file: await temporaryFile() };
  const first = await start(task);
  await end(first.child);
  const second = await start(task);
  expect(second.cost).toMatchObject({ loads: 0, l1Hits: KEYS });
  second.child.kill('SIGKILL');
  await once(second.child, 'exit');
  expect((await start(task)).cost).toMatchObject({ loads: KEYS });
});

test('a service that has a way of its own to end is not ended by the snapshot', { timeout: 30_000 }, async () => {
  const task = { namespace: 'lonely', file: await temporaryFile(), other: true };
  const { child } = await start(task);
  expect(await end(child)).toEqual([7, null]);
  expect(existsSync(task.file)).toBe(true);
});

test('a store that was restored from its snapshot answers only where a load fails', async () => {
  const file = await temporaryFile();
  const dir = (name: string) => join(file, '..', name);
  const open = (name: string, namespace = 'n') => {
    const l2 = embeddedL2({ dir: dir(name) });
    const cache = createHierarchy({ namespace, l2, ttl: '1m', staleIfError: '1h', staleWhileRevalidate: '1h' });
    onTestFinished(() => cache.close());
    return { l2, cache };
  };
  const former = open('former');
  await former.cache.set('k', 'old', { tags: ['t'] });
  await former.l2.snapshot(file);
  await former.cache.set('k', 'newer', { tags: ['t'] });

  await restoreEmbedded({ file, dir: dir('restored') });
  const { cache } = open('restored');
  expect(await cache.get('k')).toBeUndefined();
  const down = () => Promise.reject(new Error('the source is down'));
  expect(await cache.getOrSet('k', down)).toBe('old');
  expect(await open('restored').cache.getOrSet('k', () => 'loaded')).toBe('loaded');
});
