/**
 * Requests per second through the HTTP pool, against bare undici with as many connections.
 *
 *   node bench/dist/http-pool.js [seconds per round] [rounds]
 *
 * The origin is a process of its own on loopback, which answers 1 KiB. The variants take turns, so that what the machine does beside hits
 * all of them, and the median of the rounds' ratios counts. Exits with 1 if the pool reaches less than 0.95 of bare undici.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { createHierarchy } from '@tierwise/hierarchy';
import { httpPool, responseCache } from '@tierwise/pools/http';
import { Agent, request } from 'undici';

const CONNECTIONS = 16;
const CALLERS = 64;
const LEAST_RATIO = 0.95;

if (process.argv[2] === 'origin') serve();
else await compare(1_000 * Number(process.argv[2] ?? 2), Number(process.argv[3] ?? 9));

function serve(): void {
  const body = Buffer.alloc(1_024, 'x');
  const server = createServer((asked, response) => {
    response.writeHead(200, asked.url === '/kept' ? { 'cache-control': 'max-age=3600' } : {}).end(body);
  });
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
}

async function compare(roundMs: number, rounds: number): Promise<void> {
  const origin = fork(fileURLToPath(import.meta.url), ['origin']);
  const [port] = await once(origin, 'message');
  const url = `http://127.0.0.1:${port}/`;
  const bare = new Agent({ connections: CONNECTIONS });
  const pool = httpPool({ connections: CONNECTIONS });
  const hierarchy = createHierarchy({ namespace: 'bench' });
  const caching = httpPool({ connections: CONNECTIONS, cache: responseCache({ hierarchy }) });
  const variants = {
    'bare undici': () => request(url, { dispatcher: bare }),
    'the pool': () => pool.request(url),
    'the pool with a cache, hits': () => caching.request(`${url}kept`),
  };
  const rates: Record<string, number[]> = {};
  for (let round = -1; round < rounds; round++) {
    for (const [name, ask] of Object.entries(variants)) {
      const rate = await perSecond(ask, roundMs);
      // The first round only warms up.
      if (round >= 0) rates[name] = [...(rates[name] ?? []), rate];
    }
  }
  const base = rates['bare undici'] ?? [];
  let ratioOfPool = 0;
  for (const [name, own] of Object.entries(rates)) {
    const ratio = median(own.map((rate, round) => rate / (base[round] ?? 0)));
    if (name === 'the pool') ratioOfPool = ratio;
    console.log(`${name}: ${Math.round(median(own))} requests/s, ${ratio.toFixed(3)} of bare undici`);
  }
  await Promise.all([bare.close(), pool.close(), caching.close()]);
  await hierarchy.close();
  origin.kill();
  if (ratioOfPool < LEAST_RATIO) process.exitCode = 1;
}

async function perSecond(ask: () => ReturnType<typeof request>, ms: number): Promise<number> {
  const since = performance.now();
  let count = 0;
  const caller = async () => {
    while (performance.now() - since < ms) {
      const { body } = await ask();
      await body.arrayBuffer();
      count++;
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return (count / (performance.now() - since)) * 1_000;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
