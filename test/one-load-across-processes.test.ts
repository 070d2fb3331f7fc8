import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { NodeProcess } from './support/node-process.js';

const KEYS = 1000;
const PROCESSES = 8;
/** Keys that all processes miss at the same time. */
const AT_ONCE = 50;

const nodes: NodeProcess[] = [];
const folders: string[] = [];

afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.close()));
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

async function start(backend: 'redis' | 'embedded', count: number): Promise<NodeProcess[]> {
  let where = process.env['TIERWISE_TEST_REDIS_URL'] ?? '';
  if (backend === 'embedded') {
    where = await mkdtemp(join(tmpdir(), 'tierwise-'));
    folders.push(where);
  }
  const namespace = randomUUID();
  const started = Array.from({ length: count }, () => new NodeProcess({ backend, where, namespace }));
  nodes.push(...started);
  await Promise.all(started.map((node) => node.ask('ready')));
  return started;
}

describe.each(['redis', 'embedded'] as const)('on %s', (backend) => {
  test(`${PROCESSES} processes miss ${KEYS} cold keys, each at the same time: exactly ${KEYS} loads (law 2)`, async () => {
    const processes = await start(backend, PROCESSES);
    for (let first = 0; first < KEYS; first += AT_ONCE) {
      const keys = Array.from({ length: AT_ONCE }, (_, n) => `k${first + n}`);
      const answers = await Promise.all(
        keys.map((key) =>
          Promise.all(processes.map((node) => node.ask<{ key: string; by: number }>('getOrSet', { key, loadMs: 5 }))),
        ),
      );
      for (const [index, answer] of answers.entries()) {
        expect(answer[0]?.key).toBe(keys[index]);
        // The same value everywhere: the one that the one load made.
        expect(new Set(answer.map(({ by }) => by)).size).toBe(1);
      }
    }
    const loads = await Promise.all(processes.map((node) => node.ask<number>('loads')));
    expect(loads.reduce((sum, each) => sum + each, 0)).toBe(KEYS);
  }, 60_000);
});
