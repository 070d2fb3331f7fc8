import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import {
  ConfigError,
  type LoadConfigOptions,
  loadConfig,
  OPTION_LIST,
  PROFILES,
  type TierwiseConfig,
} from './index.js';

const KEY = '00'.repeat(32);

class Circular {
  readonly self = this;
}

/** From code and the environment alone. */
function load(code: unknown, environment: Record<string, string> = {}, others: LoadConfigOptions = {}) {
  return loadConfig({ code: { namespace: 'test', ...(code as TierwiseConfig) }, environment, file: false, ...others });
}

async function problems(code: unknown, environment: Record<string, string> = {}) {
  const error = await load(code, environment).then(
    () => expect.unreachable('it was accepted'),
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(ConfigError);
  expect((error as ConfigError).code).toBe('ERR_TIERWISE_CONFIG');
  return (error as ConfigError).problems;
}

const sourceOf = async (loading: ReturnType<typeof load>, option: string) =>
  (await loading).entries.find((entry) => entry.option === option);

describe('which value counts', () => {
  test('default, profile, code, older variable, TIERWISE variable: each goes before those in front of it', async () => {
    const old = { CACHE_HIERARCHY_L1_MAX_SIZE: '4' };
    const all = { ...old, TIERWISE_L1_MAX_ENTRIES: '5' };
    const profile = { profile: 'paranoia' };
    const code = { ...profile, l1: { maxEntries: 3 } };
    const option = 'l1.maxEntries';
    expect(await sourceOf(load({}), option)).toEqual({ option, value: 5000, source: 'default' });
    expect(await sourceOf(load(profile), option)).toEqual({ option, value: 10_000, source: 'profile paranoia' });
    expect(await sourceOf(load(code), option)).toEqual({ option, value: 3, source: 'code' });
    expect(await sourceOf(load(code, old), option)).toEqual({
      option,
      value: 4,
      source: 'CACHE_HIERARCHY_L1_MAX_SIZE',
    });
    expect(await sourceOf(load(code, all), option)).toEqual({ option, value: 5, source: 'TIERWISE_L1_MAX_ENTRIES' });
    expect((await load(code, all)).options.l1).toEqual({ maxEntries: 5, maxBytes: '10mb' });
  });

  test('the profile is the one that the strongest source names', async () => {
    const loaded = await load({ profile: 'paranoia' }, { TIERWISE_PROFILE: 'staging' });
    expect(loaded.profile).toBe('staging');
    expect(loaded.options).toMatchObject({ ttlJitter: 0.1, validation: 'strict' });
    expect(loaded.options.l1).toBeUndefined();
  });

  test('paranoia is 10,000 entries, 10 MB and strict validation', () => {
    expect(PROFILES.paranoia.values).toEqual({ l1: { maxEntries: 10_000, maxBytes: '10mb' }, validation: 'strict' });
  });

  test.each(Object.keys(PROFILES))('%s is right by itself', async (profile) => {
    await expect(load({ profile })).resolves.toMatchObject({ profile });
  });

  test('what is short for a part, and the part, are the same option', async () => {
    const { options } = await load({ loadTimeout: '5s', loadBackoff: 100 }, { TIERWISE_LOAD_TIMEOUT_SOFT: '1s' });
    expect(options).toMatchObject({ loadTimeout: { hard: '5s', soft: '1s' }, loadBackoff: { first: 100 } });
    expect((await load({ loadTimeout: { hard: '5s' } }, { TIERWISE_LOAD_TIMEOUT: '7s' })).options.loadTimeout).toEqual({
      hard: '7s',
    });
  });

  test('a group that is off is on again where a stronger source names a part, and off again by a stronger one', async () => {
    expect((await load({ breaker: { failures: 3 } }, { TIERWISE_BREAKER: 'off' })).options.breaker).toBe(false);
    const on = await load({ breaker: false }, { TIERWISE_BREAKER_FAILURES: '3' });
    expect(on.options.breaker).toEqual({ failures: 3 });
    expect((await load({ breaker: false })).entries.filter(({ option }) => option.startsWith('breaker'))).toEqual([
      { option: 'breaker', value: false, source: 'code' },
    ]);
  });

  test('an empty variable says nothing, and undefined neither', async () => {
    expect((await load({ ttl: undefined }, { TIERWISE_TTL: '' })).options.ttl).toBeUndefined();
  });
});

describe('the environment', () => {
  test.each<[string, string, string, unknown]>([
    ['a duration', 'TIERWISE_TTL', '5m', '5m'],
    ['milliseconds', 'TIERWISE_TTL', '5000', 5000],
    ['a size', 'TIERWISE_L1_MAX_BYTES', '10mb', '10mb'],
    ['a number', 'TIERWISE_TTL_JITTER', '0.5', 0.5],
    ['a number that is off', 'TIERWISE_REFRESH_AHEAD', 'false', false],
    ['a flag', 'TIERWISE_INCIDENTS_ENABLED', 'no', false],
    ['a choice', 'TIERWISE_RETURNS', 'copy', 'copy'],
    ['a list', 'TIERWISE_ENCRYPTION_KEYS', `a:${KEY}, b:${KEY}`, [`a:${KEY}`, `b:${KEY}`]],
    ['a list in JSON', 'TIERWISE_ENCRYPTION_KEYS', `[{"id":"a","key":"${KEY}"}]`, [{ id: 'a', key: KEY }]],
    ['seconds of the older system', 'CACHE_HIERARCHY_L2_TTL', '600', 600_000],
    ['fractions of them', 'CACHE_HIERARCHY_L2_CLEANUP_INTERVAL', '0.5', 500],
    ['its megabytes', 'ROBUST_CACHE_MAX_MEMORY_MB', '100', '100mb'],
    ['its flags', 'INCIDENT_RESPONSE_ENABLED', 'false', false],
    ['its words', 'CACHE_VALIDATION_MODE', 'relaxed', 'relaxed'],
    ['WAL_TTL', 'WAL_TTL', '604800', 604_800_000],
    ['SNAPSHOT_TTL', 'SNAPSHOT_TTL', '86400', 86_400_000],
    ['REDIS_POOL_*', 'REDIS_POOL_MAX_SIZE', '7', 7],
  ])('%s: %s=%s', async (_, variable, text, value) => {
    const { options } = await load({}, { [variable]: text });
    const option = OPTION_LIST.find((each) => each.variable === variable || each.legacy?.name === variable);
    const found = option?.path.split('.').reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], options);
    expect(found).toEqual(value);
  });

  test('what has no effect is noted, with the reason', async () => {
    const { notes } = await load({}, { SHARD_IMBALANCE_THRESHOLD: '1.5', MIN_CLEANUP_INTERVAL: '' });
    expect(notes).toEqual([expect.stringContaining('SHARD_IMBALANCE_THRESHOLD has no effect')]);
  });

  test('a bound of a second tier that nobody has asked for makes none', async () => {
    const { entries } = await load({}, { ROBUST_CACHE_MAX_MEMORY_MB: '100', REDIS_POOL_MAX_SIZE: '7', WAL_TTL: '5' });
    expect(entries.some(({ option, source }) => option.startsWith('l2.') && source === 'default')).toBe(false);
  });

  test('a variable that does not exist is refused, unless it is for tests, or said to be somebody else’s', async () => {
    const environment = { TIERWISE_TEST_REDIS_URL: 'x', TIERWISE_TLL: '5', CACHE_HIERARCHY_L1_MAX: '5', OTHER: 'x' };
    expect(await problems({}, environment)).toEqual([
      expect.objectContaining({ code: 'unknown', option: 'TIERWISE_TLL', suggestion: 'TIERWISE_TTL' }),
      expect.objectContaining({ code: 'unknown', option: 'CACHE_HIERARCHY_L1_MAX' }),
    ]);
    const ignoreVariables = ['TIERWISE_TLL', 'CACHE_HIERARCHY_L1_MAX'];
    await expect(load({}, environment, { ignoreVariables })).resolves.toBeDefined();
  });

  test('a variable that is said to be somebody else’s is not read, though there is such an option', async () => {
    const environment = {
      REDIS_POOL_MAX_SIZE: 'many',
      TIERWISE_TTL: '1s',
      TIERWISE_CONFIG: 'nowhere.json',
      LATENCY_THRESHOLD: '1',
    };
    const { options, notes } = await load({ ttl: '2s' }, environment, {
      file: undefined,
      ignoreVariables: Object.keys(environment),
    });
    expect(options).toEqual({ namespace: 'test', ttl: '2s' });
    expect(notes).toEqual([]);
  });

  test('small letters, and prefixes of the older system, are no way to be overlooked', async () => {
    expect(
      await problems({}, { tierwise_ttl: '5', ROBUST_CACHE_MAX_MEMORY: '5', ROBUST_CACHE_MAX_ITEMS: '5' }),
    ).toEqual([
      expect.objectContaining({ code: 'unknown', option: 'tierwise_ttl' }),
      expect.objectContaining({ option: 'ROBUST_CACHE_MAX_MEMORY', suggestion: 'ROBUST_CACHE_MAX_MEMORY_MB' }),
    ]);
  });
});

