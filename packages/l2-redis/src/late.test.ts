import { L2TimeoutError } from '@tierwise/l2';
import { expect, test } from 'vitest';
import { adminOf, entry, openNode, ownServer, scriptsRun, until } from './testing/node.js';

/** Short limits, so that tests are quick, yet far above what a busy machine needs for an answer. */
const LIMITS = { commandTimeout: 300, connectTimeout: 500, heartbeatInterval: 50, maxReconnectDelay: 100 };

const HOUR_MS = 3_600_000;

test('a write, a commit and a replay that were given up while Redis was frozen never take effect', async (context) => {
  const server = await ownServer(context);
  const admin = adminOf(server);
  const node = await openNode({ url: server.url, ...LIMITS });
  const { l2 } = node;
  await l2.write('n', [entry('before')]);
  const since = l2.replay?.moment('n', 'replayed') ?? '';
  const ran = await scriptsRun(admin);
  server.freeze();
  const orders = [
    l2.write('n', [entry('written')]),
    l2.transactions?.commit('n', { expect: [], writes: [entry('committed')], deletes: ['before'] }),
    l2.replay?.replay('n', [{ ...entry('replayed'), since }]),
  ];
  for (const outcome of await Promise.allSettled(orders)) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(L2TimeoutError) });
  }
  server.thaw();
  await until('Redis has done what was sent', async () => (await scriptsRun(admin)) >= ran + 3);
  expect(await admin.keys('tw1:n:*')).toEqual(['tw1:n:v:{before}']);
});

test('what was given up is not late where Redis answers: a write that takes most of its time is done', async (context) => {
  const server = await ownServer(context);
  const { l2 } = await openNode({ url: server.url, ...LIMITS, commandTimeout: 5_000 });
  server.freeze();
  const write = l2.write('n', [entry('a')]);
  setTimeout(() => server.thaw(), 1_000);
  expect(await write).toMatchObject([{ status: 'stored' }]);
});

test.each([-HOUR_MS, HOUR_MS])(
  "the clocks part by %i ms: each order is done at once, and soon Redis' time is known again",
  async (byMs) => {
    let shiftMs = 0;
    const now = (): number => performance.now() + shiftMs;
    const url = process.env['TIERWISE_TEST_REDIS_URL'] ?? '';
    const { l2 } = await openNode({ url, now, commandTimeout: 5_000 });
    const { transactions, replay } = l2;
    if (!transactions || !replay) throw new Error('a capability is missing');
    const key = `late ${byMs}`;
    shiftMs += byMs;
    expect(await l2.write('n', [entry(key)])).toMatchObject([{ status: 'stored' }]);
    shiftMs += byMs;
    const commit = { expect: [], writes: [entry(key)], deletes: [] };
    expect(await transactions.commit('n', commit)).toMatchObject({ status: 'committed' });
    shiftMs += byMs;
    const since = replay.moment('n', key);
    expect(await replay.replay('n', [{ ...entry(key), since }])).toMatchObject([{ status: 'stored' }]);
    await l2.delete('n', [key]);
  },
);
