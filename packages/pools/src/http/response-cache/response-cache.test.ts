import { createHierarchy } from '@tierwise/hierarchy';
import { MemoryStore } from '@tierwise/l2/memory';
import { request } from 'undici';
import { afterEach, expect, it, onTestFinished, vi } from 'vitest';
import { cachingNode } from '../../../test/caching.js';
import { counting, originServer } from '../../../test/origin-server.js';
import { PoolClosedError } from '../../errors.js';
import type { ResponseHierarchy } from './hierarchy-type.js';

/** Both clocks go on: undici reads the wall's, a hierarchy its own. */
function wait(seconds: number): void {
  vi.advanceTimersByTime(seconds * 1_000);
}

function atRest() {
  vi.useFakeTimers({ toFake: ['Date', 'performance', 'hrtime'] });
}

afterEach(() => {
  vi.useRealTimers();
});

it('answers from the cache while a response is fresh, with its age', async () => {
  const origin = await counting({ 'cache-control': 'max-age=60' });
  const { get } = cachingNode();
  expect((await get(origin.url)).text).toBe('1');
  const second = await get(origin.url);
  expect([second.text, second.headers.get('age')]).toEqual(['1', expect.stringMatching(/^[01]$/)]);
  expect(origin.hits.length).toBe(1);
});

it('tells URLs with different queries apart', async () => {
  const origin = await counting({ 'cache-control': 'max-age=60' });
  const { get } = cachingNode();
  expect([(await get(`${origin.url}/?a`)).text, (await get(`${origin.url}/?b`)).text]).toEqual(['1', '2']);
  expect([(await get(`${origin.url}/?a`)).text, (await get(`${origin.url}/?b`)).text]).toEqual(['1', '2']);
});

it.each(['no-store', 'private', 'private, max-age=60', 'no-store, max-age=60', ''])(
  'does not keep Cache-Control: %s',
  async (directives) => {
    const origin = await counting(directives === '' ? {} : { 'cache-control': directives });
    const { get } = cachingNode();
    expect([(await get(origin.url)).text, (await get(origin.url)).text]).toEqual(['1', '2']);
  },
);

it('does not keep what a request with no-store asked for, nor answer it from the cache', async () => {
  const origin = await counting({ 'cache-control': 'max-age=60' });
  const { get } = cachingNode();
  expect((await get(origin.url, { 'cache-control': 'no-store' })).text).toBe('1');
  expect((await get(origin.url)).text).toBe('2');
  expect((await get(origin.url, { 'cache-control': 'no-store' })).text).toBe('3');
});

it('keeps one response for each value of what Vary names', async () => {
  const origin = await counting({ 'cache-control': 'max-age=60', vary: 'Accept-Language' });
  const { get } = cachingNode();
  const ask = async (language: string) => (await get(origin.url, { 'accept-language': language })).text;
  expect([await ask('de'), await ask('fr'), await ask('de'), await ask('fr')]).toEqual(['1', '2', '1', '2']);
});

it('never answers a second time with Vary: *', async () => {
  const origin = await counting({ 'cache-control': 'max-age=60', vary: '*' });
  const { get } = cachingNode();
  expect([(await get(origin.url)).text, (await get(origin.url)).text]).toEqual(['1', '2']);
});

it('asks with the validator of a stale response, and keeps it for another life after a 304', async () => {
  const kept = { 'cache-control': 'max-age=10', etag: '"a"', 'content-type': 'text/plain' };
  const origin = await counting(kept, (request, response) => {
    if (request.headers['if-none-match'] !== '"a"') return false;
    response
      .writeHead(304, { 'content-type': 'text/x-other', 'cache-control': 'max-age=10', etag: '"a"', 'x-seen': 'yes' })
      .end();
    return true;
  });
  atRest();
  const { get } = cachingNode();
  await get(origin.url);
  wait(11);
  const confirmed = await get(origin.url);
  expect([confirmed.status, confirmed.text, confirmed.headers.get('x-seen'), confirmed.headers.get('warning')]).toEqual(
    [200, '1', 'yes', null],
  );
  expect(origin.hits.length).toBe(2);
  expect(confirmed.headers.get('content-type')).toBe('text/plain');
  wait(5);
  expect((await get(origin.url)).text).toBe('1');
  expect(origin.hits.length).toBe(2);
});

it('keeps a response for another life after a 304 that says nothing but so', async () => {
  atRest();
  const date = new Date().toUTCString();
  const origin = await counting({ 'cache-control': 'max-age=10', etag: '"a"', date }, (request, response) => {
    if (request.headers['if-none-match'] !== '"a"') return false;
    response.writeHead(304).end();
    return true;
  });
  const { get } = cachingNode();
  await get(origin.url);
  wait(11);
  expect((await get(origin.url)).text).toBe('1');
  wait(5);
  expect((await get(origin.url)).text).toBe('1');
  expect(origin.hits.length).toBe(2);
});

