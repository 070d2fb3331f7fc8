import { execFileSync, spawnSync } from 'node:child_process';
import { channel } from 'node:diagnostics_channel';
import { createHierarchy, type Hierarchy, type HierarchyOptions, InvalidOptionError } from '@tierwise/hierarchy';
import { memoryL2 } from '@tierwise/l2/memory';
import { ConnectionPool } from '@tierwise/pools';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { parseExposition } from '../../test/exposition.js';
import { type Metrics, type MetricsOptions, prometheusMetrics } from './index.js';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

function exporting(options: MetricsOptions = {}) {
  const registry = new Registry();
  const metrics: Metrics = prometheusMetrics({ registry, ...options });
  open.push(metrics);
  const scrape = async () => parseExposition(await registry.metrics());
  const value = async (sample: string) => (await scrape()).samples.get(sample);
  return { registry, metrics, scrape, value };
}

function hierarchy(options: Partial<HierarchyOptions> = {}): Hierarchy {
  const cache = createHierarchy({ namespace: 'shop', l2: memoryL2(), incidents: { enabled: false }, ...options });
  open.push(cache);
  return cache;
}

describe('what is exported', () => {
  test('reads by tier and outcome, loads by outcome, writes and evictions, of each namespace', async () => {
    const { metrics, scrape } = exporting();
    const cache = hierarchy({ l1: { maxEntries: 2 } });
    metrics.watch(cache);
    await cache.getOrSet('a', () => 1);
    await cache.get('a');
    await cache.getOrSet('none', () => undefined);
    await cache.getOrSet('fails', () => Promise.reject(new Error('no'))).catch(() => {});
    await cache.set('b', 1);
    await cache.set('c', 1);
    await cache.delete('c');
    await cache.invalidateTags(['t']);
    await cache.get('a');
    await cache.namespace('users').get('u');
    const { samples } = await scrape();
    const of = (name: string, labels: string) => samples.get(`tierwise_${name}{${labels}}`);
    const shop = 'hierarchy="shop",namespace="shop"';
    expect(of('reads_total', `${shop},outcome="hit",tier="l1"`)).toBe(1);
    expect(of('reads_total', `${shop},outcome="miss",tier="l1"`)).toBe(4);
    expect(of('reads_total', `${shop},outcome="hit",tier="l2"`)).toBe(1);
    expect(of('reads_total', `${shop},outcome="miss",tier="l2"`)).toBe(3);
    expect(of('reads_total', `${shop},outcome="unanswered",tier="l2"`)).toBe(0);
    expect(of('reads_total', 'hierarchy="shop",namespace="shop:users",outcome="miss",tier="l1"')).toBe(1);
    expect(of('loads_total', `${shop},outcome="stored"`)).toBe(1);
    expect(of('loads_total', `${shop},outcome="uncached"`)).toBe(1);
    expect(of('loads_total', `${shop},outcome="failed"`)).toBe(1);
    expect(of('load_duration_seconds_count', `${shop},outcome="failed"`)).toBe(1);
    expect(of('writes_total', `${shop},operation="set"`)).toBe(2);
    expect(of('writes_total', `${shop},operation="delete"`)).toBe(1);
    expect(of('writes_total', `${shop},operation="invalidate"`)).toBe(1);
    expect(of('evictions_total', `cause="entries",${shop}`)).toBe(1);
    expect(of('read_duration_seconds_count', 'hierarchy="shop",outcome="loaded"')).toBeGreaterThanOrEqual(1);
    expect(of('l1_max_entries', 'hierarchy="shop"')).toBe(2);
    expect(of('feed_state', 'hierarchy="shop",state="alive"')).toBe(1);
    expect(of('feed_lag_seconds', 'hierarchy="shop"')).toBeLessThan(1);
    expect(of('l2_breaker_state', 'hierarchy="shop",state="closed"')).toBe(1);
    expect(of('l2_breaker_state', 'hierarchy="shop",state="open"')).toBe(0);
    expect(of('l2_value_bytes_total', 'direction="write",hierarchy="shop",stage="packed"')).toBeGreaterThan(0);
    expect(of('l2_value_bytes_total', 'direction="write",hierarchy="shop",stage="encrypted"')).toBe(0);
  });

  test('commands to L2 and their seconds, coalesced ones once, and none of a hierarchy that is not watched', async () => {
    const { metrics, value } = exporting();
    const [cache, other] = [hierarchy(), hierarchy({ namespace: 'other' })];
    metrics.watch(cache);
    await Promise.all([cache.ready(), other.ready()]);
    await Promise.all([cache.get('a'), cache.get('b'), cache.get('b'), other.get('a')]);
    const reads = 'tierwise_l2_command_duration_seconds_count{hierarchy="shop",operation="read",outcome="answered"}';
    expect(await value(reads)).toBe(1);
    expect(await value('tierwise_coalesced_reads_total{hierarchy="shop",namespace="shop"}')).toBe(1);
    await cache.get('c');
    expect(await value(reads)).toBe(2);
    const sum = await value(reads.replace('_count', '_sum'));
    expect(sum).toBeGreaterThan(0);
    expect(sum).toBeLessThan(5);
  });

  test('a command that L2 does not answer is a time-out, one that it refuses is failed, one that is not sent is skipped', async () => {
    const { metrics, value } = exporting();
    const inner = memoryL2();
    let read: () => Promise<never> = () => Promise.reject(new Error('no'));
    const cache = hierarchy({
      l2: Object.assign(inner, { read: () => read() }),
      l2Timeout: 20,
      breaker: { failures: 2, openFor: '1h' },
    });
    metrics.watch(cache);
    await cache.get('a');
    read = () => new Promise(() => {});
    await cache.get('b');
    await cache.get('c');
    const commands = 'tierwise_l2_command_duration_seconds_count{hierarchy="shop",operation="read",outcome=';
    expect(await value(`${commands}"failed"}`)).toBe(1);
    expect(await value(`${commands}"timeout"}`)).toBe(1);
    expect(await value('tierwise_l2_skipped_total{hierarchy="shop"}')).toBe(1);
    expect(await value('tierwise_l2_breaker_state{hierarchy="shop",state="open"}')).toBe(1);
    expect(await value('tierwise_reads_total{hierarchy="shop",namespace="shop",outcome="unanswered",tier="l2"}')).toBe(
      3,
    );
    expect(await value('tierwise_reads_total{hierarchy="shop",namespace="shop",outcome="miss",tier="l2"}')).toBe(0);
    expect(await value('tierwise_incidents_open{hierarchy="shop",kind="l2-down"}')).toBe(1);
    expect(await value('tierwise_incidents_total{hierarchy="shop",kind="l2-down"}')).toBe(1);
    expect(await value('tierwise_incidents_total{hierarchy="shop",kind="l2-full"}')).toBe(0);
    await cache.set('k', 1);
    expect(await value('tierwise_outbox_items{hierarchy="shop"}')).toBe(1);
  });

  test('a loader that takes too long is a time-out and no failure', async () => {
    const { metrics, value } = exporting();
    const cache = hierarchy({ loadTimeout: { hard: 10, late: 0 } });
    metrics.watch(cache);
    await cache.getOrSet('k', () => new Promise(() => {})).catch(() => {});
    await vi.waitFor(async () => {
      const shop = 'hierarchy="shop",namespace="shop"';
      expect(await value(`tierwise_loads_total{${shop},outcome="timeout"}`)).toBe(1);
      expect(await value(`tierwise_loads_total{${shop},outcome="failed"}`)).toBe(0);
      expect(await value(`tierwise_load_duration_seconds_count{${shop},outcome="timeout"}`)).toBe(1);
    });
  });

  test('no key, tag or value is in it', async () => {
    const { metrics, registry } = exporting({ legacyNames: true });
    const cache = hierarchy();
    metrics.watch(cache);
    await cache.getOrSet('SECRET-key', () => 'SECRET-value', { tags: ['SECRET-tag'] });
    await cache.getOrSet('SECRET-2', () => Promise.reject(new Error('SECRET-error'))).catch(() => {});
    await cache.invalidateTags(['SECRET-tag']);
    await cache.health();
    const text = await registry.metrics();
    expect(text).not.toContain('SECRET');
    expect(text).not.toContain('health');
  });

  test('definitions with a name: their reads, loads, costs and the ttl that is tuned', async () => {
    const { metrics, scrape } = exporting();
    const cache = hierarchy();
    metrics.watch(cache);
    const user = cache.define({
      ...{ name: 'user', key: String, load: (id: number) => id, ttl: '1m' as const },
      cost: { unit: 'USD', perLoad: 0.25 },
      tuning: { ttl: { min: '10s', max: '2m', mode: 'auto' } },
    });
    const plain = cache.define({ name: 'plain', key: (id: number) => `p${id}`, load: (id) => id });
    for (const id of [1, 1, 1, 2]) await user.get(id);
    await plain.get(1);
    const { samples } = await scrape();
    const value = (name: string, labels = '', of = 'user') =>
      samples.get(`tierwise_definition_${name}{definition="${of}",hierarchy="shop"${labels}}`);
    expect(value('reads_total', ',outcome="hit",tier="l1"')).toBe(2);
    expect(value('reads_total', ',outcome="miss",tier="l2"')).toBe(2);
    expect(value('loads_total', ',outcome="stored"')).toBe(2);
    expect(value('load_seconds_total')).toBeGreaterThanOrEqual(0);
    expect(value('cost_spent_total', ',unit="USD"')).toBe(0.5);
    expect(value('cost_saved_total', ',unit="USD"')).toBe(0.5);
    expect(value('tuned_ttl_seconds', ',mode="auto"')).toBe(60);
    expect(value('loads_total', ',outcome="stored"', 'plain')).toBe(1);
    // Not known by definition, so not there, rather than 0.
    const names = [...samples.keys()].filter((sample) => sample.includes('definition="'));
    expect(names.filter((sample) => /evictions|damaged|plain.*unit|plain.*mode/.test(sample))).toEqual([]);
  });

  test('the old names, by option only', async () => {
    const { metrics, value } = exporting({ legacyNames: true });
    const cache = hierarchy({ l1: { maxEntries: 1 } });
    metrics.watch(cache);
    await cache.set('a', 1);
    await cache.set('b', 1);
    await cache.get('b');
    await cache.get('none');
    expect(await value('resync_cache_hits{hierarchy="shop"}')).toBe(1);
    expect(await value('resync_cache_misses{hierarchy="shop"}')).toBe(1);
    expect(await value('resync_cache_evictions{hierarchy="shop"}')).toBe(1);
    expect(await value('resync_cache_size{hierarchy="shop"}')).toBe(1);
    const { types } = await exporting().scrape();
    expect([...types.keys()].filter((name) => !name.startsWith('tierwise_'))).toEqual([]);
  });
});

