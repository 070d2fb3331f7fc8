import { MemoryStore } from '@tierwise/l2/memory';
import { expect, it } from 'vitest';
import { type CachingNode, cachingNode } from '../../../test/caching.js';
import { originServer } from '../../../test/origin-server.js';
import { mayBeShared } from './privacy.js';

/** Answers with who asks, as its `Authorization` or `Cookie` says. */
function personal(headers: Record<string, string>) {
  return originServer((request, response) => {
    const who = request.headers.authorization ?? request.headers.cookie ?? 'nobody';
    response.writeHead(200, headers).end(`for ${who}`);
  });
}

/** Each user asks from each of two nodes, twice. */
async function leaks(
  url: string,
  header: 'authorization' | 'cookie',
  nodes: readonly CachingNode[],
): Promise<string[]> {
  const wrong: string[] = [];
  for (const who of ['ada', 'bob', 'nobody', 'ada', 'bob', 'nobody']) {
    for (const node of nodes) {
      const { text } = await node.get(url, who === 'nobody' ? {} : { [header]: who });
      if (text !== `for ${who}`) wrong.push(`${who} got what was ${text}`);
    }
  }
  return wrong;
}

function twoNodes(): CachingNode[] {
  const store = new MemoryStore();
  return [cachingNode(store), cachingNode(store)];
}

it.each([
  ['Authorization', 'max-age=60', 'authorization'],
  ['Authorization, private', 'private, max-age=60', 'authorization'],
  ['Cookie', 'max-age=60', 'cookie'],
  ['Cookie, private', 'private, max-age=60', 'cookie'],
] as const)('nobody gets what was answered to another: %s', async (_what, directives, header) => {
  const origin = await personal({ 'cache-control': directives, ...(directives.includes('private') ? {} : {}) });
  const nodes = twoNodes();
  // Nobody's own response may be kept, and is no secret: users are asked about among themselves.
  const wrong = (await leaks(origin.url, header, nodes)).filter((text) => !text.endsWith('for nobody'));
  expect(wrong).toEqual([]);
});

it.each(['Authorization', 'Cookie'] as const)('keeps a response for each user with Vary: %s', async (name) => {
  const origin = await personal({ 'cache-control': 'public, max-age=60', vary: name });
  expect(await leaks(origin.url, name === 'Cookie' ? 'cookie' : 'authorization', twoNodes())).toEqual([]);
  expect(origin.hits.length).toBe(3);
});

it('never keeps a Set-Cookie, nor the response around it', async () => {
  let session = 0;
  const origin = await originServer((_request, response) => {
    session++;
    response.writeHead(200, { 'cache-control': 'public, max-age=60', 'set-cookie': `session=${session}` }).end();
  });
  const nodes = twoNodes();
  const seen = [];
  for (const node of [...nodes, ...nodes]) seen.push((await node.get(origin.url)).headers.get('set-cookie'));
  expect(seen).toEqual(['session=1', 'session=2', 'session=3', 'session=4']);
});

it('gives two callers who ask at once each a session of their own', async () => {
  let session = 0;
  const origin = await originServer((_request, response) => {
    session++;
    response.writeHead(200, { 'cache-control': 'max-age=60', 'set-cookie': `session=${session}` }).end();
  });
  const { get } = cachingNode();
  const seen = await Promise.all([get(origin.url), get(origin.url)]);
  expect(new Set(seen.map(({ headers }) => headers.get('set-cookie'))).size).toBe(2);
});

it('shares what was answered to one user if the origin says that it is for everybody', async () => {
  const origin = await personal({ 'cache-control': 'public, max-age=60' });
  const { get } = cachingNode();
  await get(origin.url, { authorization: 'ada' });
  expect((await get(origin.url, { authorization: 'bob' })).text).toBe('for ada');
});

const now = { cachedAt: 0, staleAt: 1, deleteAt: 1 };
const response = { statusCode: 200, statusMessage: 'OK', headers: {}, ...now };
const request = { origin: 'http://a', path: '/', method: 'GET', headers: {} };

it.each([
  [{ headers: { 'set-cookie': 'a=b' } }, {}, false],
  [{ cacheControlDirectives: { private: true } }, {}, false],
  [{ cacheControlDirectives: { 'no-store': true } }, {}, false],
  [{}, { authorization: 'a' }, false],
  [{ cacheControlDirectives: { 'must-revalidate': true } }, { authorization: 'a' }, true],
  [{ cacheControlDirectives: { 's-maxage': 1 } }, { authorization: 'a' }, true],
  [{}, { cookie: 'a=b' }, false],
  [{ vary: { cookie: 'a=b' } }, { cookie: 'a=b' }, true],
  [{ cacheControlDirectives: { public: true } }, { cookie: 'a=b' }, true],
  [{}, {}, true],
] as const)('asks for itself, whatever undici thinks: %j, asked with %j: %j', (value, headers, shared) => {
  expect(mayBeShared({ ...request, headers }, { ...response, ...value } as never)).toBe(shared);
});
