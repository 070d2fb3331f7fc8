import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHierarchy, type Health, type Hierarchy, InvalidOptionError } from '@tierwise/hierarchy';
import { memoryL2 } from '@tierwise/l2/memory';
import { redisL2 } from '@tierwise/l2-redis';
import { afterEach, describe, expect, test } from 'vitest';
import { startRedisServer } from '../../../../test/support/redis-server.js';
import { type HealthHandler, type HealthHandlerOptions, healthHandler } from './index.js';

const servers: Server[] = [];
const caches: Hierarchy[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  for (const cache of caches.splice(0)) await cache.close();
});

interface Answer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: Record<string, unknown>;
  readonly text: string;
}

/** Serves the handler. @returns how to ask it. */
async function serve(handler: HealthHandler, next?: () => void) {
  const server = createServer((incoming, response) =>
    handler(
      incoming,
      response,
      next &&
        (() => {
          next();
          response.end();
        }),
    ),
  );
  servers.push(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return (path: string, method = 'GET'): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const asked = request({ port, host: '127.0.0.1', path, method, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => {
          const { statusCode = 0, headers } = response;
          resolve({ status: statusCode, headers, text, body: text === '' ? {} : JSON.parse(text) });
        });
      });
      asked.on('error', reject).end();
    });
}

const health = (state: Health['state'], code = 'l2-silent') =>
  ({
    state,
    reasons: state === 'ok' ? [] : [{ code, state, message: 'of redis.internal' }],
    tookMs: 1,
  }) as unknown as Health;

/** A hierarchy whose health is answered by hand, but for the first time. */
function driven(first?: Health) {
  const waiting: ((answer: Health) => void)[] = [];
  let asked = 0;
  const hierarchy = {
    health: () => {
      asked += 1;
      if (asked === 1 && first !== undefined) return Promise.resolve(first);
      return new Promise<Health>((resolve) => waiting.push(resolve));
    },
  };
  return { hierarchy, asked: () => asked, answer: (of: Health) => waiting.shift()?.(of) };
}

const stateful = (state: Health['state']) => ({ health: async () => health(state) });

describe('what is answered', () => {
  test.each<[Health['state'], HealthHandlerOptions, number]>([
    ['ok', {}, 200],
    ['degraded', {}, 200],
    ['degraded', { degradedIsReady: false }, 503],
    ['down', {}, 503],
  ])('%s with %o: ready says %i, and live 200', async (state, options, status) => {
    const ask = await serve(healthHandler(stateful(state), options));
    const ready = await ask('/readyz');
    expect(ready).toMatchObject({ status, body: { state, reasons: state === 'ok' ? [] : ['l2-silent'], late: false } });
    expect(ready.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
    });
    expect((await ask('/health')).status).toBe(status);
    expect(await ask('/livez')).toMatchObject({ status: 200, body: { state: 'ok' } });
  });

  test('below any path, with a query and a slash', async () => {
    const ask = await serve(healthHandler(stateful('ok')));
    for (const path of ['/readyz', '/internal/readyz', '/a/b/readyz/?verbose=1'])
      expect((await ask(path)).status).toBe(200);
    for (const path of ['/', '/readyz2', '/xreadyz', '/readyz/more', '/?x=/readyz'])
      expect((await ask(path)).status).toBe(404);
  });

  test('what is not for it goes on to the next', async () => {
    let passed = 0;
    const ask = await serve(healthHandler(stateful('ok')), () => {
      passed += 1;
    });
    expect((await ask('/users')).status).toBe(200);
    expect(passed).toBe(1);
    await ask('/readyz');
    expect(passed).toBe(1);
  });

  test('HEAD has no body, and nothing but GET and HEAD is allowed', async () => {
    const ask = await serve(healthHandler(stateful('down')));
    expect(await ask('/readyz', 'HEAD')).toMatchObject({ status: 503, text: '' });
    expect(await ask('/readyz', 'POST')).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
  });

  test('messages and figures by option only, and under /health only', async () => {
    const secretive = await serve(healthHandler(stateful('degraded')));
    for (const path of ['/readyz', '/health']) expect((await secretive(path)).text).not.toContain('redis.internal');
    const open = await serve(healthHandler(stateful('degraded'), { details: true }));
    expect((await open('/readyz')).text).not.toContain('redis.internal');
    expect((await open('/health')).body).toMatchObject({ tookMs: 1, reasons: [{ message: 'of redis.internal' }] });
  });
});