it('takes the new response where the validator does not hold any more', async () => {
  const origin = await counting({ 'cache-control': 'max-age=10', etag: '"a"' });
  atRest();
  const { get } = cachingNode();
  await get(origin.url);
  wait(11);
  expect([(await get(origin.url)).text, (await get(origin.url)).text]).toEqual(['2', '2']);
});

it('answers with a stale response within stale-while-revalidate, and asks once behind it for all', async () => {
  let finish: (() => void) | undefined;
  let asked = () => {};
  const origin = await counting({ 'cache-control': 'max-age=10, stale-while-revalidate=30' }, (_request, response) => {
    if (origin.hits.length !== 2) return false;
    finish = () => response.writeHead(200, { 'cache-control': 'max-age=10' }).end('new');
    asked();
    return true;
  });
  atRest();
  const { get, cache } = cachingNode();
  await get(origin.url);
  wait(11);
  const reached = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const stale = await Promise.all([1, 2, 3, 4, 5].map(() => get(origin.url)));
  expect(stale.map(({ text }) => text)).toEqual(['1', '1', '1', '1', '1']);
  await reached;
  expect(origin.hits.length).toBe(2);
  finish?.();
  await vi.waitFor(async () => {
    await cache.settled();
    expect((await get(origin.url)).text).toBe('new');
  });
  expect(origin.hits.length).toBe(2);
});

it.each(['answers 503', 'resets the connection'])(
  'answers with a stale response within stale-if-error when the origin %s',
  async (how) => {
    const origin = await counting({ 'cache-control': 'max-age=10, stale-if-error=30' }, (request, response) => {
      if (origin.hits.length === 1) return false;
      if (how === 'answers 503') response.writeHead(503).end('down');
      else request.socket.resetAndDestroy();
      return true;
    });
    atRest();
    const { get } = cachingNode();
    await get(origin.url);
    wait(11);
    expect(await get(origin.url)).toMatchObject({ status: 200, text: '1' });
    expect(origin.hits.length).toBe(2);
    wait(30);
    if (how === 'answers 503') expect(await get(origin.url)).toMatchObject({ status: 503 });
    else await expect(get(origin.url)).rejects.toThrow('fetch failed');
  },
);

it('does not answer for an error with what must be revalidated', async () => {
  const origin = await counting(
    { 'cache-control': 'max-age=10, stale-if-error=30, must-revalidate', etag: '"a"' },
    (request) => {
      if (origin.hits.length === 1) return false;
      request.socket.resetAndDestroy();
      return true;
    },
  );
  atRest();
  const { get } = cachingNode();
  await get(origin.url);
  wait(11);
  await expect(get(origin.url)).rejects.toThrow('fetch failed');
});

it('answers only-if-cached with 504 where nothing is kept', async () => {
  const origin = await counting({ 'cache-control': 'max-age=60' });
  const { get } = cachingNode();
  expect((await get(origin.url, { 'cache-control': 'only-if-cached' })).status).toBe(504);
  await get(origin.url);
  expect(await get(origin.url, { 'cache-control': 'only-if-cached' })).toMatchObject({ status: 200, text: '1' });
});

it.each(['POST', 'PUT', 'PATCH', 'DELETE'])(
  'forgets a URL, on every node, before it hands on what %s was answered',
  async (method) => {
    const origin = await counting({ 'cache-control': 'max-age=60' });
    const store = new MemoryStore();
    const [n1, n2] = [cachingNode(store), cachingNode(store)];
    await n1.get(`${origin.url}/a`);
    await n1.get(`${origin.url}/b`);
    expect((await n2.get(`${origin.url}/a`)).text).toBe('1');
    await (await n2.pool.fetch(`${origin.url}/a`, { method })).text();
    expect((await n1.get(`${origin.url}/a`)).text).toBe('4');
    expect((await n2.get(`${origin.url}/a`)).text).toBe('4');
    expect((await n2.get(`${origin.url}/b`)).text).toBe('2');
  },
);

it('forgets what Location and Content-Location name, and nothing when the method failed', async () => {
  const origin = await counting({ 'cache-control': 'max-age=60' }, (request, response) => {
    if (request.method !== 'POST') return false;
    const failed = request.url === '/fails';
    response.writeHead(failed ? 500 : 201, { location: '/a', 'content-location': '/b' }).end();
    return true;
  });
  const { get, pool } = cachingNode();
  await get(`${origin.url}/a`);
  await get(`${origin.url}/b`);
  await (await pool.fetch(`${origin.url}/fails`, { method: 'POST' })).text();
  expect([(await get(`${origin.url}/a`)).text, (await get(`${origin.url}/b`)).text]).toEqual(['1', '2']);
  await (await pool.fetch(`${origin.url}/c`, { method: 'POST' })).text();
  expect([(await get(`${origin.url}/a`)).text, (await get(`${origin.url}/b`)).text]).toEqual(['5', '6']);
});

