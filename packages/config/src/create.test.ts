import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { context, trace } from '@opentelemetry/api';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { type Clock, type Hierarchy, systemClock } from '@tierwise/hierarchy';
import { Redis } from 'ioredis';
import { register } from 'prom-client';
import { expect, onTestFinished, test, vi } from 'vitest';
import { type CodeOptions, ConfigError, createHierarchyFromConfig, loadConfig, type TierwiseConfig } from './index.js';
import { importOptional } from './optional.js';

const redisUrl = process.env.TIERWISE_TEST_REDIS_URL ?? '';
let made = 0;

/** A hierarchy of a namespace of its own, from code alone. */
async function create(config: TierwiseConfig, code?: CodeOptions): Promise<Hierarchy> {
  made += 1;
  const namespace = config.namespace ?? `config-${process.pid}-${made}`;
  const loading = { code: { namespace, ...config }, environment: false, file: false } as const;
  const cache = await createHierarchyFromConfig(loading, code);
  onTestFinished(() => cache.close());
  return cache;
}

async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'tierwise-config-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

test('what is configured is in force', async () => {
  const cache = await create({ profile: 'paranoia', ttl: '5m', loadTimeout: '7s', incidents: { enabled: false } });
  await cache.set('k', 1);
  expect((await cache.getEntry('k'))?.freshMs).toBeGreaterThan(299_000);
  await expect(cache.set('k ', 1)).rejects.toMatchObject({ code: 'ERR_TIERWISE_INVALID_KEY' });
  const changes = { l1: { maxEntries: 1, maxBytes: 1 }, loadTimeout: '1s', incidents: { enabled: true } } as const;
  expect(cache.reconfigure(changes).before).toEqual({
    'l1.maxEntries': 10_000,
    'l1.maxBytes': 10 * 1024 * 1024,
    'loadTimeout.hard': 7000,
    'incidents.enabled': false,
  });
});

test('a loaded configuration can be handed on', async () => {
  const loaded = await loadConfig({ code: { namespace: 'handed-on' }, environment: {}, file: false });
  const cache = await createHierarchyFromConfig(loaded);
  onTestFinished(() => cache.close());
  expect(cache.name).toBe('handed-on');
});

test('without a word in the configuration, variables of the process say nothing behind its back', async () => {
  vi.stubEnv('INCIDENT_RESPONSE_ENABLED', 'false');
  onTestFinished(() => void vi.unstubAllEnvs());
  const cache = await create({});
  expect(cache.reconfigure({ incidents: { enabled: false } }).before).toEqual({ 'incidents.enabled': true });
});

/** What one hierarchy stores, another one finds in L2. */
async function meetInL2(config: TierwiseConfig): Promise<Hierarchy> {
  const namespace = `config-l2-${process.pid}-${made}`;
  const [a, b] = [await create({ ...config, namespace }), await create({ ...config, namespace })];
  await Promise.all([a.ready(), b.ready()]);
  await a.set('k', 'value', { tags: ['t'] });
  expect(await b.getEntry('k')).toMatchObject({ value: 'value', tier: 'l2' });
  await a.invalidateTags(['t']);
  await vi.waitFor(() => expect(b.peek('k')).toBeUndefined());
  return a;
}

test('Redis by its URL, encrypted, with every limit set', async () => {
  const key = '07'.repeat(32);
  await meetInL2({
    encryption: { keys: [`a:${key}`, { id: 'b', key }], hideNames: { key } },
    l2: {
      redis: {
        url: redisUrl,
        keyPrefix: 'configured:',
        commandTimeout: '3s',
        minReconnectDelay: 20,
        reissue: { count: 10, age: '1m' },
        heartbeatInterval: '1s',
        tracking: true,
      },
    },
  });
  const client = new Redis(redisUrl);
  const found = await client.keys('configured:*');
  client.disconnect();
  expect(found.length).toBeGreaterThan(0);
});

test('Redis by host and port, nothing done again after a failover', async () => {
  const { hostname, port, username, password } = new URL(redisUrl);
  const login = { ...(username && { username }), ...(password && { password }) };
  await meetInL2({ l2: { redis: { host: hostname, port: Number(port), ...login, db: 0, reissue: false } } });
});

test('Redis by a pool, which is closed with the hierarchy', async () => {
  const cache = await meetInL2({ l2: { redis: { url: redisUrl, pool: { shared: 2, max: 4, idleTimeout: '1m' } } } });
  await cache.close();
  await cache.close();
  await expect(cache.get('k')).rejects.toMatchObject({ code: 'ERR_TIERWISE_CLOSED' });
});

test('the embedded L2', async () => {
  await meetInL2({
    l2: { embedded: { dir: join(await directory(), 'store'), maxBytes: '10mb', sweepInterval: '1m' } },
  });
});

test('of two that are configured, the one to be used; none, if that is said', async () => {
  const dir = join(await directory(), 'store');
  const l2 = { redis: { url: 'redis://localhost:1' }, embedded: { dir } };
  await (await create({ l2: { ...l2, use: 'embedded' } })).ready();
  const without = await create({ l2: { ...l2, use: 'none' } });
  expect(await without.get('k')).toBeUndefined();
});

