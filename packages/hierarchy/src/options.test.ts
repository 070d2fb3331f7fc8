import { describe, expect, test } from 'vitest';
import { cluster, lonely, type Node } from '../test/nodes.js';
import { type Cache, createHierarchy, type Duration, type HierarchyOptions, type LoadContext } from './index.js';

/** Every call that takes a key. */
const WITH_KEY: [string, (cache: Cache, key: string) => unknown][] = [
  ['get', (cache, key) => cache.get(key)],
  ['getMany', (cache, key) => cache.getMany(['fine', key])],
  ['has', (cache, key) => cache.has(key)],
  ['peek', async (cache, key) => cache.peek(key)],
  ['getEntry', (cache, key) => cache.getEntry(key)],
  ['getOrSet', (cache, key) => cache.getOrSet(key, () => 'loaded')],
  ['getOrSetMany', (cache, key) => cache.getOrSetMany(['fine', key], () => ['loaded', 'loaded'])],
  ['refresh', (cache, key) => cache.refresh(key, () => 'loaded')],
  ['wrap', (cache, key) => cache.wrap(() => 'loaded', { key: () => key })()],
  ['define', (cache, key) => cache.define({ key: () => key, load: () => 'loaded' }).get(1)],
  ['set', (cache, key) => cache.set(key, 1)],
  [
    'setMany',
    (cache, key) =>
      cache.setMany([
        ['fine', 1],
        [key, 2],
      ]),
  ],
  ['delete', (cache, key) => cache.delete(key)],
  ['deleteMany', (cache, key) => cache.deleteMany(['fine', key])],
  ['expire', (cache, key) => cache.expire(key)],
  ['touch', (cache, key) => cache.touch(key)],
];

/** Every call that takes a duration. */
const WITH_TTL: [string, (cache: Cache, ttl: Duration) => unknown][] = [
  ['getOrSet', (cache, ttl) => cache.getOrSet('k', () => 'loaded', { ttl })],
  ['getOrSet, l1Ttl', (cache, l1Ttl) => cache.getOrSet('k', () => 'loaded', { l1Ttl })],
  ['getOrSetMany', (cache, ttl) => cache.getOrSetMany(['k'], () => ['loaded'], { ttl })],
  ['refresh', (cache, ttl) => cache.refresh('k', () => 'loaded', { ttl })],
  ['wrap', async (cache, ttl) => cache.wrap(() => 'loaded', { key: () => 'k', ttl })],
  ['define', async (cache, ttl) => cache.define({ key: () => 'k', load: () => 'loaded', ttl })],
  ['namespace', async (cache, ttl) => cache.namespace('child', { ttl })],
  ['set', (cache, ttl) => cache.set('k', 1, { ttl })],
  ['set, l1Ttl', (cache, l1Ttl) => cache.set('k', 1, { l1Ttl })],
  ['setMany', (cache, ttl) => cache.setMany([['k', 1]], { ttl })],
  ['touch', (cache, ttl) => cache.touch('k', { ttl })],
];

/** A node with an old value under two keys in both tiers, of which the calls so far are forgotten. */
async function filled(options: Partial<HierarchyOptions> = {}): Promise<Node> {
  const node = await cluster().node(options);
  await node.cache.setMany([
    ['k', 'old'],
    ['fine', 'old'],
  ]);
  await node.cache.delete('k');
  node.l2.calls.length = 0;
  return node;
}

async function nothingWasDone({ cache, l2 }: Node): Promise<void> {
  expect(l2.calls).toEqual([]);
  expect(cache.stats().loads.started).toBe(0);
  expect(cache.peek('fine')).toBe('old');
}

