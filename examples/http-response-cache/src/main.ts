/**
 * Two processes fetch from one origin, and share what they got.
 *
 *   node examples/http-response-cache/dist/main.js [redis://host:port]
 *
 * Without a Redis, what is kept lies in a directory that both share.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startOrigin } from './origin.js';
import type { Answer, Order } from './service.js';

const [redis] = process.argv.slice(2);
const place = redis ?? (await mkdtemp(join(tmpdir(), 'tierwise-http-')));
const namespace = `http-${randomUUID()}`;
const origin = await startOrigin();
const program = fileURLToPath(new URL('service.js', import.meta.url));
const services = [1, 2].map(() => fork(program, [place, namespace]));

async function tell(number: 1 | 2, method: string, path: string, headers: Record<string, string> = {}): Promise<void> {
  const service = services[number - 1] as ChildProcess;
  const order: Order = { method, url: origin.url + path, headers };
  const hitsBefore = origin.hits();
  service.send(order);
  const [{ status, text }] = (await once(service, 'message')) as [Answer];
  const asked = origin.hits() > hitsBefore ? 'the origin' : 'the cache';
  const who = headers['cookie'] === undefined ? '' : ` as ${headers['cookie']}`;
  console.log(`process ${number} ${method} ${path}${who}: ${status} ${text} from ${asked}`);
}

await tell(1, 'GET', '/price');
await tell(1, 'GET', '/price');
await tell(2, 'GET', '/price');
await tell(2, 'PUT', '/price');
await tell(1, 'GET', '/price');
await tell(2, 'GET', '/price');
await tell(1, 'GET', '/account', { cookie: 'ada' });
await tell(2, 'GET', '/account', { cookie: 'bob' });
console.log(`the origin was asked ${origin.hits()} times`);

const ends = services.map((service) => once(service, 'exit'));
for (const service of services) service.disconnect();
await Promise.all(ends);
await origin.stop();
if (redis === undefined) await rm(place, { recursive: true });
