import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { memoryL2 } from '@tierwise/l2/memory';
import { afterEach, describe, expect, test } from 'vitest';
import { type Cache, createHierarchy, type Hierarchy, type HierarchyOptions, type ValidationMode } from './index.js';

/**
 * The table of `docs/validation.md`, row for row: what is tried, and what becomes of it in each mode. `accepted` and `refused` are
 * the call's fate; any other word is what else `verdictOf` says of it.
 */
interface Row {
  readonly what: string;
  readonly cells: Readonly<Record<ValidationMode, string>>;
  readonly code: string;
  readonly options?: Partial<HierarchyOptions>;
  readonly attempt: (cache: Hierarchy) => unknown;
}

const MODES = ['strict', 'normal', 'relaxed'] as const;
const KEY = 'ERR_TIERWISE_INVALID_KEY';
const DURATION = 'ERR_TIERWISE_INVALID_DURATION';
const VALUE = 'ERR_TIERWISE_INVALID_VALUE';
const YEAR_MS = 365 * 86_400_000;

const everywhere = (fate: string) => ({ strict: fate, normal: fate, relaxed: fate });
const cells = (strict: string, normal: string, relaxed: string) => ({ strict, normal, relaxed });

/** A key that is accepted does all that a key does. */
const useKey = (key: string) => async (cache: Cache) => {
  await cache.set(key, 'value');
  await expect(cache.get(key)).resolves.toBe('value');
  await cache.delete(key);
  await expect(cache.getOrSet(key, () => 'loaded')).resolves.toBe('loaded');
  expect(cache.peek(key)).toBe('loaded');
};

/** So does a tag. */
const useTags = (tags: readonly string[]) => async (cache: Cache) => {
  await cache.getOrSet('k', () => 'loaded', { tags });
  expect((await cache.getEntry('k'))?.tags).toEqual(tags);
  await cache.invalidateTags(tags.slice(-1));
  await expect(cache.get('k')).resolves.toBeUndefined();
};

const useTtl = (ttl: number) => async (cache: Cache) => {
  await cache.set('k', 'value', { ttl });
  const entry = await cache.getEntry('k');
  if (entry === undefined) return 'nothing is stored';
  return Math.abs(entry.freshMs - YEAR_MS) < 60_000 ? 'a year' : undefined;
};

const many = (count: number) => Array.from({ length: count }, (_, index) => `t${index}`);

const ROWS: readonly Row[] = [
  ...[
    { what: 'a key that is no string', key: 5 as unknown as string, cells: everywhere('refused') },
    { what: 'the empty key', key: '', cells: everywhere('refused') },
    { what: 'a key of 1,000 characters', key: 'x'.repeat(1000), cells: everywhere('accepted') },
    { what: 'of 1,001', key: 'x'.repeat(1001), cells: cells('refused', 'refused', 'accepted') },
    { what: 'of 10,001', key: 'x'.repeat(10_001), cells: everywhere('refused') },
    { what: 'a null character in a key', key: '\u0000test:child\u0000k', cells: everywhere('refused') },
    { what: 'a lone surrogate', key: 'a\ud800', cells: everywhere('refused') },
    {
      what: 'another control character (U+0001 to U+001F, U+007F)',
      key: 'a\nb',
      cells: cells('refused', 'refused', 'accepted'),
    },
    {
      what: 'a control character of the second set (U+0080 to U+009F)',
      key: 'a\u0085',
      cells: cells('refused', 'accepted', 'accepted'),
    },
    {
      what: 'an invisible character (zero-width, a change of direction …)',
      key: 'a\u200bb',
      cells: cells('refused', 'accepted', 'accepted'),
    },
    {
      what: 'a separator of lines or paragraphs (U+2028, U+2029)',
      key: 'a\u2028b',
      cells: cells('refused', 'accepted', 'accepted'),
    },
    { what: 'white space at an end', key: 'a ', cells: cells('refused', 'accepted', 'accepted') },
    { what: 'what is not in Unicode normal form C', key: 'e\u0301', cells: cells('refused', 'accepted', 'accepted') },
    { what: 'any other key (`a b`, `{a}:*?`, `用户:🚀`)', key: '{a} b:*?用户🚀é', cells: everywhere('accepted') },
  ].map(({ what, key, cells }) => ({ what, cells, code: KEY, attempt: useKey(key) })),
  ...[
    { what: 'a tag with an invisible character', tags: ['a\u200bb'], cells: cells('refused', 'accepted', 'accepted') },
    { what: 'a tag with a line feed', tags: ['a\nb'], cells: cells('refused', 'refused', 'accepted') },
    { what: '32 tags at once', tags: many(32), cells: everywhere('accepted') },
    { what: '128', tags: many(128), cells: cells('refused', 'accepted', 'accepted') },
    { what: '129', tags: many(129), cells: cells('refused', 'refused', 'accepted') },
    { what: '1,001', tags: many(1001), cells: everywhere('refused') },
    { what: 'a tag that is named twice', tags: ['a', 'a'], cells: cells('refused', 'accepted', 'accepted') },
  ].map(({ what, tags, cells }) => ({ what, cells, code: KEY, attempt: useTags(tags) })),
  ...[
    { what: 'a time to live of 0', ttl: 0, cells: everywhere('nothing is stored') },
    { what: 'of a year', ttl: YEAR_MS, cells: everywhere('a year') },
    { what: 'of more than that', ttl: YEAR_MS + 1, cells: cells('refused', 'refused', 'a year') },
    { what: '`Infinity`', ttl: Number.POSITIVE_INFINITY, cells: cells('refused', 'refused', 'a year') },
    { what: '`NaN`', ttl: Number.NaN, cells: everywhere('refused') },
    { what: 'a negative one', ttl: -1, cells: everywhere('refused') },
    { what: 'a fraction of a millisecond', ttl: 1000.5, cells: cells('refused', 'accepted', 'accepted') },
  ].map(({ what, ttl, cells }) => ({ what, cells, code: DURATION, attempt: useTtl(ttl) })),
  {
    what: 'a namespace with a line feed',
    cells: everywhere('refused'),
    code: KEY,
    attempt: (cache) => cache.namespace('a\nb'),
  },
  {
    what: 'a namespace with white space at an end',
    cells: cells('refused', 'accepted', 'accepted'),
    code: KEY,
    attempt: (cache) => cache.namespace('a '),
  },
  {
    what: '`undefined` as a value',
    cells: everywhere('refused'),
    code: VALUE,
    attempt: (cache) => cache.set('k', undefined),
  },
  {
    what: 'a value that cannot be encoded (a function, a promise …)',
    cells: everywhere('refused'),
    code: 'ERR_TIERWISE_UNSERIALIZABLE',
    attempt: (cache) => cache.set('k', () => 1),
  },
  {
    what: 'a value that is larger than `l1.maxBytes`',
    cells: cells('refused', 'kept in L2 alone', 'kept in L2 alone'),
    code: VALUE,
    options: { l1: { maxBytes: 100 } },
    attempt: async (cache) => {
      await cache.set('k', 'x'.repeat(200));
      const inL1 = cache.peek('k') !== undefined;
      return !inL1 && (await cache.get('k')) !== undefined ? 'kept in L2 alone' : 'kept elsewhere';
    },
  },
];