describe('keys (10)', () => {
  const GOOD = [
    'a',
    ' ',
    'x'.repeat(1_000),
    'ß'.repeat(1_000),
    '{',
    '}',
    '{a}b',
    ':',
    'a:b',
    '%',
    '*?[a]',
    '🚀',
    '\u0080',
    '__proto__',
    'constructor',
    'e\u0301',
    '\u00e9',
  ];

  test.each([['readable'], ['hidden']])('of any content work, and no two meet: %s in L2', async (names) => {
    const { node } = cluster();
    const key = Buffer.alloc(32, 1);
    const encryption = names === 'hidden' ? { keys: [{ id: 'a', key }], hideNames: { key } } : undefined;
    const options: Partial<HierarchyOptions> = encryption === undefined ? {} : { encryption };
    const [n1, n2] = [await node(options), await node(options)];
    await n1.cache.setMany(GOOD.map((name, index) => [name, index]));
    for (const { cache } of [n1, n2, n2]) expect(await cache.getMany(GOOD)).toEqual(GOOD.map((_, index) => index));
    for (const [index, name] of GOOD.entries()) expect(await n2.cache.getOrSet(name, () => 'loaded')).toBe(index);
  });

  const BAD: [string, unknown][] = [
    ['empty', ''],
    ['1,001 characters', 'x'.repeat(1_001)],
    ['a line feed', 'a\nb'],
    ['a null character', '\u0000test:child\u0000k'],
    ['a delete character', 'a\u007f'],
    ['a lone surrogate', 'a\ud800'],
    ['undefined', undefined],
    ['null', null],
    ['a number', 5],
    ['an object', {}],
    ['an array', ['fine']],
    ['a symbol', Symbol('k')],
  ];

  test.each(BAD)('%s: refused by every call, before anything is done', async (_, key) => {
    const node = await filled();
    for (const [name, call] of WITH_KEY) {
      const refused = (async () => call(node.cache, key as string))();
      await expect(refused, name).rejects.toMatchObject({ name: 'InvalidKeyError', code: 'ERR_TIERWISE_INVALID_KEY' });
    }
    await nothingWasDone(node);
  });

  test.each([['readable'], ['hidden']])(
    'what is no key is refused even where it spells one that L1 has: names %s',
    async (names) => {
      const key = Buffer.alloc(32, 1);
      const { cache } = lonely(
        names === 'hidden' ? { encryption: { keys: [{ id: 'a', key }], hideNames: { key } } } : {},
      );
      await cache.setMany([
        ['5', 'five'],
        ['a\ufffd', 'replaced'],
        ['null', 'null'],
      ]);
      for (const wrong of [5, 'a\ud800', null, ['5']] as string[]) {
        await expect(cache.getOrSet(wrong, () => 'loaded')).rejects.toMatchObject({ code: expect.any(String) });
      }
    },
  );

  test.each(['abc', new Set(['a']), undefined, { length: 0 }])('%s is no list of keys', async (keys) => {
    const node = await filled();
    const { cache } = node;
    for (const call of [
      () => cache.getMany(keys as never),
      () => cache.deleteMany(keys as never),
      () => cache.getOrSetMany(keys as never, () => []),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'ERR_TIERWISE_INVALID_KEY' });
    }
    await nothingWasDone(node);
  });

  test('the error says what is wrong and what is allowed', async () => {
    const { cache } = lonely();
    await expect(cache.get('')).rejects.toThrow('a key must have 1 to 1000 characters, not 0');
    await expect(cache.get('a\n')).rejects.toThrow('a key must have no control characters: "a\\n"');
    await expect(cache.get('\ud800')).rejects.toThrow('lone surrogate');
    await expect(cache.get(null as never)).rejects.toThrow('a key must be a string, not null');
  });
});

describe('names of namespaces', () => {
  test.each(['', 'x'.repeat(1_001), 'a\u0000b', '\ud800', 5, undefined])('%s is refused', (name) => {
    const { cache } = lonely();
    const refusal = expect.objectContaining({ code: 'ERR_TIERWISE_INVALID_KEY' });
    expect(() => createHierarchy({ namespace: name as string })).toThrow(refusal);
    if (name !== '' && typeof name === 'string') expect(() => cache.namespace(name)).toThrow(refusal);
  });

  test('of a child: it must be a name by itself', () => {
    const { cache } = lonely();
    for (const name of ['', 5, undefined, null]) {
      expect(() => cache.namespace(name as string)).toThrow(
        expect.objectContaining({ code: 'ERR_TIERWISE_INVALID_KEY' }),
      );
    }
  });
});