describe('labels are bounded', () => {
  test('namespaces beyond the limit are one, and what was there first keeps its series', async () => {
    const { metrics, scrape } = exporting({ maxNamespaces: 2 });
    const cache = hierarchy({ l2: undefined as never });
    metrics.watch(cache);
    await cache.namespace('a').get('k');
    await scrape();
    for (const name of ['b', 'c', 'a']) await cache.namespace(name).get('k');
    const { samples } = await scrape();
    const misses = [...samples].filter(([name]) => /reads_total.*"miss",tier="l1"/.test(name));
    expect(misses).toEqual([
      ['tierwise_reads_total{hierarchy="shop",namespace="shop",outcome="miss",tier="l1"}', 0],
      ['tierwise_reads_total{hierarchy="shop",namespace="shop:a",outcome="miss",tier="l1"}', 2],
      ['tierwise_reads_total{hierarchy="shop",namespace="other",outcome="miss",tier="l1"}', 2],
    ]);
  });

  test('a load in a namespace beyond the limit is of the same one', async () => {
    const { metrics, scrape } = exporting({ maxNamespaces: 1 });
    const cache = hierarchy();
    metrics.watch(cache);
    await scrape();
    for (const name of ['a', 'b']) await cache.namespace(name).getOrSet('k', () => 1);
    const { samples } = await scrape();
    expect(
      samples.get('tierwise_load_duration_seconds_count{hierarchy="shop",namespace="other",outcome="stored"}'),
    ).toBe(2);
  });

  test('pools beyond the limit are one', async () => {
    const { metrics, scrape } = exporting({ maxPools: 1 });
    const pools = ['a', 'b', 'c'].map((name) => new ConnectionPool({ name, max: 1, create: async () => ({}) }));
    open.push(...pools);
    for (const pool of pools) {
      metrics.watchPool(pool);
      await pool.use(async () => {});
    }
    const { samples } = await scrape();
    expect(samples.get('tierwise_pool_created_total{pool="a"}')).toBe(1);
    expect(samples.get('tierwise_pool_created_total{pool="other"}')).toBe(2);
    expect([...samples.keys()].some((name) => /quantile.*other|other.*quantile/.test(name))).toBe(false);
  });
});

