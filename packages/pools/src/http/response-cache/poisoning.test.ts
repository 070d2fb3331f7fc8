/** What one caller asks, or one answer says, must not change what others get. */
import { once } from 'node:events';
import { createHierarchy } from '@tierwise/hierarchy';
import { Agent } from 'undici';
import { expect, it, onTestFinished } from 'vitest';
import { cachingNode } from '../../../test/caching.js';
import { counting, originServer } from '../../../test/origin-server.js';
import { responseCache } from './response-cache.js';

const KEPT = { 'cache-control': 'public, max-age=60' };

it('a GET with a body is neither answered from the cache nor kept for others', async () => {
  const origin = await counting(KEPT);
  const { get, pool } = cachingNode();
  const search = async (body: string) => (await pool.request(origin.url, { method: 'GET', body })).body.text();
  expect([await search('a'), await search('b'), (await get(origin.url)).text, await search('a')]).toEqual([
    '1',
    '2',
    '3',
    '4',
  ]);
});

it('what was asked of another host by a header is not kept as this origin’s', async () => {
  const origin = await originServer((request, response) => response.writeHead(200, KEPT).end(request.headers.host));
  const { get, pool, cache } = cachingNode();
  const ask = async (host: string) => {
    const text = await (await pool.request(origin.url, { headers: { host } })).body.text();
    await cache.settled();
    return text;
  };
  const own = new URL(origin.url).host;
  expect(await ask('evil.example')).toBe('evil.example');
  expect((await get(origin.url)).text).toBe(own);
  expect([await ask('evil.example'), await ask(own)]).toEqual(['evil.example', own]);
  expect(origin.hits.length).toBe(3);
});

/** As an origin does that knows ranges, conditions and expectations. */
function precise() {
  return counting({ ...KEPT, etag: '"a"' }, ({ headers }, response) => {
    if (headers.range === 'bytes=0-0') response.writeHead(206, { ...KEPT, 'content-range': 'bytes 0-0/9' }).end('h');
    else if (headers.range) response.writeHead(416, { ...KEPT, 'content-range': 'bytes */9' }).end('no such range');
    else if (headers['if-match']) response.writeHead(412, KEPT).end('failed');
    else if (headers['if-unmodified-since']) response.writeHead(412, KEPT).end('failed');
    else if (headers['if-none-match'] === '"mine"') response.writeHead(304, KEPT).end();
    else return false;
    return true;
  });
}

it.each([
  [{ range: 'bytes=0-0' }, 206],
  [{ range: 'bytes=100-200' }, 416],
  [{ 'if-match': '"b"' }, 412],
  [{ 'If-Unmodified-Since': new Date(0).toUTCString() }, 412],
  [{ 'if-none-match': '"mine"' }, 304],
])('a caller with %j gets what the origin says to that, and nobody else does', async (headers, status) => {
  const origin = await precise();
  const { get } = cachingNode();
  expect((await get(origin.url, headers)).status).toBe(status);
  expect(await get(origin.url)).toMatchObject({ status: 200, text: '2' });
  expect((await get(origin.url, headers)).status).toBe(status);
  expect(await get(origin.url)).toMatchObject({ status: 200, text: '2' });
  expect(origin.hits.length).toBe(3);
});

it('HEAD is not kept, and takes nothing away', async () => {
  const origin = await counting(KEPT);
  const { get, pool } = cachingNode();
  const head = async () => (await pool.fetch(origin.url, { method: 'HEAD' })).text();
  expect([await head(), (await get(origin.url)).text, await head(), (await get(origin.url)).text]).toEqual([
    '',
    '2',
    '',
    '2',
  ]);
});

it.each([
  ['an object, in capitals', { COOKIE: 'ada' }],
  ['pairs in turn', ['Cookie', 'ada']],
  ['an iterable', new Headers({ cookie: 'ada' })],
])('a cookie is seen in headers that are %s', async (_what, headers) => {
  const origin = await originServer((request, response) =>
    response.writeHead(200, { 'cache-control': 'max-age=60' }).end(`for ${request.headers.cookie}`),
  );
  const { get, pool, cache } = cachingNode();
  await (await pool.request(origin.url, { headers: headers as never })).body.text();
  await cache.settled();
  expect((await get(origin.url)).text).toBe('for undefined');
});

it('a query counts, however it is handed over, and an origin is one however it is written', async () => {
  const origin = await counting(KEPT);
  const { get, pool } = cachingNode();
  const ask = async (query: Record<string, string>) => (await pool.request(origin.url, { query })).body.text();
  const byUrl = async () =>
    (await pool.dispatcher.request({ origin: new URL(origin.url), path: '/?id=1', method: 'GET' })).body.text();
  expect([
    await ask({ id: '1' }),
    await ask({ id: '2' }),
    (await get(`${origin.url}/?id=1`)).text,
    await byUrl(),
  ]).toEqual(['1', '2', '1', '1']);
  await (await pool.request(origin.url, { method: 'PUT', query: { id: '1' } })).body.dump();
  expect([await ask({ id: '1' }), await ask({ id: '2' })]).toEqual(['4', '2']);
});