test('a journal on disk, unless it is off or nowhere', async () => {
  const path = await directory();
  const redis = { url: 'redis://127.0.0.1:1', connectTimeout: '100ms' } as const;
  const base = { l2: { redis }, l2Timeout: '200ms', closeTimeout: '100ms', incidents: { enabled: false } } as const;
  const cache = await create({
    ...base,
    journal: { directory: join(path, 'on'), memory: { maxBytes: '1mb' }, maxAge: '1d' },
  });
  await cache.set('k', 1);
  expect(cache.stats().outbox).toMatchObject({ items: 1, journal: expect.anything() });
  expect(await readdir(path)).toEqual(['on']);
  const off = await create({ ...base, journal: { enabled: false, directory: join(path, 'off') } });
  await off.set('k', 1);
  expect(off.stats().outbox).toMatchObject({ items: 1, journal: undefined });
  const none = await create({ ...base, journal: false });
  await expect(none.set('k', 1)).rejects.toMatchObject({ code: 'ERR_TIERWISE_L2_FAILED' });
  expect(await readdir(path)).toEqual(['on']);
});

test('what code leaves undefined stays as it is configured', async () => {
  const path = await directory();
  const code = { l2: undefined, journal: undefined, ttl: undefined } as never;
  const cache = await create(
    { ttl: '5m', l2: { embedded: { dir: join(path, 'l2') } }, journal: { directory: path } },
    code,
  );
  await cache.ready();
  expect(cache.stats().outbox.journal).toBeDefined();
  expect((await cache.health()).l2).toMatchObject({ status: 'up' });
  expect(cache.reconfigure({ ttl: 1 }).before).toEqual({ ttl: 300_000 });
});

test('metrics are registered, and gone with the hierarchy', async () => {
  const cache = await create({ namespace: 'measured', telemetry: { prometheus: { enabled: true } } });
  await cache.set('k', 1);
  expect(await register.metrics()).toContain('measured');
  await cache.close();
  expect(await register.metrics()).not.toContain('measured');
});

test('several hierarchies of a process are measured together, until the last of them is closed', async () => {
  const telemetry = { prometheus: { enabled: true } } as const;
  const [a, b] = [await create({ namespace: 'first', telemetry }), await create({ namespace: 'second', telemetry })];
  await a.close();
  const text = await register.metrics();
  expect(text).not.toContain('"first"');
  expect(text).toContain('"second"');
  const other = create({ namespace: 'third', telemetry: { prometheus: { enabled: true, legacyNames: true } } });
  await expect(other).rejects.toMatchObject({ problems: [{ code: 'invalid', option: 'telemetry.prometheus' }] });
  await b.close();
  expect(await register.metrics()).toBe('\n');
});

test('metrics of a hierarchy that did not come about are none', async () => {
  const telemetry = { prometheus: { enabled: true } } as const;
  await expect(create({ telemetry }, { ttl: -1 })).rejects.toThrow('ttl');
  await expect(create({ telemetry: { prometheus: { enabled: true, maxNamespaces: 5 } } })).resolves.toBeDefined();
});

test('spans and log lines are made as configured, and end with the hierarchy', async () => {
  const exporter = new InMemorySpanExporter();
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  provider.register();
  onTestFinished(async () => {
    await provider.shutdown();
    trace.disable();
    context.disable();
  });
  const lines: [object, string][] = [];
  const note = (fields: object, message: string) => void lines.push([fields, message]);
  const logger = { debug: note, info: note, warn: note, error: note };
  const telemetry = { opentelemetry: { enabled: true }, keys: 'plain' } as const;
  const cache = await create({ telemetry }, { logger });
  await cache.getOrSet('k', () => 1);
  await cache.set('k', 2);
  expect(exporter.getFinishedSpans().map(({ attributes }) => attributes['tierwise.key'])).toEqual(['k', 'k']);
  expect(lines).toContainEqual([expect.objectContaining({ event: 'set', key: 'k' }), 'tierwise: set']);
  const silent = await create({ telemetry: { logging: false } }, { logger });
  const before = lines.length;
  await silent.set('k', 1);
  expect(lines).toHaveLength(before);
  await expect(create({ telemetry: { logging: { enabled: true } } })).rejects.toMatchObject({
    problems: [{ code: 'missing', option: 'telemetry.logging' }],
  });
});

test('what only code can give goes before what is configured', async () => {
  const seen: number[] = [];
  const clock: Clock = { ...systemClock, now: () => seen.push(1) };
  const cache = await create(
    { ttl: '5m', l2: { redis: { url: 'redis://127.0.0.1:1' } } },
    { clock, ttl: '1m', l2: undefined as never },
  );
  await cache.set('k', 1);
  expect(seen.length).toBeGreaterThan(0);
  expect(cache.reconfigure({ ttl: '2m' }).before).toEqual({ ttl: 60_000 });
});

test('a package that is not installed is told by what asks for it', async () => {
  const missing = importOptional('@tierwise/not-there/part', 'l2.there is configured', 'l2.there');
  await expect(missing).rejects.toBeInstanceOf(ConfigError);
  await expect(missing).rejects.toMatchObject({
    problems: [
      {
        code: 'package',
        option: 'l2.there',
        message: expect.stringMatching(/@tierwise\/not-there\/part is not installed$/),
      },
    ],
  });
});