describe('what is wrong', () => {
  test('is told all at once, with where it came from and what was probably meant', async () => {
    const code = {
      namespace: undefined,
      nmespace: 'a',
      ttl: '10x',
      l1: { maxEntires: 5, maxBytes: -1 },
      breaker: { failurs: 3, failures: 0 },
      loadTimeout: { hard: 'soon', late: null },
      l2: { redis: { url: 'redis://a', reissue: { cout: 5 } } },
      incidents: 5,
    };
    const list = await problems(code, { TIERWISE_CLOSE_TIMEOUT: 'never' });
    expect(list.map(({ code, option, source, suggestion }) => [code, option, source, suggestion])).toEqual(
      expect.arrayContaining([
        ['invalid', 'ttl', 'code', undefined],
        ['invalid', 'l1.maxBytes', 'code', undefined],
        ['unknown', 'l1.maxEntires', 'code', 'l1.maxEntries'],
        ['unknown', 'breaker.failurs', 'code', 'breaker.failures'],
        ['invalid', 'breaker.failures', 'code', undefined],
        ['invalid', 'loadTimeout.hard', 'code', undefined],
        ['invalid', 'loadTimeout.late', 'code', undefined],
        ['unknown', 'l2.redis.reissue.cout', 'code', 'l2.redis.reissue.count'],
        ['invalid', 'incidents', 'code', undefined],
        ['unknown', 'nmespace', 'code', 'namespace'],
        ['missing', 'namespace', undefined, undefined],
        ['invalid', 'closeTimeout', 'TIERWISE_CLOSE_TIMEOUT', undefined],
      ]),
    );
    expect(list).toHaveLength(12);
    const { message } = new ConfigError(list);
    expect(message).toContain('12 problems');
    expect(message).toContain(
      'closeTimeout must be a duration of 0 ms to one year: a number of milliseconds, or with a unit (ms, s, m, h, d, w) as in \'10m\', not "never" (TIERWISE_CLOSE_TIMEOUT)',
    );
  });

  test.each<[string, unknown, string]>([
    ['two tiers and no choice', { l2: { redis: { url: 'redis://a' }, embedded: { dir: 'x' } } }, 'l2.use'],
    ['a choice that is not configured', { l2: { use: 'embedded' } }, 'l2.embedded.dir'],
    ['Redis somewhere', { l2: { redis: { password: 'x' } } }, 'l2.redis'],
    ['an embedded L2 somewhere', { l2: { embedded: { durability: 'power' } } }, 'l2.embedded.dir'],
    ['an empty group that does not exist', { telemtry: {} }, 'telemtry'],
    ['an empty group in place of a value', { ttl: {} }, 'ttl'],
    ['a URL for an address', { l2: { redis: { cluster: { nodes: ['redis://a:1'] } } } }, 'l2.redis.cluster.nodes'],
    ['Redis nowhere', { l2: { use: 'redis', redis: { db: 1 } } }, 'l2.redis'],
    ['Redis at two places', { l2: { redis: { url: 'redis://a', host: 'b' } } }, 'l2.redis'],
    ['Sentinels of nobody', { l2: { redis: { sentinel: { sentinels: ['a:1'] } } } }, 'l2.redis.sentinel.name'],
    ['a Cluster of nothing', { l2: { redis: { cluster: { natMap: {} } } } }, 'l2.redis.cluster.nodes'],
    ['a pool for a Cluster', { l2: { redis: { cluster: { nodes: ['a:1'] }, pool: { max: 3 } } } }, 'l2.redis.pool'],
    ['a journal nowhere', { journal: { enabled: true } }, 'journal.directory'],
    ['a snapshot nowhere', { snapshot: { onSigterm: true } }, 'snapshot.file'],
    ['low above high', { incidents: { memory: { high: 0.5, low: 0.6 } } }, 'incidents.memory.low'],
    ['a key without an id', { encryption: { keys: [KEY] } }, 'encryption.keys'],
    [
      'a key with a part that does not exist',
      { encryption: { keys: [{ id: 'a', key: KEY, kye: 1 }] } },
      'encryption.keys',
    ],
    ['no keys', { encryption: { keys: [] } }, 'encryption.keys'],
    ['an address without a port', { l2: { redis: { cluster: { nodes: ['a'] } } } }, 'l2.redis.cluster.nodes'],
    ['a profile that does not exist', { profile: 'prod' }, 'profile'],
    ['a fraction of an entry', { l1: { maxEntries: 1.5 } }, 'l1.maxEntries'],
    ['more than a year', { ttl: '53w' }, 'ttl'],
    ['null', { l1: null }, 'l1'],
    ['what cannot be shown', { ttl: new Circular() }, 'ttl'],
    ['a bigint', { ttl: 5n }, 'ttl'],
    ['a function', { ttl: () => 5 }, 'ttl'],
  ])('%s', async (_, code, option) => {
    expect((await problems(code)).map((problem) => problem.option)).toEqual([option]);
  });

  test('names that mean something to JavaScript are names like others', async () => {
    const code = JSON.parse('{ "__proto__": { "polluted": 1 }, "constructor": { "prototype": { "polluted": 1 } } }');
    const list = await problems(code);
    expect(list.map(({ option }) => option).sort()).toEqual(['__proto__', 'constructor']);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

describe('secrets', () => {
  const SECRETS = ['hunter2', 'hunter3', 'hunter4', KEY];
  const code = {
    encryption: { keys: [`2026:${KEY}`, { id: 'old', key: 'hunter4' }], hideNames: { key: KEY } },
    l2: { redis: { url: 'rediss://app:hunter2@redis.example:6380/1?password=hunter3', sentinel: undefined } },
  };

  test('are hidden in whatever is printed of a configuration; the rest is not', async () => {
    const loaded = await load(code, { TIERWISE_L2_REDIS_PASSWORD: 'hunter4' });
    for (const printed of [
      loaded.describe(),
      inspect(loaded),
      `${JSON.stringify(loaded)}`,
      inspect({ loaded }, { depth: 9 }),
    ]) {
      for (const secret of SECRETS) expect(printed).not.toContain(secret);
      expect(printed).toContain('rediss://app:***@redis.example:6380/1?***');
      expect(printed).toContain('2026:***');
    }
    expect(loaded.options.encryption?.keys?.[0]).toBe(`2026:${KEY}`);
  });

  test('are hidden in messages, where they are in the wrong place, too', async () => {
    const wrong = {
      encryption: { keys: [{ id: 'a', kye: 'hunter2' }], hideNames: { key: 5 } },
      l2: {
        redis: {
          url: { password: 'hunter2' },
          password: ['hunter3'],
          host: 'a',
          sentinel: { password: { a: 'hunter4' } },
        },
      },
      hunter: 'hunter4',
    };
    const { message } = new ConfigError(await problems(wrong, { TIERWISE_PASWORD: 'hunter3' }));
    for (const secret of SECRETS) expect(message).not.toContain(secret);
  });

  test('are hidden where a URL stands in place of a host or an address', async () => {
    const loaded = await load({ l2: { redis: { host: 'redis://app:hunter2@a:1' } } });
    expect(loaded.describe()).not.toContain('hunter2');
    const nodes = ['redis://app:hunter2@a:1'];
    const [problem] = await problems({
      l2: { redis: { cluster: { nodes, natMap: { 'a:1': 'redis://:hunter3@a:1' } } } },
    });
    for (const secret of SECRETS) expect(problem?.message).not.toContain(secret);
    expect(problem?.message).toContain('redis://***@a:1');
  });

  test.each(['not a url hunter2', 'redis:hunter2', 'redis://:hunter2@localhost', 'redis://hunter:hunter2@[::1]:1/2'])(
    '%s shows none',
    async (url) => {
      expect((await load({ l2: { redis: { url } } })).describe()).not.toContain('hunter2');
    },
  );
});

test('describe() is a table of every option in force and its source', async () => {
  const loaded = await load({ ttl: '5m' }, { TIERWISE_L1_TTL: '1s', TIERWISE_JOURNAL_DIRECTORY: '/j' });
  const lines = loaded
    .describe()
    .split('\n')
    .map((line) => line.split(/\s{2,}/));
  expect(lines).toContainEqual(['ttl', '5m', 'code']);
  expect(lines).toContainEqual(['l1.ttl', '1s', 'TIERWISE_L1_TTL']);
  expect(lines).toContainEqual(['journal.fsync', 'always', 'default']);
  expect(lines.some(([option]) => option?.startsWith('l2.'))).toBe(false);
});
