import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { expect, it, onTestFinished } from 'vitest';
import { DrivenClock } from '../../test/driven-clock.js';
import { originServer } from '../../test/origin-server.js';
import { PoolClosedError, PoolExhaustedError, PoolOptionError, PoolTimeoutError } from '../errors.js';
import type { PoolEvent } from '../observed.js';
import { BreakerOpenError } from './breaker-open-error.js';
import { type HttpPool, httpPool } from './http-pool.js';
import type { HttpPoolOptions } from './options.js';

function open(options?: HttpPoolOptions): HttpPool {
  const pool = httpPool(options);
  onTestFinished(() => pool.close({ deadline: 0 }));
  return pool;
}

/** An origin that answers when the test says so. */
async function heldOrigin() {
  const held: ServerResponse[] = [];
  let arrived = () => {};
  const origin = await originServer((_request, response) => {
    held.push(response);
    arrived();
  });
  const reached = async (count: number) => {
    while (held.length < count) await new Promise<void>((resolve) => (arrived = resolve));
  };
  return { origin, held, reached };
}

const causeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: { cause?: unknown }) => error.cause,
  );

it('fetches like fetch, over connections that are kept', async () => {
  const origin = await originServer((request, response) => response.end(`${request.method} ${request.headers['x-a']}`));
  const pool = open();
  for (let i = 0; i < 9; i++) {
    const response = await pool.fetch(`${origin.url}/x`, { headers: { 'x-a': '1' } });
    expect([response.status, await response.text()]).toEqual([200, 'GET 1']);
  }
  // Two, not one: undici frees a connection a little after the body's end.
  expect(origin.connections).toBeLessThanOrEqual(2);
  const { body } = await pool.request(origin.url);
  expect(await body.text()).toBe('GET undefined');
  expect(pool.stats()[origin.url]).toMatchObject({
    size: origin.connections,
    idle: origin.connections,
    borrowed: 0,
    waiting: 0,
    created: origin.connections,
    statuses: { '2xx': 10 },
    breaker: 'closed',
    hold: { count: 10 },
  });
});

it('sends no more than an origin is granted at once, lets so many wait, and rejects who comes then', async () => {
  const { origin, held, reached } = await heldOrigin();
  const pool = open({ connections: 9, origins: { [origin.url]: { connections: 2, maxWaiting: 1 } } });
  const first = [1, 2, 3].map((n) => pool.request(`${origin.url}/${n}`));
  const error = await pool.request(`${origin.url}/4`).catch((reason) => reason);
  expect(error).toBeInstanceOf(PoolExhaustedError);
  expect(error.code).toBe('ERR_TIERWISE_POOL_EXHAUSTED');
  await reached(2);
  expect(pool.stats()[origin.url]).toMatchObject({ borrowed: 2, waiting: 1, errors: { exhausted: 1 } });
  held[0]?.end();
  await reached(3);
  for (const response of held) response.end();
  for (const { body } of await Promise.all(first)) await body.dump();
  expect(origin.hits).toEqual(['GET /1', 'GET /2', 'GET /3']);
  expect(origin.connections).toBe(2);
  expect(pool.stats()[origin.url]).toMatchObject({ borrowed: 0, waiting: 0 });
});

it('rejects who has waited too long for a free connection, and never sends that request', async () => {
  const { origin, held, reached } = await heldOrigin();
  const clock = new DrivenClock();
  const pool = open({ connections: 1, acquireTimeout: 500, clock });
  const first = pool.request(`${origin.url}/1`);
  await reached(1);
  const second = pool.request(`${origin.url}/2`).catch((reason) => reason);
  clock.advance(499);
  expect(pool.stats()[origin.url]?.errors.timeout).toBe(0);
  clock.advance(1);
  expect(await second).toBeInstanceOf(PoolTimeoutError);
  held[0]?.end();
  await (await first).body.dump();
  const third = pool.request(`${origin.url}/3`);
  await reached(2);
  held[1]?.end();
  await (await third).body.dump();
  expect(origin.hits).toEqual(['GET /1', 'GET /3']);
  const { errors, ...stats } = pool.stats()[origin.url] ?? expect.fail();
  expect(stats).toMatchObject({ borrowed: 0, waiting: 0 });
  expect(Object.entries(errors).filter(([, count]) => count !== 0)).toEqual([['timeout', 1]]);
});