describe('pools', () => {
  test('one, and one of several parts, with what only some have', async () => {
    const { metrics, value } = exporting();
    const pool = new ConnectionPool({ name: 'db', max: 2, create: async () => ({}) });
    open.push(pool);
    await pool.use(async () => {});
    metrics.watchPool(pool);
    const figures = pool.stats();
    metrics.watchPool({
      stats: () => ({
        'https://a.test': {
          ...{ ...figures, pool: 'http', origin: 'https://a.test', breaker: 'open', retries: 3 },
          statuses: { '2xx': 5, '5xx': 1 },
        },
        unrelated: 1,
      }),
    });
    expect(await value('tierwise_pool_connections{pool="db",state="idle"}')).toBe(1);
    expect(await value('tierwise_pool_acquired_total{outcome="miss",pool="db"}')).toBe(1);
    expect(await value('tierwise_pool_errors_total{kind="timeout",pool="db"}')).toBe(0);
    expect(await value('tierwise_pool_wait_quantile_seconds{pool="db",quantile="0.99"}')).toBe(figures.wait.p99 / 1000);
    expect(await value('tierwise_pool_wait_seconds_total{pool="db"}')).toBe(figures.wait.total / 1000);
    expect(await value('tierwise_pool_breaker_state{pool="db",state="open"}')).toBeUndefined();
    expect(await value('tierwise_pool_breaker_state{pool="http https://a.test",state="open"}')).toBe(1);
    expect(await value('tierwise_pool_responses_total{pool="http https://a.test",status="5xx"}')).toBe(1);
    expect(await value('tierwise_pool_retries_total{pool="http https://a.test"}')).toBe(3);
  });
});

