import { redisPool } from '@tierwise/pools/redis';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { startSentinels } from '../../../test/support/redis-sentinel.js';
import { adminOf, entry, openNode, until } from './testing/node.js';

test('a failover: all connections of a pool go to the new master, the feed included', {
  timeout: 60_000,
}, async (context) => {
  const sentinels = await startSentinels({ sentinels: 1 });
  if (sentinels === undefined) return context.skip();
  onTestFinished(() => sentinels.stop());
  const { name, addresses, master, replica } = sentinels;
  const pool = redisPool<Redis>({
    client: (own) => new Redis({ ...own, name, sentinels: [...addresses], failoverDetector: true }),
    shared: 3,
  });
  onTestFinished(() => pool.close({ deadline: 0 }));
  const limits = { commandTimeout: 1_000, connectTimeout: 5_000, heartbeatInterval: 100, maxReconnectDelay: 100 };
  const { l2, news, states } = await openNode({ pool, ...limits });
  await l2.feed?.follow('n');
  await until('it is alive', () => states.at(-1) === 'alive');
  await l2.write('n', [entry('before')]);
  await until('the replica has it', async () => (await adminOf(master).wait(1, 100)) === 1);
  await master.kill();
  const next = adminOf(replica);
  await until('the replica is the master', async () => (await next.role())[0] === 'master');
  await until('writes go through, and are heard', async () => {
    await l2.write('n', [entry('after')]).catch(() => {});
    return states.at(-1) === 'alive' && news.some((each) => each.type === 'changed' && each.keys.includes('after'));
  });
  await until('all connections are there', () => pool.stats().shared.borrowed === 3);
  const keys = Array.from({ length: 30 }, (_, n) => `k${n}`);
  const written = await Promise.all(keys.map((key) => l2.write('n', [entry(key)])));
  for (const each of written) expect(each).toMatchObject([{ status: 'stored' }]);
  expect(await next.exists(...keys.map((key) => `tw1:n:v:{${key}}`))).toBe(30);
  const { port } = new URL(replica.url);
  for (const lane of pool.lanes) expect(`${(await lane.connection()).stream.remotePort}`).toBe(port);
});
