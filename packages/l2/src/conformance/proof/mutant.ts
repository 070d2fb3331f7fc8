import { expect, test } from 'vitest';
import type { L2, L2Feed, L2Host, L2Leases, L2LogicalTime, L2News, L2Replay, L2Transactions } from '../../contract.js';
import type { MemoryStore } from '../../memory.js';
import { Bench } from '../bench.js';
import { casesFor } from '../cases.js';
import { L2_CAPABILITIES } from '../harness.js';
import { memoryTestStore } from './memory-harness.js';

/** A sound L2, all of whose capabilities are there, and the store that it is a node on. */
export interface Sound {
  readonly l2: L2;
  readonly leases: L2Leases;
  readonly time: L2LogicalTime;
  readonly feed: L2Feed;
  readonly replay: L2Replay;
  readonly transactions: L2Transactions;
  readonly store: MemoryStore;
}

/** A way to break a sound backend, and the cases that must notice. */
export interface Mutant {
  readonly name: string;
  /** What the broken one does instead. */
  readonly instead: (sound: Sound) => Partial<{ [part in keyof L2]: L2[part] | undefined }>;
  /** Titles of the cases that fail. */
  readonly noticedBy: readonly string[];
}

/** How long cases wait for news that a mutant never sends, in milliseconds. */
const PATIENCE_MS = 100;

const allCases = casesFor(L2_CAPABILITIES);

/**
 * Registers a test for each mutant: every case that is named for it fails. And one for all: no case of these groups is left
 * that no mutant makes fail.
 */
export function proveGroups(groups: readonly string[], mutants: readonly Mutant[]): void {
  test.each(mutants)('noticed: $name', async ({ instead, noticedBy }) => {
    for (const title of noticedBy) await expectToFail(title, instead);
  });

  test('every case can fail', () => {
    const titles = allCases.flatMap((each) => (groups.includes(each.group) ? [each.title] : []));
    expect(titles).not.toEqual([]);
    const proven = new Set(mutants.flatMap((mutant) => mutant.noticedBy));
    expect(titles.filter((title) => !proven.has(title))).toEqual([]);
  });
}

async function expectToFail(title: string, instead: Mutant['instead']): Promise<void> {
  const found = allCases.filter((each) => each.title === title);
  expect(found.length, `cases with the title '${title}'`).toBe(1);
  const bench = new Bench(
    memoryTestStore((l2, store) => broken(l2, store, instead)),
    PATIENCE_MS,
  );
  const error = await found[0]?.run(bench).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  await bench.close().catch(() => {});
  expect(error, `'${title}' should fail`).toBeInstanceOf(Error);
  // A mutant that crashes of itself proves nothing.
  expect(error).not.toBeInstanceOf(TypeError);
  expect(error).not.toBeInstanceOf(ReferenceError);
}

function broken(l2: L2, store: MemoryStore, instead: Mutant['instead']): L2 {
  const { leases, time, feed, replay, transactions } = l2;
  if (!leases || !time || !feed || !replay || !transactions) throw new Error('the sound one lacks a part');
  return { ...plain(l2), ...instead({ l2, leases, time, feed, replay, transactions, store }) } as L2;
}

/** The same L2 without a prototype, so that parts of it can be replaced. */
function plain(l2: L2): L2 {
  return {
    name: l2.name,
    open: (host) => l2.open(host),
    close: () => l2.close(),
    read: (...args) => l2.read(...args),
    write: (...args) => l2.write(...args),
    delete: (...args) => l2.delete(...args),
    expire: (...args) => l2.expire(...args),
    touch: (...args) => l2.touch(...args),
    purge: (...args) => l2.purge(...args),
    health: (...args) => l2.health(...args),
    ...(l2.leases && { leases: l2.leases }),
    ...(l2.time && { time: l2.time }),
    ...(l2.feed && { feed: l2.feed }),
    ...(l2.replay && { replay: l2.replay }),
    ...(l2.transactions && { transactions: l2.transactions }),
  };
}

/** A mutation of what a node hears. */
export function hears(change: (news: L2News, tell: L2Host['onNews']) => void): Mutant['instead'] {
  return ({ l2 }) => ({
    open: (host) => l2.open({ ...host, onNews: (news) => change(news, host.onNews) }),
  });
}

/** A mutation of names, in every call that takes keys: two names that become one meet. */
export function renames(
  nameOf: (name: string) => string,
  namespaceOf: (name: string) => string = (namespace) => namespace,
): Mutant['instead'] {
  return ({ l2, leases, time }) => {
    const all = (names: readonly string[]): string[] => names.map(nameOf);
    const rename = <T extends { readonly key: string }>(entries: readonly T[]): T[] =>
      entries.map((entry) => ({ ...entry, key: nameOf(entry.key) }));
    return {
      read: (namespace, keys, options) => l2.read(namespaceOf(namespace), all(keys), options),
      write: (namespace, entries, options) => l2.write(namespaceOf(namespace), rename(entries), options),
      delete: (namespace, keys, options) => l2.delete(namespaceOf(namespace), all(keys), options),
      expire: (namespace, keys, options) => l2.expire(namespaceOf(namespace), all(keys), options),
      touch: (namespace, keys, life, options) => l2.touch(namespaceOf(namespace), all(keys), life, options),
      purge: (namespace, options) => l2.purge(namespaceOf(namespace), options),
      leases: {
        ...leases,
        acquire: (namespace, requests, ttlMs, options) =>
          leases.acquire(namespaceOf(namespace), rename(requests), ttlMs, options),
        release: (namespace, key, ...rest) => leases.release(namespaceOf(namespace), nameOf(key), ...rest),
      },
      time: {
        marks: (namespace, tags, options) => time.marks(namespaceOf(namespace), all(tags), options),
        advance: (namespace, tags, ...rest) => time.advance(namespaceOf(namespace), tags && all(tags), ...rest),
      },
    };
  };
}