it('counts the wait of each of a burst, though a connection was free when it came', async () => {
  const { origin, held, reached } = await heldOrigin();
  const clock = new DrivenClock();
  const pool = open({ connections: 1, acquireTimeout: 500, clock });
  const before = pool.request(origin.url);
  await reached(1);
  held[0]?.end();
  await (await before).body.dump();
  const burst = [1, 2, 3].map(() => pool.request(origin.url).catch((error) => error));
  await reached(2);
  clock.advance(500);
  expect(await burst[1]).toBeInstanceOf(PoolTimeoutError);
  expect(await burst[2]).toBeInstanceOf(PoolTimeoutError);
  held[1]?.end();
  await (await burst[0]).body.dump();
  expect(origin.hits.length).toBe(2);
});

it('waits as long as Retry-After asks before a GET is sent again', async () => {
  const origin = await originServer((_request, response) => {
    if (origin.hits.length === 1) response.writeHead(503, { 'retry-after': '7' }).end('busy');
    else response.end('well');
  });
  const clock = new DrivenClock();
  const pool = open({ clock });
  const answer = pool.fetch(origin.url);
  await clock.timerSet(7_000);
  clock.advance(6_999);
  expect(origin.hits.length).toBe(1);
  clock.advance(1);
  expect(await (await answer).text()).toBe('well');
  expect(pool.stats()[origin.url]).toMatchObject({ retries: 1, statuses: { '2xx': 1, '5xx': 1 } });
});

it('hands a 503 on whose Retry-After is longer than it would wait', async () => {
  const origin = await originServer((_request, response) =>
    response.writeHead(503, { 'retry-after': '99' }).end('busy'),
  );
  const response = await open({ clock: new DrivenClock() }).fetch(origin.url);
  expect([response.status, await response.text(), origin.hits.length]).toEqual([503, 'busy', 1]);
});

it('doubles the pause, and hands the last answer on', async () => {
  const origin = await originServer((_request, response) => response.writeHead(502).end('bad'));
  const clock = new DrivenClock();
  const answer = open({ clock, retry: { times: 2, firstMs: 100 } }).fetch(origin.url);
  await clock.timerSet(100);
  clock.advance(100);
  await clock.timerSet(200);
  clock.advance(200);
  const response = await answer;
  expect([response.status, await response.text(), origin.hits.length]).toEqual([502, 'bad', 3]);
});

it('sends a GET again whose connection was reset, and never a POST', async () => {
  const origin = await originServer((request, response) => {
    if (request.method === 'POST' || origin.hits.length === 1) request.socket.resetAndDestroy();
    else response.end('well');
  });
  const pool = open({ retry: { firstMs: 0 } });
  expect(await (await pool.fetch(origin.url)).text()).toBe('well');
  const lost = { code: expect.stringMatching(/ECONNRESET|UND_ERR_SOCKET/) };
  await expect(pool.request(origin.url, { method: 'POST', body: 'x' })).rejects.toMatchObject(lost);
  expect(origin.hits).toEqual(['GET /', 'GET /', 'POST /']);
});

it('never sends again what the caller has begun to read', async () => {
  const origin = await originServer((request, response) => {
    response.writeHead(200, { 'content-length': 10 });
    response.write('half', () => request.socket.resetAndDestroy());
  });
  const { body } = await open({ retry: { firstMs: 0 } }).request(origin.url);
  await expect(body.text()).rejects.toThrow();
  expect(origin.hits.length).toBe(1);
});

it('ends the pause before a retry when the caller goes away', async () => {
  const origin = await originServer((_request, response) => response.writeHead(503).end());
  const clock = new DrivenClock();
  const caller = new AbortController();
  const answer = open({ clock }).request(origin.url, { signal: caller.signal });
  await clock.timerSet(100);
  caller.abort(new Error('gone'));
  await expect(answer).rejects.toThrow('gone');
  expect(clock.due).toEqual([]);
  expect(origin.hits.length).toBe(1);
});

