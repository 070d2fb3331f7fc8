/** How long a response is fresh, and who may have it in spite of that (RFC 9111, 4.2 and 5.2), against an origin server. */
import { afterEach, expect, it, vi } from 'vitest';
import { cachingNode } from '../../../test/caching.js';
import { counting } from '../../../test/origin-server.js';

function atRest(): void {
  vi.useFakeTimers({ toFake: ['Date', 'performance', 'hrtime'] });
}

/** Both clocks go on: undici reads the wall's, a hierarchy its own. */
function wait(seconds: number): void {
  vi.advanceTimersByTime(seconds * 1_000);
}

afterEach(() => {
  vi.useRealTimers();
});

/** The time of the origin's clock, which is `seconds` before ours. */
const ago = (seconds: number): string => new Date(Date.now() - seconds * 1_000).toUTCString();

it.each([
  ['max-age', () => ({ 'cache-control': 'max-age=10' }), 10],
  ['s-maxage, which counts for shared caches', () => ({ 'cache-control': 'max-age=1, s-maxage=10' }), 10],
  ['Expires', () => ({ date: ago(0), expires: ago(-10) }), 10],
  ['max-age, in spite of Expires', () => ({ 'cache-control': 'max-age=10', expires: ago(5) }), 10],
  ['max-age without what was spent in other caches', () => ({ 'cache-control': 'max-age=60', age: '50' }), 10],
  ['max-age without the time on the way', () => ({ 'cache-control': 'max-age=60', date: ago(50) }), 10],
  ['max-age of an origin whose clock is ahead', () => ({ 'cache-control': 'max-age=10', date: ago(-3_600) }), 10],
  ['nothing: the origin’s clock is an hour behind', () => ({ 'cache-control': 'max-age=10', date: ago(3_600) }), 0],
  ['nothing: all was spent in other caches', () => ({ 'cache-control': 'max-age=10', age: '10' }), 0],
  ['nothing: Expires is over', () => ({ date: ago(0), expires: ago(1) }), 0],
  ['nothing: Expires is no date', () => ({ expires: '0' }), 0],
  ['nothing: max-age contradicts itself', () => ({ 'cache-control': 'max-age=ten' }), 0],
])('is fresh for %s', async (_what, headers, seconds) => {
  atRest();
  const origin = await counting(headers());
  const { get } = cachingNode();
  await get(origin.url);
  if (seconds > 0) {
    wait(seconds - 1);
    expect((await get(origin.url)).text).toBe('1');
    wait(2);
  }
  expect((await get(origin.url)).text).toBe('2');
});

it('says how old a response is, its time in other caches included', async () => {
  atRest();
  const origin = await counting({ 'cache-control': 'max-age=60', age: '20' });
  const { get } = cachingNode();
  expect((await get(origin.url)).headers.get('age')).toBe('20');
  wait(7);
  expect((await get(origin.url)).headers.get('age')).toBe('27');
});

it('is fresh as long as it was granted, though the wall clock is set back or ahead meanwhile', async () => {
  for (const jump of [-3_600, 3_600]) {
    atRest();
    const origin = await counting({ 'cache-control': 'max-age=10' });
    const { get } = cachingNode();
    await get(origin.url);
    wait(5);
    vi.setSystemTime(Date.now() + jump * 1_000);
    expect((await get(origin.url)).text).toBe('1');
    wait(6);
    expect((await get(origin.url)).text).toBe('2');
    vi.useRealTimers();
  }
});

it.each([
  ['max-age=5', 6, '2'],
  ['max-age=5', 4, '1'],
  ['max-age=0', 1, '2'],
  ['no-cache', 1, '2'],
  ['min-fresh=5', 6, '2'],
  ['min-fresh=5', 4, '1'],
  ['max-stale=5', 14, '1'],
  ['max-stale=5', 16, '2'],
])('a caller says what it takes: %s after %i s', async (directive, seconds, text) => {
  atRest();
  const origin = await counting({ 'cache-control': 'max-age=10, stale-if-error=100' });
  const { get } = cachingNode();
  await get(origin.url);
  wait(seconds);
  expect((await get(origin.url, { 'cache-control': directive })).text).toBe(text);
});

it('asks anew for a caller that says Pragma: no-cache', async () => {
  const origin = await counting({ 'cache-control': 'max-age=60' });
  const { get } = cachingNode();
  await get(origin.url);
  expect((await get(origin.url, { pragma: 'no-cache' })).text).toBe('2');
});

it('asks each time whether a response with no-cache still holds', async () => {
  const origin = await counting({ 'cache-control': 'no-cache, max-age=60', etag: '"a"' }, (request, response) => {
    if (request.headers['if-none-match'] !== '"a"') return false;
    response.writeHead(304).end();
    return true;
  });
  const { get } = cachingNode();
  for (let hits = 1; hits <= 3; hits++) {
    expect(await get(origin.url)).toMatchObject({ status: 200, text: '1' });
    expect(origin.hits.length).toBe(hits);
  }
});

it('validates by Last-Modified where there is no ETag', async () => {
  atRest();
  const modified = ago(1_000);
  const headers = { 'cache-control': 'max-age=10', 'last-modified': modified };
  const origin = await counting(headers, (request, response) => {
    if (request.headers['if-modified-since'] !== modified) return false;
    response.writeHead(304, headers).end();
    return true;
  });
  const { get } = cachingNode();
  await get(origin.url);
  wait(11);
  expect(await get(origin.url)).toMatchObject({ status: 200, text: '1' });
  wait(9);
  expect((await get(origin.url)).text).toBe('1');
  expect(origin.hits.length).toBe(2);
});

it.each(['must-revalidate', 'proxy-revalidate', 's-maxage=10'])(
  'never answers stale where %s forbids it',
  async (directive) => {
    atRest();
    const more = 'stale-while-revalidate=60, stale-if-error=60';
    const origin = await counting({ 'cache-control': `max-age=10, ${more}, ${directive}` }, (_request, response) => {
      if (origin.hits.length !== 2) return false;
      response.writeHead(503).end('down');
      return true;
    });
    const { get } = cachingNode();
    await get(origin.url);
    wait(11);
    expect(await get(origin.url, { 'cache-control': 'max-stale=60' })).toMatchObject({ status: 503, text: 'down' });
    expect((await get(origin.url)).text).toBe('3');
  },
);

it('hands what private and no-cache name to its first caller alone', async () => {
  const origin = await counting({
    'cache-control': 'max-age=60, private="x-ada", no-cache="x-token"',
    'x-ada': 'hers',
    'x-token': 'once',
  });
  const { get } = cachingNode();
  const first = await get(origin.url);
  const second = await get(origin.url);
  const named = ({ headers }: typeof first) => ['x-ada', 'x-token'].map((name) => headers.get(name));
  expect([first.text, named(first)]).toEqual(['1', ['hers', 'once']]);
  expect(named(second)).toEqual([null, null]);
});

it('keeps a redirect and where it leads, each by its own rules', async () => {
  const origin = await counting({ 'cache-control': 'max-age=60' }, (request, response) => {
    if (!request.url?.startsWith('/from')) return false;
    const kept = request.url === '/from-kept' ? { 'cache-control': 'max-age=60' } : {};
    response.writeHead(302, { location: '/to', ...kept }).end();
    return true;
  });
  const { get } = cachingNode();
  for (const path of ['/from-kept', '/from-kept', '/from', '/from']) {
    expect(await get(origin.url + path)).toMatchObject({ status: 200, text: '2' });
  }
  expect(origin.hits).toEqual(['GET /from-kept', 'GET /to', 'GET /from', 'GET /from']);
});