it('the cookie of a 304 goes to whom it was meant for, and stays with nobody else', async () => {
  const origin = await counting({ 'cache-control': 'no-cache, max-age=60', etag: '"a"' }, (request, response) => {
    if (!request.headers['if-none-match']) return false;
    const cookie = origin.hits.length === 2 ? { 'set-cookie': 'session=ada' } : {};
    response.writeHead(304, { etag: '"a"', ...cookie }).end();
    return true;
  });
  const { get } = cachingNode();
  await get(origin.url);
  const cookies = [];
  for (let n = 0; n < 3; n++) {
    const { status, text, headers } = await get(origin.url);
    cookies.push([status, text, headers.get('set-cookie')]);
  }
  expect(cookies[0]?.[2]).toBe('session=ada');
  expect(cookies.slice(1).map(([, , cookie]) => cookie)).toEqual([null, null]);
});

it('an origin cannot make another one’s responses invalid', async () => {
  const victim = await counting(KEPT);
  const origin = await originServer((_request, response) =>
    response.writeHead(201, { location: victim.url, 'content-location': `${victim.url}/` }).end(),
  );
  const { get, pool } = cachingNode();
  await get(victim.url);
  await (await pool.fetch(origin.url, { method: 'POST' })).text();
  expect((await get(victim.url)).text).toBe('1');
});

it('what a redirect to another origin answers is kept as that one’s', async () => {
  const evil = await counting(KEPT, (request, response) => {
    response.writeHead(200, KEPT).end(`evil ${request.url}`);
    return true;
  });
  const origin = await counting(KEPT, (_request, response) => {
    if (origin.hits.length > 1) return false;
    response.writeHead(302, { location: `${evil.url}/x` }).end();
    return true;
  });
  const { get } = cachingNode();
  expect((await get(origin.url)).text).toBe('evil /x');
  expect((await get(origin.url)).text).toBe('2');
});

it.each(['length says more', 'chunks have no end'])('an answer that ends too early is not kept: %s', async (how) => {
  const origin = await counting(KEPT, (request, response) => {
    if (origin.hits.length > 1) return false;
    response.writeHead(200, how === 'length says more' ? { ...KEPT, 'content-length': '9' } : KEPT);
    response.write('half', () => request.socket.end());
    return true;
  });
  const { get } = cachingNode();
  await expect(get(origin.url)).rejects.toThrow();
  expect((await get(origin.url)).text).toBe('2');
});

it.each(['aborts', 'reads no further'])('a download that its caller %s is not kept', async (how) => {
  let goOn = () => {};
  const origin = await counting(KEPT, (_request, response) => {
    if (origin.hits.length > 1) return false;
    response.writeHead(200, KEPT);
    response.write('half');
    goOn = () => response.end('whole');
    return true;
  });
  const { get, pool, cache } = cachingNode();
  const caller = new AbortController();
  const { body } = await pool.fetch(origin.url, { signal: caller.signal });
  const reader = body?.getReader();
  await reader?.read();
  const [socket] = origin.sockets;
  if (how === 'aborts') caller.abort();
  else await reader?.cancel();
  if (socket) await once(socket, 'close');
  goOn();
  await cache.settled();
  expect((await get(origin.url)).text).toBe('2');
  expect(pool.stats()[origin.url]).toMatchObject({ borrowed: 0, waiting: 0 });
});

it('a body that never ends is handed through, and no more of it is held than may be kept', async () => {
  const piece = Buffer.alloc(64 * 1_024, 'x');
  const origin = await originServer((_request, response) => {
    response.writeHead(200, KEPT);
    const more = (): void => {
      while (!response.destroyed && response.write(piece));
      if (!response.destroyed) response.once('drain', more);
    };
    more();
  });
  const { pool } = cachingNode(undefined, { maxBodyBytes: 2 ** 20 });
  const { body } = await pool.fetch(origin.url);
  let received = 0;
  const before = process.memoryUsage().arrayBuffers;
  for await (const chunk of body ?? []) {
    received += (chunk as Uint8Array).byteLength;
    if (received > 2 ** 26) break;
  }
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 25);
});

it('works around any of undici’s dispatchers, as its own interceptor does', async () => {
  const origin = await counting({ 'cache-control': 'max-age=60' });
  const hierarchy = createHierarchy({ namespace: 'http' });
  const cache = responseCache({ hierarchy });
  const agent = new Agent().compose(...cache.interceptors());
  onTestFinished(async () => {
    await agent.close();
    await hierarchy.close();
  });
  const ask = async () => (await agent.request({ origin: origin.url, path: '/', method: 'GET' })).body.text();
  expect(await ask()).toBe('1');
  await cache.settled();
  expect(await ask()).toBe('1');
});