describe('a question that is not answered', () => {
  test('before anything is known: not ready, within the limit; and live all the same', async () => {
    const ask = await serve(healthHandler(driven().hierarchy, { answerWithin: 20 }));
    expect(await ask('/readyz')).toMatchObject({
      status: 503,
      body: { state: 'unknown', reasons: ['not-known-yet'], late: true },
    });
    expect((await ask('/livez')).status).toBe(200);
  });

  test('the last result answers, and says that it is old; then the new one does, and it was asked for once', async () => {
    const { hierarchy, asked, answer } = driven(health('ok'));
    const ask = await serve(healthHandler(hierarchy, { answerWithin: 20, maxAge: 0 }));
    expect((await ask('/readyz')).body).toMatchObject({ state: 'ok', late: false });
    const [second, third] = await Promise.all([ask('/readyz'), ask('/readyz')]);
    for (const { status, body } of [second, third]) {
      expect([status, body]).toMatchObject([200, { state: 'ok', late: true }]);
      expect(body['ageMs']).toBeGreaterThanOrEqual(15);
    }
    expect(asked()).toBe(2);
    answer(health('down'));
    await expect.poll(async () => (await ask('/readyz')).status).toBe(503);
  });

  test('who has gone, or was answered by a framework meanwhile, does no harm', async () => {
    const { hierarchy, asked, answer } = driven();
    const handler = healthHandler(hierarchy, { answerWithin: 60_000 });
    const ask = await serve((incoming, response) => {
      handler(incoming, response);
      response.writeHead(202).write('{');
      response.end('}');
    });
    expect((await ask('/readyz')).status).toBe(202);
    expect(asked()).toBe(1);
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', note);
    answer(health('ok'));
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });

  test('a result is good for a while', async () => {
    const { hierarchy, asked } = driven(health('ok'));
    const ask = await serve(healthHandler(hierarchy, { maxAge: 60_000 }));
    for (let i = 0; i < 4; i += 1) expect((await ask('/readyz')).body).toMatchObject({ late: false });
    expect(asked()).toBe(1);
  });
});

test('a real hierarchy: ready while it is open, not once it is closed', async () => {
  const cache = createHierarchy({ namespace: 'shop', l2: memoryL2() });
  caches.push(cache);
  const ask = await serve(healthHandler(cache, { maxAge: 0, details: true }));
  expect(await ask('/health')).toMatchObject({ status: 200, body: { state: 'ok', l2: { status: 'up' } } });
  await cache.close();
  expect(await ask('/readyz')).toMatchObject({ status: 503, body: { state: 'down', reasons: ['closed'] } });
});

test('a frozen Redis: each probe is answered fast, first by the last result, then by what is', async (context) => {
  const redis = await startRedisServer();
  if (redis === undefined) return context.skip('no redis-server on PATH');
  const cache = createHierarchy({
    namespace: 'shop',
    l2: redisL2({ url: redis.url }),
    l2Timeout: 400,
    incidents: { enabled: false },
  });
  caches.push(cache);
  const ask = await serve(healthHandler(cache, { answerWithin: 50, maxAge: 0 }));
  try {
    await cache.ready();
    await expect.poll(async () => (await ask('/readyz')).body['state']).toBe('ok');
    redis.freeze();
    const began = performance.now();
    expect(await ask('/readyz')).toMatchObject({ status: 200, body: { state: 'ok', late: true } });
    expect(await ask('/livez')).toMatchObject({ status: 200 });
    // As long as the time limit of L2 has not been reached, that is all that can be known.
    expect(performance.now() - began).toBeLessThan(400);
    await expect.poll(async () => (await ask('/readyz')).body['state'], { timeout: 5_000 }).toBe('degraded');
    const probed = performance.now();
    expect((await ask('/readyz')).status).toBe(200);
    expect(performance.now() - probed).toBeLessThan(300);
    redis.thaw();
    await expect.poll(async () => (await ask('/readyz')).body['state'], { timeout: 10_000 }).toBe('ok');
  } finally {
    redis.thaw();
    await cache.close();
    await redis.stop();
  }
}, 30_000);

test.each([{ answerWithin: '500ms' }, { maxAge: Number.NaN }])('%o is refused', (options) => {
  expect(() => healthHandler({ health: () => new Promise(() => {}) }, options as HealthHandlerOptions)).toThrow(
    InvalidOptionError,
  );
});