it('N1 is being answered, N2 changes the URL, the answer to N1 ends: nobody gets it from the cache', async () => {
  let finish = () => {};
  let asked = () => {};
  const reached = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const origin = await counting({ 'cache-control': 'max-age=60' }, (_request, response) => {
    if (origin.hits.length > 1) return false;
    finish = () => response.writeHead(200, { 'cache-control': 'max-age=60' }).end('old');
    asked();
    return true;
  });
  const store = new MemoryStore();
  const [n1, n2] = [cachingNode(store), cachingNode(store)];
  const slow = n1.get(origin.url);
  await reached;
  await (await n2.pool.fetch(origin.url, { method: 'PUT' })).text();
  finish();
  expect((await slow).text).toBe('old');
  expect([(await n2.get(origin.url)).text, (await n1.get(origin.url)).text]).toEqual(['3', '3']);
});

it('is invalidated by origin, by path whatever the query, and by URL', async () => {
  const origin = await counting({ 'cache-control': 'max-age=60' });
  const { get, cache } = cachingNode();
  const all = async () =>
    Promise.all(['/a?1', '/a?2', '/b'].map(async (path) => Number((await get(origin.url + path)).text)));
  const before = await all();
  await cache.invalidate(`${origin.url}/a?1`);
  const one = await all();
  expect(one.map((count, index) => count !== before[index])).toEqual([true, false, false]);
  await cache.invalidate(`${origin.url}/a`);
  const two = await all();
  expect(two.map((count, index) => count !== one[index])).toEqual([true, true, false]);
  await cache.invalidate(origin.url);
  const three = await all();
  expect(three.map((count, index) => count !== two[index])).toEqual([true, true, true]);
});

it('hands long bodies through without keeping them, and keeps what just fits', async () => {
  const origin = await originServer((request, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=60' });
    const length = Number(request.url?.slice(1));
    for (let sent = 0; sent < length; sent += 50_000)
      response.write(Buffer.alloc(Math.min(50_000, length - sent), 'x'));
    response.end();
  });
  const { get } = cachingNode(undefined, { maxBodyBytes: 100_000 });
  for (const length of [100_000, 100_001]) {
    expect((await get(`${origin.url}/${length}`)).text.length).toBe(length);
    expect((await get(`${origin.url}/${length}`)).text.length).toBe(length);
  }
  expect(origin.hits).toEqual(['GET /100000', 'GET /100001', 'GET /100001']);
});

it('keeps nothing of a response that breaks off', async () => {
  const origin = await counting({ 'cache-control': 'max-age=60' }, (request, response) => {
    if (origin.hits.length > 1) return false;
    response.writeHead(200, { 'cache-control': 'max-age=60' });
    response.write('half', () => request.socket.resetAndDestroy());
    return true;
  });
  const { get } = cachingNode();
  await expect(get(origin.url)).rejects.toThrow();
  expect((await get(origin.url)).text).toBe('2');
});

it('hands out bodies that nobody can change for others', async () => {
  const origin = await counting({ 'cache-control': 'max-age=60' });
  const { get, pool } = cachingNode();
  await get(origin.url);
  for await (const chunk of (await pool.request(origin.url)).body) (chunk as Buffer).fill('!');
  expect((await get(origin.url)).text).toBe('1');
});

it('answers who asks right after, though what was received is still being stored', async () => {
  const origin = await counting({ 'cache-control': 'max-age=60' });
  const { pool } = cachingNode();
  for (let i = 0; i < 2; i++) expect(await (await pool.fetch(origin.url)).text()).toBe('1');
});

/** A hierarchy with some of its calls in the test's hands. */
function hierarchyWith(change: (real: ResponseHierarchy) => Partial<ResponseHierarchy>): ResponseHierarchy {
  const real = createHierarchy({ namespace: 'changed' });
  onTestFinished(() => real.close());
  return {
    getEntry: (key) => real.getEntry(key),
    set: (...args) => real.set(...args),
    refresh: (...args) => real.refresh(...args),
    invalidateTags: (tags) => real.invalidateTags(tags),
    ...change(real),
  };
}