describe('durations (8)', () => {
  const BAD: [string, unknown][] = [
    ['negative', -1],
    ['NaN', Number.NaN],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['more than a year', 365 * 86_400_000 + 1],
    ['more than a year, with a unit', '53w'],
    ['a number as text', '10'],
    ['an unknown unit', '10min'],
    ['a unit in capitals', '10S'],
    ['a space', '10 s'],
    ['negative, with a unit', '-1s'],
    ['text', 'soon'],
    ['nothing but text', ''],
    ['null', null],
    ['a Date', new Date()],
    ['true', true],
    ['a BigInt', 5n],
  ];

  test.each(BAD)('%s: refused by every call, before anything is done', async (_, ttl) => {
    const node = await filled();
    for (const [name, call] of WITH_TTL) {
      const refused = (async () => call(node.cache, ttl as Duration))();
      await expect(refused, name).rejects.toMatchObject({
        name: 'InvalidDurationError',
        code: 'ERR_TIERWISE_INVALID_DURATION',
      });
    }
    await nothingWasDone(node);
  });

  test.each(BAD)('%s: refused by the loader context, which fails the load', async (_, ttl) => {
    const node = await filled();
    for (const load of [
      (context: LoadContext) => context.setTtl(ttl as Duration),
      (context: LoadContext) => context.setOptions({ ttl: ttl as Duration }),
      (context: LoadContext) => context.setOptions({ l1Ttl: ttl as Duration }),
    ]) {
      await expect(node.cache.getOrSet('k', load)).rejects.toMatchObject({ code: 'ERR_TIERWISE_INVALID_DURATION' });
    }
    expect(await node.cache.get('k')).toBeUndefined();
  });

  test.each(['ttl', 'maxStaleness', 'l2Timeout', 'closeTimeout', 'l1.ttl', 'lease.ttl', 'lease.wait'])(
    '%s of a hierarchy',
    (name) => {
      const [outer = '', inner] = name.split('.');
      for (const [, bad] of BAD) {
        const options = { namespace: 'test', [outer]: inner === undefined ? bad : { [inner]: bad } };
        expect(() => createHierarchy(options)).toThrow(
          expect.objectContaining({ code: 'ERR_TIERWISE_INVALID_DURATION', message: expect.stringContaining(name) }),
        );
      }
    },
  );

  test.each([
    [1, 1],
    [0.2, 1],
    ['1ms', 1],
    ['1.5s', 1_500],
    ['2m', 120_000],
    ['3h', 10_800_000],
    ['2d', 172_800_000],
    ['4w', 2_419_200_000],
    [2 ** 31 + 5, 2 ** 31 + 5],
    [365 * 86_400_000, 365 * 86_400_000],
  ] as [Duration, number][])('%s is %i ms in both tiers', async (ttl, ms) => {
    const { node, clock } = cluster();
    const nodes = [await node(), await node()] as const;
    await nodes[0].cache.set('k', 'v', { ttl, tags: ['t'] });
    for (const { cache } of nodes) expect(await cache.getEntry('k')).toMatchObject({ freshMs: ms });
    // Living through it would run the clean-up of L1 some 100,000 times.
    if (ms > 86_400_000) return;
    await clock.advance(ms - 1);
    for (const { cache } of nodes) expect(await cache.get('k')).toBe('v');
    await clock.advance(1);
    for (const { cache } of nodes) expect(await cache.get('k')).toBeUndefined();
  });

  test('the error names the option, what is allowed and what came', () => {
    expect(() => createHierarchy({ namespace: 'test', ttl: '10min' as Duration })).toThrow(
      'ttl must be 0 to 31536000000 milliseconds (one year), as a number or with a unit such as \'10m\' (ms, s, m, h, d, w), not "10min"',
    );
  });
});

describe('tags', () => {
  const BAD: [string, unknown][] = [
    ['a string', 'tag'],
    ['null', null],
    ['129 of them', Array.from({ length: 129 }, (_, n) => `t${n}`)],
    ['an empty one', ['fine', '']],
    ['a number', [5]],
    ['a control character', ['a\u0000']],
    ['a lone surrogate', ['\udfff']],
    ['1,001 characters', ['x'.repeat(1_001)]],
  ];

  test.each(BAD)('%s: refused before anything is done', async (_, given) => {
    const node = await filled();
    const { cache } = node;
    const tags = given as string[];
    const calls = [
      () => cache.set('k', 1, { tags }),
      () => cache.setMany([['fine', 1]], { tags }),
      () => cache.getOrSet('k', () => 'loaded', { tags }),
      () => cache.getOrSetMany(['k'], () => ['loaded'], { tags }),
      () => cache.getOrSetMany(['k'], () => ['loaded'], { tags: () => tags }),
      () => cache.refresh('fine', () => 'loaded', { tags }),
      () => cache.wrap(() => 'loaded', { key: () => 'k', tags: () => tags })(),
      () => cache.define({ key: () => 'k', load: () => 'loaded', tags: () => tags }).get(1),
      () => cache.invalidateTags(tags),
    ];
    // null is what JavaScript callers mean by "none" in some of these; it is refused wherever it is given as tags.
    for (const call of calls) {
      await expect(call()).rejects.toMatchObject({ code: 'ERR_TIERWISE_INVALID_KEY' });
    }
    await nothingWasDone(node);
  });

  test('refused by the loader context, which fails the load', async () => {
    const { cache } = await filled();
    await expect(cache.getOrSet('k', ({ setTags }) => setTags([''] as string[]))).rejects.toMatchObject({
      code: 'ERR_TIERWISE_INVALID_KEY',
    });
  });

  test('128 of 1,000 characters work', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    const tags = Array.from({ length: 128 }, (_, n) => String(n).padEnd(1_000, 'x'));
    await n1.cache.set('k', 'v', { tags });
    expect(await n2.cache.getEntry('k')).toMatchObject({ tags });
    await n1.cache.invalidateTags(tags);
    expect(await n1.cache.get('k')).toBeUndefined();
  });
});