it('opens the breaker of an origin that fails, lets one request find out, and closes it', async () => {
  let well = false;
  const origin = await originServer((_request, response) => response.writeHead(well ? 200 : 503).end());
  const other = await originServer((_request, response) => response.end());
  const clock = new DrivenClock();
  const pool = open({ clock, retry: false, breaker: { failures: 2, openMs: 1_000 } });
  const turns: string[] = [];
  pool.on((event) => {
    if (event.type === 'breaker') turns.push(`${event.pool}: ${event.state}`);
  });
  const ask = async (url = origin.url) => {
    const { statusCode, body } = await pool.request(url);
    await body.dump();
    return statusCode;
  };
  expect([await ask(), await ask()]).toEqual([503, 503]);
  await expect(ask()).rejects.toBeInstanceOf(BreakerOpenError);
  expect(await ask(other.url)).toBe(200);
  clock.advance(1_000);
  expect(await ask()).toBe(503);
  await expect(ask()).rejects.toBeInstanceOf(BreakerOpenError);
  clock.advance(1_000);
  well = true;
  const probe = ask();
  await expect(ask()).rejects.toBeInstanceOf(BreakerOpenError);
  expect(await probe).toBe(200);
  expect(await ask()).toBe(200);
  expect(origin.hits.length).toBe(5);
  expect(pool.stats()[origin.url]).toMatchObject({ breaker: 'closed', errors: { breaker: 3 } });
  const states = ['open', 'half-open', 'open', 'half-open', 'closed'];
  expect(turns).toEqual(states.map((state) => `http ${origin.url}: ${state}`));
});

const failing = async function* () {
  yield 'half';
  throw new Error('the caller’s body');
};

it.each([
  ['a header that cannot be', { headers: { a: 'b\r\nc' } }],
  ['a method that is none', { method: 'NO SUCH' }],
  ['a body that fails', { method: 'PUT', body: Readable.from(failing()) }],
  ['a body that is shorter than its length', { method: 'PUT', body: 'x', headers: { 'content-length': '2' } }],
])('what its callers do wrong says nothing of an origin, and is not tried again: %s', async (_what, options) => {
  const origin = await originServer((request, response) => void request.resume().on('end', () => response.end()));
  const pool = open({ breaker: { failures: 1, openMs: 1_000 }, retry: { firstMs: 0 } });
  await expect(pool.request(origin.url, options as never)).rejects.toThrow();
  expect(pool.stats()[origin.url]).toMatchObject({ borrowed: 0, waiting: 0, retries: 0, breaker: 'closed' });
  expect((await pool.request(origin.url)).statusCode).toBe(200);
});

it('lets another request find out when the one that was to do so is aborted', async () => {
  const { origin, held, reached } = await heldOrigin();
  const clock = new DrivenClock();
  const pool = open({ clock, retry: false, breaker: { failures: 1, openMs: 0 } });
  const first = pool.request(origin.url);
  await reached(1);
  held[0]?.writeHead(503).end();
  await (await first).body.dump();
  const caller = new AbortController();
  const probe = pool.request(origin.url, { signal: caller.signal });
  await reached(2);
  caller.abort();
  await expect(probe).rejects.toThrow();
  const next = pool.request(origin.url);
  await reached(3);
  held[2]?.end();
  expect((await next).statusCode).toBe(200);
});

it('gives up an origin that does not answer in time, with the error that undici has for it', async () => {
  const origin = await originServer(() => {});
  const pool = open({ headersTimeout: 50, retry: false });
  await expect(pool.request(origin.url)).rejects.toMatchObject({ code: 'UND_ERR_HEADERS_TIMEOUT' });
  expect(await causeOf(pool.fetch(origin.url))).toMatchObject({ code: 'UND_ERR_HEADERS_TIMEOUT' });
  expect(pool.stats()[origin.url]).toMatchObject({ borrowed: 0, errors: { timeout: 2 } });
});

