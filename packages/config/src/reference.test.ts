import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  type BreakerChoice,
  createHierarchy,
  type HierarchyOptions,
  type IncidentOptions,
  type L1Options,
  type LeaseOptions,
  type MemoryOptions,
  type ReconfigureOptions,
  type SnapshotOptions,
} from '@tierwise/hierarchy';
import type { FileJournalOptions } from '@tierwise/journal';
import type { EmbeddedL2Options } from '@tierwise/l2-embedded';
import type { RedisL2Options } from '@tierwise/l2-redis';
import { describe, expect, onTestFinished, test } from 'vitest';
import { configJsonSchema, OPTION_LIST } from './index.js';
import { namesAt } from './schema/reference.js';

/** Where each option of a package is configured; `code`: only code can give it. What is missing here does not compile. */
type Places<T> = Record<keyof T, string>;

const HIERARCHY: Places<HierarchyOptions> = {
  namespace: 'namespace',
  l1: 'l1',
  l2: 'l2',
  ttl: 'ttl',
  ttlJitter: 'ttlJitter',
  negativeTtl: 'negativeTtl',
  staleWhileRevalidate: 'staleWhileRevalidate',
  staleIfError: 'staleIfError',
  loadBackoff: 'loadBackoff',
  refreshAhead: 'refreshAhead',
  loadTimeout: 'loadTimeout',
  maxStaleness: 'maxStaleness',
  l2Timeout: 'l2Timeout',
  l2MaxInFlight: 'l2MaxInFlight',
  breaker: 'breaker',
  journal: 'journal',
  replay: 'replay',
  lease: 'lease',
  compression: 'compression',
  encryption: 'encryption',
  returns: 'returns',
  validation: 'validation',
  incidents: 'incidents',
  snapshot: 'snapshot',
  tuning: 'tuning',
  closeTimeout: 'closeTimeout',
  instrumentation: 'code',
  correlationId: 'code',
  clock: 'code',
};

const REDIS: Places<RedisL2Options> = {
  url: 'l2.redis.url',
  redis: 'l2.redis.host',
  client: 'code',
  pool: 'l2.redis.pool',
  sentinel: 'l2.redis.sentinel',
  cluster: 'l2.redis.cluster',
  reissue: 'l2.redis.reissue',
  waitReplicas: 'l2.redis.waitReplicas',
  commandTimeout: 'l2.redis.commandTimeout',
  connectTimeout: 'l2.redis.connectTimeout',
  minReconnectDelay: 'l2.redis.minReconnectDelay',
  maxReconnectDelay: 'l2.redis.maxReconnectDelay',
  heartbeatInterval: 'l2.redis.heartbeatInterval',
  tracking: 'l2.redis.tracking',
  colocate: 'code',
  now: 'code',
};

const EMBEDDED: Places<EmbeddedL2Options> = {
  dir: 'l2.embedded.dir',
  maxBytes: 'l2.embedded.maxBytes',
  sweepInterval: 'l2.embedded.sweepInterval',
  durability: 'l2.embedded.durability',
  callTimeout: 'l2.embedded.callTimeout',
  pollInterval: 'l2.embedded.pollInterval',
  clock: 'code',
};

const JOURNAL: Places<FileJournalOptions> = {
  directory: 'journal.directory',
  fsync: 'journal.fsync',
  fsyncInterval: 'journal.fsyncInterval',
  segmentBytes: 'journal.segmentBytes',
  maxBytes: 'journal.maxBytes',
  maxAge: 'journal.maxAge',
  memory: 'journal.memory',
  timeout: 'journal.timeout',
};

const L1: Places<L1Options> = {
  maxEntries: 'l1.maxEntries',
  maxBytes: 'l1.maxBytes',
  ttl: 'l1.ttl',
  policy: 'l1.policy',
};

const LEASE: Places<LeaseOptions> = { ttl: 'lease.ttl', wait: 'lease.wait' };

const BREAKER: Places<BreakerChoice> = { failures: 'breaker.failures', openFor: 'breaker.openFor' };

const SNAPSHOT: Places<SnapshotOptions> = {
  file: 'snapshot.file',
  onSigterm: 'snapshot.onSigterm',
  restoreOnStart: 'snapshot.restoreOnStart',
  ttl: 'snapshot.ttl',
};

const INCIDENTS: Places<IncidentOptions> = {
  enabled: 'incidents.enabled',
  handlers: 'code',
  warnEvery: 'incidents.warnEvery',
  window: 'incidents.window',
  quiet: 'incidents.quiet',
  history: 'incidents.history',
  l2Slow: 'incidents.l2Slow',
  loadFailing: 'incidents.loadFailing',
  evictionsHigh: 'incidents.evictionsHigh',
  memory: 'incidents.memory',
};

