/** What users of undici and of the global fetch rely on works through the pool. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { Agent, getGlobalDispatcher, request, setGlobalDispatcher, Request as UndiciRequest, upgrade } from 'undici';
import { expect, it, onTestFinished } from 'vitest';
import { originServer } from '../../test/origin-server.js';
import { PoolClosedError } from '../index.js';
import { type HttpPool, httpPool } from './index.js';

function open(): HttpPool {
  const pool = httpPool();
  onTestFinished(() => pool.close({ deadline: 0 }));
  return pool;
}

/** Answers with what it was sent. */
function echo() {
  return originServer((request, response) => {
    void text(request).then((body) =>
      response.setHeader('x-method', String(request.method)).end(`${request.headers['content-type']}: ${body}`),
    );
  });
}

it.each([
  ['the global', globalThis.Request],
  ['undici’s', UndiciRequest as unknown as typeof globalThis.Request],
])('fetches %s Request, with its method, headers and body', async (_whose, RequestClass) => {
  const origin = await echo();
  const { fetch } = open();
  const headers = { 'content-type': 'text/x-test' };
  const response = await fetch(new RequestClass(origin.url, { method: 'PUT', body: 'sent', headers }));
  expect([response.headers.get('x-method'), await response.text()]).toEqual(['PUT', 'text/x-test: sent']);
  const instead = await fetch(new RequestClass(origin.url, { method: 'PUT', body: 'sent' }), {
    body: 'other',
    headers,
  });
  expect(await instead.text()).toBe('text/x-test: other');
});

it('the signal of a global Request ends its fetch', async () => {
  const caller = new AbortController();
  const origin = await originServer(() => caller.abort(new Error('enough')));
  await expect(open().fetch(new Request(origin.url, { signal: caller.signal }))).rejects.toThrow('enough');
});

it('sends forms, parameters, blobs and streams of the platform', async () => {
  const origin = await echo();
  const { fetch } = open();
  const send = async (body: NonNullable<globalThis.RequestInit['body']>) =>
    (await fetch(origin.url, { method: 'POST', body, duplex: 'half' } as globalThis.RequestInit)).text();
  const form = new FormData();
  form.append('who', 'ada');
  form.append('file', new Blob(['content'], { type: 'text/plain' }), 'a.txt');
  const sent = await send(form);
  expect(sent).toMatch(/^multipart\/form-data; boundary=/);
  expect(sent).toContain('name="who"\r\n\r\nada\r\n');
  expect(sent).toContain('name="file"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\ncontent\r\n');
  expect(await send(new URLSearchParams({ a: '1' }))).toBe('application/x-www-form-urlencoded;charset=UTF-8: a=1');
  expect(await send(new Blob(['b'], { type: 'text/b' }))).toBe('text/b: b');
  expect(await send(new Blob(['s']).stream())).toBe('undefined: s');
});

it('follows redirects, and leaves them to who wants them', async () => {
  const origin = await originServer((request, response) => {
    if (request.url === '/from') response.writeHead(302, { location: '/to' }).end();
    else response.end('there');
  });
  const { fetch } = open();
  const followed = await fetch(`${origin.url}/from`);
  expect([followed.redirected, new URL(followed.url).pathname, await followed.text()]).toEqual([true, '/to', 'there']);
  expect((await fetch(`${origin.url}/from`, { redirect: 'manual' })).status).toBe(302);
  await expect(fetch(`${origin.url}/from`, { redirect: 'error' })).rejects.toThrow(TypeError);
});

it('is a dispatcher like any: stream, pipeline, upgrade, interceptors, the global one', async () => {
  const origin = await echo();
  const upgrading = createServer().on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n');
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => upgrading.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void upgrading.close());
  const { port } = upgrading.address() as AddressInfo;
  const pool = open();
  const { dispatcher } = pool;
  const own = { origin: origin.url, path: '/', method: 'POST' } as const;

  let streamed: Promise<string> | undefined;
  await dispatcher.stream({ ...own, body: 'a' }, () => {
    const sink = new PassThrough();
    streamed = text(sink);
    return sink;
  });
  expect(await streamed).toBe('undefined: a');

  const pipeline = dispatcher.pipeline(own, ({ body }) => body);
  pipeline.end('b');
  expect(await text(pipeline)).toBe('undefined: b');

  const { socket } = await upgrade(`http://127.0.0.1:${port}`, { protocol: 'test', dispatcher });
  const back = text(socket);
  socket.end('c');
  expect(await back).toBe('c');

  const tagging = dispatcher.compose((dispatch) => (options, handler) => {
    return dispatch({ ...options, headers: { 'content-type': 'text/tagged' } }, handler);
  });
  expect(await (await tagging.request({ ...own, body: 'd' })).body.text()).toBe('text/tagged: d');

  const before = getGlobalDispatcher();
  onTestFinished(() => setGlobalDispatcher(before));
  expect(before).toBeInstanceOf(Agent);
  setGlobalDispatcher(dispatcher);
  expect(await (await request(origin.url, { method: 'POST', body: 'e' })).body.text()).toBe('undefined: e');
  expect(pool.stats()[origin.url]).toMatchObject({ borrowed: 0, waiting: 0, statuses: { '2xx': 4 } });
});

it.each(['close', 'destroy'] as const)('%s of the dispatcher closes the pool', async (how) => {
  const origin = await echo();
  const pool = open();
  await (await pool.fetch(origin.url)).text();
  const ended = new Promise<void>((resolve) => pool.dispatcher[how](resolve));
  await ended;
  await pool.dispatcher[how]();
  await expect(pool.request(origin.url)).rejects.toThrow(PoolClosedError);
  await pool.close();
  expect(origin.hits.length).toBe(1);
  expect(pool.stats()[origin.url]?.size).toBe(0);
});

it('destroy of the dispatcher does not wait for what is under way', async () => {
  const pool = open();
  let reached = (): void => {};
  const asked = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const origin = await originServer(() => reached());
  const call = pool.request(origin.url).catch((error) => error);
  await asked;
  await pool.dispatcher.destroy();
  expect(await call).toBeInstanceOf(PoolClosedError);
});

it.each(['object', 'raw'] as const)(
  'hands on the headers, trailers and status of an answer as undici alone does: %s',
  async (responseHeaders) => {
    const origin = await originServer((_, response) => {
      response.writeHead(299, 'odd', { 'set-cookie': ['a=1', 'b=2'], 'x-latin': 'é', date: 'now', trailer: 'x-end' });
      response.write('body');
      response.addTrailers({ 'x-end': 'over' });
      response.end();
    });
    const bare = new Agent();
    onTestFinished(() => bare.destroy());
    const answers = [open().dispatcher, bare].map(async (dispatcher) => {
      // As undici's own `request` is called, whose type does not know `responseHeaders`.
      const answer = await request(origin.url, { dispatcher, responseHeaders } as Parameters<typeof request>[1]);
      const { statusCode, headers, trailers, body } = answer;
      return {
        statusCode,
        statusText: (answer as { statusText?: string }).statusText,
        headers,
        text: await body.text(),
        trailers,
      };
    });
    const [ours, theirs] = await Promise.all(answers);
    expect(ours).toEqual(theirs);
    expect([ours?.text, ours?.trailers]).toEqual(['body', { 'x-end': 'over' }]);
  },
);