describe('its own life', () => {
  test('all metrics of a scrape show one moment: stats() is asked once', async () => {
    const { metrics, registry } = exporting();
    const cache = hierarchy();
    metrics.watch(cache);
    const stats = vi.spyOn(cache, 'stats');
    await registry.metrics();
    expect(stats).toHaveBeenCalledTimes(1);
    await registry.metrics();
    expect(stats).toHaveBeenCalledTimes(2);
  });

  test('what is not watched any more is not exported, nor listened to', async () => {
    const { metrics, value } = exporting();
    const cache = hierarchy();
    const stop = metrics.watch(cache);
    expect(await value('tierwise_l1_entries{hierarchy="shop"}')).toBe(0);
    stop();
    await cache.getOrSet('k', () => 1);
    expect(await value('tierwise_l1_entries{hierarchy="shop"}')).toBeUndefined();
    expect(
      await value('tierwise_load_duration_seconds_count{hierarchy="shop",namespace="shop",outcome="stored"}'),
    ).toBeUndefined();
  });

  test('watched twice, it counts once', async () => {
    const { metrics, scrape, value } = exporting();
    const cache = hierarchy();
    metrics.watch(cache);
    metrics.watch(cache, 'again');
    await cache.getOrSet('k', () => 1);
    expect(
      await value('tierwise_load_duration_seconds_count{hierarchy="again",namespace="shop",outcome="stored"}'),
    ).toBe(1);
    const { samples } = await scrape();
    expect([...samples.keys()].filter((sample) => sample.includes('hierarchy="shop"'))).toEqual([]);
  });

  test('closed, nothing of it is left: no metric, no subscriber; and there may be another', async () => {
    const registry = new Registry();
    const metrics = prometheusMetrics({ registry });
    metrics.watch(hierarchy());
    expect(channel('tracing:tierwise:l2:start').hasSubscribers).toBe(true);
    metrics.close();
    expect(await registry.metrics()).toBe('\n');
    for (const name of ['l2', 'read']) {
      for (const when of ['start', 'asyncEnd']) {
        expect(channel(`tracing:tierwise:${name}:${when}`).hasSubscribers).toBe(false);
      }
    }
    prometheusMetrics({ registry }).close();
  });
});

describe('conventions of Prometheus', () => {
  test('counters end in _total, nothing else does; base units; a help for each', async () => {
    const { metrics, scrape } = exporting();
    metrics.watch(hierarchy());
    const { types, helps } = await scrape();
    expect(types.size).toBeGreaterThan(40);
    for (const [name, type] of types) {
      expect(name).toMatch(/^tierwise_[a-z0-9]+(_[a-z0-9]+)*$/);
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
      expect(name).not.toMatch(/_(ms|milliseconds|kb|mb|ratio_percent)(_|$)/);
      expect(helps.get(name)?.length, name).toBeGreaterThan(5);
    }
  });

  test.skipIf(spawnSync('promtool', ['--version']).error !== undefined)('promtool has nothing to say', async () => {
    const { metrics, registry } = exporting();
    const cache = hierarchy();
    metrics.watch(cache);
    await cache.getOrSet('k', () => 1);
    const input = await registry.metrics();
    expect(execFileSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' })).toBe('');
  });
});

test('hierarchies beyond the limit are one, also when others have gone', async () => {
  const { metrics, scrape } = exporting({ maxHierarchies: 1 });
  for (const namespace of ['a', 'b', 'c']) {
    const cache = hierarchy({ namespace });
    const stop = metrics.watch(cache);
    await cache.getOrSet('k', () => 1);
    if (namespace === 'b') stop();
  }
  const { samples } = await scrape();
  const named = new Set([...samples.keys()].flatMap((sample) => /[{,]hierarchy="(.*?)"/.exec(sample)?.[1] ?? []));
  expect([...named].sort()).toEqual(['a', 'other']);
});

test.each(['maxHierarchies', 'maxNamespaces', 'maxDefinitions', 'maxPools'])('%s bounds something', (option) => {
  expect(() => prometheusMetrics({ registry: new Registry(), [option]: Number.NaN })).toThrow(InvalidOptionError);
});