const MEMORY: Places<MemoryOptions> = {
  high: 'incidents.memory.high',
  low: 'incidents.memory.low',
  floor: 'incidents.memory.floor',
  interval: 'incidents.memory.interval',
  measure: 'code',
};

describe('the schema has every option that there is', () => {
  test.each([
    ['the hierarchy', HIERARCHY],
    ['Redis', REDIS],
    ['the embedded L2', EMBEDDED],
    ['the journal', JOURNAL],
    ['L1', L1],
    ['leases', LEASE],
    ['the breaker', BREAKER],
    ['snapshots', SNAPSHOT],
    ['incidents', INCIDENTS],
    ['memory', MEMORY],
  ])('of %s', (_, places) => {
    const configured = Object.values(places).filter((place) => place !== 'code');
    const known = configured.filter((place) =>
      OPTION_LIST.some(({ path }) => path === place || path.startsWith(`${place}.`)),
    );
    expect(known).toEqual(configured);
  });

  test('and of the hierarchy no other', () => {
    const others = ['profile', 'telemetry'];
    const names = namesAt('').filter((name) => !others.includes(name));
    expect(names.sort()).toEqual(
      Object.values(HIERARCHY)
        .filter((place) => place !== 'code')
        .sort(),
    );
  });
});

test('the defaults that are documented are those that hold', async () => {
  const cache = createHierarchy({ namespace: 'defaults', incidents: { enabled: true } });
  onTestFinished(() => cache.close());
  const others: ReconfigureOptions = {
    ttl: 1,
    ttlJitter: 1,
    staleWhileRevalidate: 1,
    staleIfError: 1,
    loadBackoff: { first: 1, max: 5 },
    refreshAhead: 0.1,
    loadTimeout: { hard: 1, late: 1 },
    l1: { maxEntries: 1, maxBytes: 1 },
    lease: { ttl: 10, wait: 1 },
    maxStaleness: 1,
    l2Timeout: 1,
    l2MaxInFlight: 1,
    breaker: { failures: 1, openFor: 1 },
    closeTimeout: 1,
    validation: 'relaxed',
    incidents: { enabled: false, warnEvery: 1 },
    snapshot: { ttl: 1 },
  };
  const documented = Object.fromEntries(OPTION_LIST.map(({ path, byDefault }) => [path, byDefault]));
  const inForce = cache.reconfigure(others).before;
  const given = Object.fromEntries(Object.keys(inForce).map((path) => [path, documented[path]]));
  cache.reconfigure(nested(given));
  expect(cache.reconfigure(others).before).toEqual(inForce);
  expect(Object.keys(inForce)).toHaveLength(23);
});

test('each option has a variable of its own', () => {
  const variables = OPTION_LIST.flatMap(({ variable, legacy }) => [variable, ...(legacy ? [legacy.name] : [])]);
  expect(new Set(variables).size).toBe(variables.length);
  for (const { variable } of OPTION_LIST) expect(variable).toMatch(/^TIERWISE_[A-Z0-9_]+$/);
});

test('the JSON schema describes every option, and nothing but options', () => {
  const described: string[] = [];
  type Node = { description?: string; properties?: Record<string, Node>; anyOf?: Node[] };
  const visit = (node: Node, path: string) => {
    if (node.description !== undefined && path !== '') described.push(path);
    for (const part of [node, ...(node.anyOf ?? [])]) {
      for (const [name, each] of Object.entries(part.properties ?? {}))
        visit(each, path === '' ? name : `${path}.${name}`);
    }
  };
  visit(configJsonSchema() as Node, '');
  expect(described.sort()).toEqual([...OPTION_LIST.map(({ path }) => path), '$schema'].sort());
});

test('docs/configuration.md and tierwise.schema.json are what the schema says', async () => {
  const root = join(import.meta.dirname, '../../..');
  const check = promisify(execFile)(process.execPath, [join(root, 'scripts/config-docs.mjs'), '--check']);
  await expect(check).resolves.toMatchObject({ stdout: '' });
  const page = await readFile(join(root, 'docs/configuration.md'), 'utf8');
  for (const { path, variable } of OPTION_LIST) {
    const row = page.split('\n').find((line) => line.startsWith(`| \`${path}\` |`));
    expect(row, path).toContain(`\`${variable}\``);
  }
});

function nested(settings: Readonly<Record<string, unknown>>): ReconfigureOptions {
  const root: Record<string, Record<string, unknown>> = {};
  for (const [path, value] of Object.entries(settings)) {
    const [group = '', part] = path.split('.');
    if (part === undefined) root[group] = value as never;
    else root[group] = { ...root[group], [part]: value };
  }
  return root as ReconfigureOptions;
}