let open: Hierarchy[] = [];
afterEach(async () => {
  await Promise.all(open.map((cache) => cache.close()));
  open = [];
});

function hierarchy(options: Partial<HierarchyOptions>): Hierarchy {
  const cache = createHierarchy({ namespace: 'test', l2: memoryL2(), ...options });
  open.push(cache);
  return cache;
}

async function verdictOf(attempt: () => unknown): Promise<string> {
  try {
    return ((await attempt()) as string | undefined) ?? 'accepted';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

describe.each(MODES)('%s', (validation) => {
  test.each(ROWS)('$what', async ({ cells, code, options, attempt }) => {
    const cache = hierarchy({ validation, ...options });
    const fate = cells[validation];
    const verdict = await verdictOf(async () => {
      const answer = await attempt(cache);
      return typeof answer === 'string' ? answer : undefined;
    });
    expect(verdict).toBe(fate === 'refused' ? code : fate);
  });
});

test('normal is the default', async () => {
  expect(await verdictOf(() => hierarchy({}).set('a\nb', 1))).toBe(KEY);
  expect(await verdictOf(() => hierarchy({}).set('a ', 1))).toBe('accepted');
});

test('another mode is refused', () => {
  expect(() => hierarchy({ validation: 'lax' as ValidationMode })).toThrow("'strict', 'normal' or 'relaxed'");
});

test('what is accepted in relaxed mode meets nothing else: neither another key nor another namespace', async () => {
  const cache = hierarchy({ validation: 'relaxed', namespace: 'a' });
  const child = cache.namespace('b');
  const keys = [
    'k',
    'k\n',
    '\nk',
    '\u0001k',
    'k\u007f',
    'b',
    ':k',
    'b\u0001k',
    `${'x'.repeat(9_999)}1`,
    `${'x'.repeat(9_999)}2`,
  ];
  for (const [index, key] of keys.entries()) {
    await cache.set(key, `root ${index}`);
    await child.set(key, `child ${index}`);
  }
  expect(await cache.getMany(keys)).toEqual(keys.map((_, index) => `root ${index}`));
  expect(await child.getMany(keys)).toEqual(keys.map((_, index) => `child ${index}`));
});

test('in strict mode, a loader that names a tag twice, or gives a fraction or too large a value, fails its load', async () => {
  const cache = hierarchy({ validation: 'strict', l1: { maxBytes: 100 } });
  const load = (loader: Parameters<Cache['getOrSet']>[1]) =>
    verdictOf(async () => void (await cache.getOrSet('k', loader)));
  expect(await load((ctx) => ctx.setTags(['a', 'a']))).toBe(KEY);
  expect(await load((ctx) => ctx.setTtl(1.5))).toBe(DURATION);
  expect(await load(() => 'x'.repeat(200))).toBe(VALUE);
  expect(await load(() => 'x')).toBe('accepted');
});

test('in strict mode, options are held to it as well', () => {
  for (const options of [{ ttl: 0.5 }, { l1: { ttl: 1.5 } }, { staleIfError: 0.1 }, { namespace: 'a ' }]) {
    expect(() => hierarchy({ validation: 'strict', ...options })).toThrow(/strict/);
  }
});

test('docs/validation.md has this very table', async () => {
  const docs = await readFile(join(import.meta.dirname, '../../../docs/validation.md'), 'utf8');
  const table = ROWS.map(({ what, cells }) => `| ${what} | ${MODES.map((mode) => cells[mode]).join(' | ')} |`);
  expect(docs.split('\n').filter((line) => line.startsWith('|'))).toEqual([
    '| | `strict` | `normal` | `relaxed` |',
    '|---|---|---|---|',
    ...table,
  ]);
});
