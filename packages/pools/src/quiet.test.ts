import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');

/** Runs as a program of its own; resolves when it has ended by itself. */
async function run(program: string): Promise<string> {
  const options = { cwd: root, timeout: 20_000 };
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '--eval', program],
    options,
  );
  expect(stderr).toBe('');
  return stdout.trim();
}

test('nothing of a pool keeps the process alive, though it was never closed: no timer of idle, waiting or broken connections', async () => {
  const said = await run(`
    import { ConnectionPool } from '@tierwise/pools';
    import { sqlPool } from '@tierwise/pools/sql';
    const pool = new ConnectionPool({ create: async () => ({}), max: 1, min: 1, check: () => true });
    await pool.use(() => {});
    await pool.acquire();
    void pool.acquire().catch(() => {});
    const db = sqlPool({ client: () => ({
      connect: async () => {}, end: async () => {}, on() {},
      query: async ({ text }) => {
        if (text === 'COMMIT') throw new Error('cut');
        return { rows: [], rowCount: 0, command: text };
      },
    }) });
    await db.transaction(async (tx) => tx.afterCommit(() => {})).catch((error) => console.log(error.code));
    const failing = new ConnectionPool({ create: () => Promise.reject(new Error('down')), min: 1 });
    await failing.warmUp().catch(() => {});
  `);
  expect(said).toBe('ERR_TIERWISE_POOL_COMMIT_UNKNOWN');
});

test('whatever fails, nothing is rejected without a listener', async () => {
  const said = await run(`
    import { createServer } from 'node:http';
    import { once } from 'node:events';
    import { createHierarchy } from '@tierwise/hierarchy';
    import { ConnectionPool } from '@tierwise/pools';
    import { httpPool, responseCache } from '@tierwise/pools/http';
    process.on('unhandledRejection', (error) => console.log('unhandled', error));
    const no = () => { throw new Error('no'); };
    const later = async () => no();

    for (const fail of [no, later]) {
      for (const part of ['create', 'destroy', 'validate', 'check']) {
        const pool = new ConnectionPool({
          create: () => ({}), max: 1, healthCheckInterval: 5, checkTimeout: 5, acquireTimeout: 50, [part]: fail,
        });
        const off = pool.on(no);
        await pool.use(no).catch(() => {});
        await pool.use(() => {}).catch(() => {});
        await new Promise((resolve) => setTimeout(resolve, 20));
        await pool.close({ deadline: 0 });
        off();
      }
    }

    const origin = createServer((request, response) => {
      if (request.url === '/reset') request.socket.resetAndDestroy();
      else response.writeHead(200, { 'cache-control': 'max-age=1, stale-while-revalidate=60' }).end('x');
    }).listen(0, '127.0.0.1');
    await once(origin, 'listening');
    const url = 'http://127.0.0.1:' + origin.address().port;
    const hierarchy = createHierarchy({ namespace: 'quiet' });
    const pool = httpPool({ cache: responseCache({ hierarchy }), retry: { firstMs: 1 } });
    await (await pool.fetch(url)).text();
    await pool.fetch(url + '/reset').catch(() => {});
    await hierarchy.close();
    await (await pool.fetch(url + '/other')).text();
    await (await pool.fetch(url, { method: 'PUT' })).text();
    const stopped = once(origin, 'close');
    origin.close();
    origin.closeAllConnections();
    await stopped;
    await pool.fetch(url).catch(() => {});
    await pool.close();
    console.log('done');
  `);
  expect(said).toBe('done');
});