describe('options that do not exist', () => {
  test.each<[string, (cache: Cache) => unknown]>([
    ['signl', (cache) => cache.get('fine', { signl: 1 } as never)],
    ['signl', (cache) => cache.getMany(['fine'], { signl: 1 } as never)],
    ['signl', (cache) => cache.has('fine', { signl: 1 } as never)],
    ['signl', (cache) => cache.getEntry('fine', { signl: 1 } as never)],
    ['tll', (cache) => cache.getOrSet('k', () => 1, { tll: 1 } as never)],
    ['tll', (cache) => cache.getOrSetMany(['k'], () => [1], { tll: 1 } as never)],
    ['tll', (cache) => cache.refresh('k', () => 1, { tll: 1 } as never)],
    ['tll', async (cache) => cache.wrap(() => 1, { key: () => 'k', tll: 1 } as never)],
    ['tll', async (cache) => cache.define({ key: () => 'k', load: () => 1, tll: 1 } as never)],
    ['signl', (cache) => cache.define({ key: () => 'k', load: () => 1 }).get(1, { signl: 1 } as never)],
    ['signl', (cache) => cache.define({ key: () => 'k', load: () => 1 }).getMany([1], { signl: 1 } as never)],
    [
      'signl',
      (cache) =>
        cache.define({ key: () => 'k', load: () => 1, loadMany: () => [1] }).getMany([1], { signl: 1 } as never),
    ],
    ['signl', (cache) => cache.define({ key: () => 'k', load: () => 1 }).refresh(1, { signl: 1 } as never)],
    ['tag', (cache) => cache.set('k', 1, { tag: ['a'] } as never)],
    ['tag', (cache) => cache.setMany([['k', 1]], { tag: ['a'] } as never)],
    ['tags', (cache) => cache.touch('k', { tags: ['a'] } as never)],
    ['how', (cache) => cache.invalidateTags(['a'], { how: 'expire' } as never)],
    ['how', (cache) => cache.invalidateTags([], { how: 'expire' } as never)],
    ['how', (cache) => cache.clear({ how: 'expire' } as never)],
    ['tags', async (cache) => cache.namespace('child', { tags: ['a'] } as never)],
  ])('%s: %s', async (name, call) => {
    const node = await filled();
    const refused = (async () => call(node.cache))();
    await expect(refused).rejects.toMatchObject({ name: 'InvalidOptionError', code: 'ERR_TIERWISE_INVALID_OPTION' });
    await expect(refused).rejects.toThrow(
      new RegExp(`has no option "${name}"(?: \\(did you mean "(?:ttl|tags|signal)"\\?\\))?; its options are: \\w+`),
    );
    await nothingWasDone(node);
  });

  test('of what a loader sets', async () => {
    const { cache } = lonely();
    const load = ({ setOptions }: LoadContext) => setOptions({ tll: 1 } as never);
    await expect(cache.getOrSet('k', load)).rejects.toThrow(
      'has no option "tll" (did you mean "ttl"?); its options are: ttl, ',
    );
  });

  test.each([
    [{ ttL: 1 }, 'ttL'],
    [{ l1: { maxSize: 5 } }, 'maxSize'],
    [{ lease: { timeout: 5 } }, 'timeout'],
    [{ compression: { level: 5 } }, 'level'],
    [{ encryption: { keys: [], hideNams: {} } }, 'hideNams'],
  ])('of a hierarchy: %o', (options, name) => {
    const made = () => createHierarchy({ namespace: 'test', ...(options as object) });
    expect(made).toThrow(expect.objectContaining({ code: 'ERR_TIERWISE_INVALID_OPTION' }));
    expect(made).toThrow(`has no option "${name}"`);
  });
});

test('all names that do not exist are told at once, with what was probably meant where that is near', () => {
  const made = () =>
    createHierarchy({ namespace: 'test', staleIfErorr: '1h', 'clos-Timeout': 1, colour: 'red' } as never);
  expect(made).toThrow(
    'has no option "staleIfErorr" (did you mean "staleIfError"?), nor "clos-Timeout" (did you mean "closeTimeout"?), nor "colour"; ',
  );
});