it('says when no connection can be made', async () => {
  const origin = await originServer(() => {});
  await origin.stop();
  const pool = open({ retry: false });
  await expect(pool.request(origin.url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  expect(pool.stats()[origin.url]).toMatchObject({ borrowed: 0, waiting: 0, errors: { connect: 1 } });
});

it('loses only what is under way when all sockets are reset, and counts on exactly', async () => {
  const { origin, held, reached } = await heldOrigin();
  const pool = open({ connections: 4, retry: false, breaker: false });
  const calls = Array.from({ length: 12 }, () =>
    pool.request(origin.url).then(
      ({ body }) => body.dump().then(() => 'well'),
      () => 'lost',
    ),
  );
  await reached(4);
  const ends = [...origin.sockets].map((socket) => once(socket, 'close'));
  for (const socket of origin.sockets) socket.resetAndDestroy();
  await Promise.all(ends);
  for (let next = 4; next < 12; next++) {
    await reached(next + 1);
    held[next]?.end();
  }
  const outcomes = await Promise.all(calls);
  expect(outcomes.filter((outcome) => outcome === 'lost').length).toBe(4);
  expect(pool.stats()[origin.url]).toMatchObject({ borrowed: 0, waiting: 0, errors: { lost: 4 } });
});

it('loses only what is under way, under load and whenever sockets are reset', async () => {
  const origin = await originServer((_request, response) => void setImmediate(() => response.end('x')));
  const pool = open({ connections: 4, retry: false, breaker: false });
  const counts = { well: 0, lost: 0 };
  const load = async (): Promise<void> => {
    for (let round = 0; round < 30; round++) {
      try {
        await (await pool.request(origin.url)).body.text();
        counts.well++;
      } catch {
        counts.lost++;
      }
    }
  };
  const loads = Promise.all(Array.from({ length: 20 }, load));
  for (let resets = 1; resets <= 3; resets++) {
    while (counts.well < resets * 100) await new Promise((resolve) => setImmediate(resolve));
    for (const socket of origin.sockets) socket.resetAndDestroy();
  }
  await loads;
  expect(counts.lost).toBeGreaterThan(0);
  expect(counts.lost).toBeLessThanOrEqual(3 * 4);
  expect(counts.well + counts.lost).toBe(600);
  const stats = pool.stats()[origin.url] ?? expect.fail();
  // A reset may come when a connection has only just been made: that request has never been on it.
  expect(stats).toMatchObject({ borrowed: 0, waiting: 0, hold: { count: 600 - stats.errors.connect } });
  expect(stats.errors.lost + stats.errors.connect).toBe(counts.lost);
  expect(stats.destroyed.lost).toBeGreaterThanOrEqual(3);
  expect(stats.created - Object.values(stats.destroyed).reduce((sum, count) => sum + count, 0)).toBe(stats.size);
});

it('ends with exact counts after 2,000 requests of which many are cancelled at random', async () => {
  const origin = await originServer((_request, response) => void setImmediate(() => response.end('x')));
  const pool = open({ connections: 8, maxWaiting: 2_000, retry: false });
  let seed = 7;
  const chance = () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const outcomes = await Promise.all(
    Array.from({ length: 2_000 }, async () => {
      const caller = new AbortController();
      if (chance() < 0.3) setTimeout(() => caller.abort(), chance() * 100);
      try {
        const { body } = await pool.request(origin.url, { signal: caller.signal });
        await body.text();
        return 'well';
      } catch {
        return 'aborted';
      }
    }),
  );
  const { body } = await pool.request(origin.url);
  await body.text();
  expect(outcomes.filter((outcome) => outcome === 'aborted').length).toBeGreaterThan(0);
  expect(pool.stats()[origin.url]).toMatchObject({ borrowed: 0, waiting: 0 });
});

it('closes after what is under way, takes nothing new, and leaves no connection', async () => {
  const { origin, held, reached } = await heldOrigin();
  const pool = open();
  const events: PoolEvent['type'][] = [];
  pool.on(({ type }) => events.push(type));
  const call = pool.request(origin.url);
  await reached(1);
  const closing = pool.close();
  expect(pool.close()).toBe(closing);
  await expect(pool.request(origin.url)).rejects.toBeInstanceOf(PoolClosedError);
  held[0]?.end('late');
  expect(await (await call).body.text()).toBe('late');
  await closing;
  expect(events).toEqual(['created', 'acquired', 'draining', 'released', 'destroyed', 'closed']);
  expect(pool.stats()[origin.url]?.size).toBe(0);
});

it('ends what is under way at the deadline of its close', async () => {
  const { origin, reached } = await heldOrigin();
  const clock = new DrivenClock();
  const pool = open({ clock });
  const call = pool.request(origin.url).catch((error) => error);
  await reached(1);
  const closing = pool.close({ deadline: 50 });
  clock.advance(50);
  await closing;
  expect(await call).toBeInstanceOf(PoolClosedError);
});

it('trusts whom its TLS options name', async () => {
  const read = (name: string) => readFileSync(new URL(`../../test/tls/${name}.pem`, import.meta.url), 'utf8');
  const origin = await originServer((_request, response) => response.end('sealed'), {
    key: read('key'),
    cert: read('cert'),
  });
  expect(await (await open({ tls: { ca: read('cert') } }).fetch(origin.url)).text()).toBe('sealed');
  await expect(open({ retry: false }).request(origin.url)).rejects.toMatchObject({
    code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
  });
});

it.each([
  [{ connections: 0 }, 'connections must be a whole number from 1 on, not 0'],
  [{ conections: 3 }, 'conections is not an option'],
  [{ origins: { 'http://a/': {} } }, 'not an origin'],
  [{ retry: { times: -1 } }, 'retry.times'],
] as [HttpPoolOptions, string][])('refuses %j', (options, message) => {
  expect(() => httpPool(options)).toThrow(PoolOptionError);
  expect(() => httpPool(options)).toThrow(message);
});
