import { execFileSync, spawnSync } from 'node:child_process';
import { createHierarchy } from '@tierwise/hierarchy';
import { memoryL2 } from '@tierwise/l2/memory';
import { ConnectionPool } from '@tierwise/pools';
import { Registry } from 'prom-client';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Exposition, parseExposition } from '../../test/exposition.js';
import { dashboardQueries, metricsIn, OPS, readOps, rulesOf } from '../../test/ops.js';
import { prometheusMetrics } from './index.js';

/** What a service exports that has used everything. */
let exported: Exposition;
/** A busy machine takes its time to start a program (milliseconds). */
const LIMIT_MS = 60_000;
/** Labels that Prometheus adds. */
const ADDED = ['job', 'instance'];

beforeAll(async () => {
  const registry = new Registry();
  const metrics = prometheusMetrics({ registry });
  const cache = createHierarchy({ namespace: 'shop', l2: memoryL2() });
  const pool = new ConnectionPool({ name: 'db', create: async () => ({}) });
  metrics.watch(cache);
  metrics.watchPool(pool);
  const { breaker, ...figures } = { ...pool.stats(), breaker: 'closed' };
  metrics.watchPool({
    stats: () => ({ http: { ...figures, pool: 'http', origin: 'o', breaker, statuses: { '2xx': 1 }, retries: 0 } }),
  });
  await cache.getOrSet('k', () => 1);
  await cache.set('k', 2);
  await cache.health();
  exported = parseExposition(await registry.metrics());
  metrics.close();
  await Promise.all([cache.close(), pool.close()]);
});

const recorded = rulesOf('rules.yml').map(({ name }) => name);
const expressions = [
  ...dashboardQueries('1m').map(({ panel, expr }) => [`panel ${panel}`, expr] as const),
  ...[...rulesOf('rules.yml'), ...rulesOf('alerts.yml')].map(({ name, expr }) => [name, expr] as const),
];

/** The labels of a metric, if it is exported or recorded. */
function labelsOf(name: string): ReadonlySet<string> | undefined {
  if (!recorded.includes(name)) return exported.labels.get(name);
  const { expr = '' } = rulesOf('rules.yml').find((rule) => rule.name === name) ?? {};
  return new Set(/by \(([^)]*)\)/.exec(expr)?.[1]?.split(', ') ?? []);
}

describe('dashboard, rules and alerts', () => {
  test('there are some', () => {
    expect(expressions.length).toBeGreaterThan(60);
    expect(rulesOf('alerts.yml').filter(({ isAlert, expr }) => isAlert && expr !== '').length).toBe(14);
  });

  test.each(expressions)('%s asks for what is exported, by labels that it has', (_, expr) => {
    const asked = metricsIn(expr);
    expect(asked).not.toEqual([]);
    for (const { name, labels } of asked) {
      const known = labelsOf(name);
      expect(known, name).toBeDefined();
      for (const label of labels) expect([...(known ?? []), ...ADDED], `${name}{${label}}`).toContain(label);
    }
    const all = new Set([...asked.flatMap(({ name }) => [...(labelsOf(name) ?? [])]), ...ADDED]);
    for (const [, grouped = ''] of expr.matchAll(/\b(?:by|on) \(([^)]*)\)/g)) {
      for (const label of grouped.split(', ')) expect([...all], `grouped by ${label}`).toContain(label);
    }
  });

  test('what matchers look for is something that a label can say', () => {
    for (const [of, expr] of expressions) {
      for (const [, name = '', matchers = ''] of expr.matchAll(/\b(tierwise_[a-z0-9_]+)\{([^}]*)\}/g)) {
        for (const [, label = '', operator, value = ''] of matchers.matchAll(/([a-z_]+)\s*(=~|!=|=)\s*"([^"]*)"/g)) {
          if (operator === '=~' && value === '.*') continue;
          const samples = [...exported.samples.keys()].filter((sample) => sample.startsWith(`${name}{`));
          const said = samples.flatMap((sample) => new RegExp(`[{,]${label}="([^"]*)"`).exec(sample)?.[1] ?? []);
          for (const word of value.split('|')) {
            // The one label whose values come only with what happens.
            if (name.startsWith('tierwise_l2_command') && label === 'outcome') continue;
            expect(said, `${of}: ${name}{${label}="${word}"}`).toContain(word);
          }
        }
      }
    }
  });

  test('the runbook explains each alert and each metric, and no others', () => {
    const readme = readOps('README.md');
    const alerts = rulesOf('alerts.yml').map(({ name }) => name);
    expect([...readme.matchAll(/^\| <a id="([a-z0-9]+)"><\/a>`(Tierwise\w+)`/gm)].map(([, , name]) => name)).toEqual(
      alerts,
    );
    for (const name of alerts) {
      expect(readme).toContain(`<a id="${name.toLowerCase()}"></a>`);
      expect(readOps('alerts.yml')).toContain(`runbook: docs/ops/README.md#${name.toLowerCase()}`);
    }
    const explained = [...readme.matchAll(/^\| `(tierwise_[a-z0-9_]+)` \| (\w+) \| ([^|]*) \|/gm)];
    const types = [...exported.types].filter(([name]) => !name.startsWith('tierwise_definition_'));
    expect(explained.map(([, name, type]) => [name, type]).sort()).toEqual(types.sort());
    for (const [, name = '', type, labels = ''] of explained) {
      const known = exported.labels.get(type === 'histogram' ? `${name}_count` : name);
      expect([...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label).sort(), name).toEqual(
        [...(known ?? [])].sort(),
      );
    }
  });
});

describe.skipIf(spawnSync('promtool', ['--version']).error !== undefined)('promtool', { timeout: LIMIT_MS }, () => {
  test('finds nothing wrong with the rules, the alerts and the configuration', () => {
    const check = (...args: string[]) => execFileSync('promtool', ['check', ...args], { cwd: OPS, encoding: 'utf8' });
    expect(check('rules', 'rules.yml', 'alerts.yml')).toContain('14 rules found');
    expect(check('config', 'prometheus.yml')).toContain('SUCCESS');
  });

  test('each alert fires in the trouble that it is for, and none while all is well', () => {
    expect(execFileSync('promtool', ['test', 'rules', 'rules.test.yml'], { cwd: OPS, encoding: 'utf8' })).toContain(
      'SUCCESS',
    );
  });
});