describe('other options that are wrong', () => {
  test.each<[string, object, string]>([
    ['no entries', { l1: { maxEntries: 0 } }, 'ERR_TIERWISE_INVALID_OPTION'],
    ['half an entry', { l1: { maxEntries: 1.5 } }, 'ERR_TIERWISE_INVALID_OPTION'],
    ['endless entries', { l1: { maxEntries: Number.POSITIVE_INFINITY } }, 'ERR_TIERWISE_INVALID_OPTION'],
    ['no bytes', { l1: { maxBytes: 0 } }, 'ERR_TIERWISE_INVALID_DURATION'],
    ['bytes without a unit', { l1: { maxBytes: '64' } }, 'ERR_TIERWISE_INVALID_DURATION'],
    ['decimal bytes', { l1: { maxBytes: '64MB' } }, 'ERR_TIERWISE_INVALID_DURATION'],
    ['a way to return that does not exist', { returns: 'clone' }, 'ERR_TIERWISE_INVALID_OPTION'],
    ['an L2 that is none', { l2: {} }, 'ERR_TIERWISE_INVALID_OPTION'],
    ['an L2 by its URL', { l2: 'redis://localhost' }, 'ERR_TIERWISE_INVALID_OPTION'],
    ['no key in the ring', { encryption: { keys: [] } }, 'ERR_TIERWISE_ENCRYPTION_KEY'],
    ['a short key', { encryption: { keys: [{ id: 'a', key: 'abc' }] } }, 'ERR_TIERWISE_ENCRYPTION_KEY'],
    ['l1 as a number', { l1: 5 }, 'ERR_TIERWISE_INVALID_OPTION'],
    ['l1 as null', { l1: null }, 'ERR_TIERWISE_INVALID_OPTION'],
  ])('%s', (_, options, code) => {
    expect(() => createHierarchy({ namespace: 'test', ...options })).toThrow(expect.objectContaining({ code }));
  });

  test.each([undefined, null, 5, 'test'])('createHierarchy(%s)', (options) => {
    expect(() => createHierarchy(options as never)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^ERR_TIERWISE_/) }),
    );
  });

  test('a loader that is no function', async () => {
    const node = await filled();
    const { cache } = node;
    for (const load of [undefined, null, 'loaded', {}] as never[]) {
      const refusal = { code: 'ERR_TIERWISE_INVALID_OPTION' };
      await expect(cache.getOrSet('k', load)).rejects.toMatchObject(refusal);
      await expect(cache.getOrSetMany(['k'], load)).rejects.toMatchObject(refusal);
      await expect(cache.refresh('k', load)).rejects.toMatchObject(refusal);
      expect(() => cache.wrap(load, { key: () => 'k' })).toThrow(expect.objectContaining(refusal));
      expect(() => cache.wrap(() => 1, { key: load })).toThrow(expect.objectContaining(refusal));
      expect(() => cache.define({ key: () => 'k', load })).toThrow(expect.objectContaining(refusal));
      expect(() => cache.define({ key: load, load: () => 1 })).toThrow(expect.objectContaining(refusal));
    }
    await nothingWasDone(node);
  });

  test.each(['soft', '', 5, null])('an invalidation of the mode %s', async (mode) => {
    const node = await filled();
    const refusal = { code: 'ERR_TIERWISE_INVALID_OPTION' };
    if (mode !== null) {
      await expect(node.cache.clear({ mode: mode as never })).rejects.toMatchObject(refusal);
      await expect(node.cache.invalidateTags([], { mode: mode as never })).rejects.toMatchObject(refusal);
      await expect(node.cache.invalidateTags(['a'], { mode: mode as never })).rejects.toMatchObject(refusal);
    }
    await nothingWasDone(node);
  });

  test('an error says where it belongs', async () => {
    const { cache } = lonely();
    const refused = cache.namespace('child').set('k', undefined);
    await expect(refused).rejects.toMatchObject({
      namespace: 'test:child',
      key: 'k',
      code: 'ERR_TIERWISE_INVALID_VALUE',
    });
    await expect(cache.getOrSet('k', ({ fail }) => fail('gone'))).rejects.toMatchObject({
      key: 'k',
      tier: 'source',
      cause: 'gone',
      code: 'ERR_TIERWISE_LOAD_FAILED',
    });
    const cause = new Error('gone');
    await expect(cache.getOrSet('k', ({ fail }) => fail(cause))).rejects.toMatchObject({ cause });
  });
});