it('keeps both of two variants that are received at once, though storing takes time', async () => {
  const answers: (() => void)[] = [];
  const origin = await counting({}, (asked, response) => {
    if (asked.url !== '/') return false;
    answers.push(() => response.writeHead(200, { 'cache-control': 'max-age=60', vary: 'accept-language' }).end('kept'));
    if (answers.length === 2) for (const answer of answers) answer();
    return true;
  });
  const hierarchy = hierarchyWith((real) => ({
    set: async (...args) => {
      await (await request(`${origin.url}/meanwhile`)).body.dump();
      await real.set(...args);
    },
  }));
  const { get } = cachingNode(undefined, { hierarchy });
  const both = () => Promise.all(['de', 'fr'].map((language) => get(origin.url, { 'accept-language': language })));
  await both();
  await both();
  expect(origin.hits.filter((hit) => hit === 'GET /').length).toBe(2);
});

it('keeps what it has when what should replace it breaks off', async () => {
  const directives = { 'cache-control': 'max-age=10, stale-if-error=60' };
  const origin = await counting(directives, (request, response) => {
    if (origin.hits.length === 1) return false;
    if (origin.hits.length === 2) {
      response.writeHead(200, directives);
      response.write('half', () => request.socket.resetAndDestroy());
    } else {
      request.socket.resetAndDestroy();
    }
    return true;
  });
  atRest();
  const { get } = cachingNode();
  await get(origin.url);
  wait(11);
  await expect(get(origin.url)).rejects.toThrow();
  expect((await get(origin.url)).text).toBe('1');
});

it('sends nothing before the hierarchy counts invalidations for it', async () => {
  const origin = await counting({ 'cache-control': 'max-age=60' });
  const hierarchy = hierarchyWith((real) => ({
    refresh: async (...args) => {
      for (const path of ['/1', '/2']) await (await request(origin.url + path)).body.dump();
      return real.refresh(...args);
    },
  }));
  const { get } = cachingNode(undefined, { hierarchy });
  await get(`${origin.url}/then`);
  expect(origin.hits).toEqual(['GET /1', 'GET /2', 'GET /then']);
});

it('refuses what was on its way to the origin when the pool closed', async () => {
  const origin = await counting({ 'cache-control': 'max-age=60' });
  let asked = () => {};
  const reached = new Promise<void>((resolve) => {
    asked = resolve;
  });
  let goOn = () => {};
  const gate = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const hierarchy = hierarchyWith((real) => ({
    refresh: async (...args) => {
      asked();
      await gate;
      return real.refresh(...args);
    },
  }));
  const { pool } = cachingNode(undefined, { hierarchy });
  const call = pool.request(origin.url).catch((error) => error);
  await reached;
  await pool.close();
  goOn();
  expect(await call).toBeInstanceOf(PoolClosedError);
});

const throwing = (): never => {
  throw new Error('no hierarchy');
};

it.each([
  ['is closed', {}],
  ['throws at once', { getEntry: throwing, refresh: throwing, set: throwing, invalidateTags: throwing }],
])('goes to the origin when the hierarchy %s', async (_how, change) => {
  const origin = await counting({ 'cache-control': 'max-age=60' });
  const closed = createHierarchy({ namespace: 'closed' });
  await closed.close();
  const hierarchy = hierarchyWith(() => ({ ...closed, getEntry: (key) => closed.getEntry(key), ...change }));
  const { get, pool } = cachingNode(undefined, { hierarchy });
  expect([(await get(origin.url)).text, (await get(origin.url)).text]).toEqual(['1', '2']);
  expect(await (await pool.fetch(origin.url, { method: 'PUT' })).text()).toBe('3');
});

it('hands nothing out of the cache when the pool is closed', async () => {
  const origin = await counting({ 'cache-control': 'max-age=60' });
  const { get, pool } = cachingNode();
  await get(origin.url);
  await pool.close();
  await expect(pool.request(origin.url)).rejects.toThrow(PoolClosedError);
});

it('asks anew where a 304 confirms another response than the one that is kept', async () => {
  const origin = await counting({ 'cache-control': 'max-age=10', etag: '"a"' }, (request, response) => {
    if (request.headers['if-none-match'] === undefined) return false;
    response.writeHead(304, { etag: '"b"' }).end();
    return true;
  });
  atRest();
  const { get } = cachingNode();
  await get(origin.url);
  wait(11);
  expect((await get(origin.url)).text).toBe('3');
});

it('hands on what a PUT was answered only when the hierarchy has been told', async () => {
  const origin = await counting({});
  const order: string[] = [];
  const hierarchy = hierarchyWith(() => ({
    invalidateTags: async (tags) => {
      await (await request(origin.url)).body.dump();
      order.push(`told of ${tags}`);
    },
  }));
  const { pool } = cachingNode(undefined, { hierarchy });
  expect(await (await pool.fetch(`${origin.url}/a`, { method: 'PUT' })).text()).toBe('1');
  order.push('answered');
  expect(order.at(-1)).toBe('answered');
  expect(order).toContain(`told of ${origin.url}/a`);
});
