import {
  checkLife,
  checkNames,
  checkWrite,
  type L2,
  type L2CallOptions,
  type L2Life,
  type L2Read,
  type L2Write,
  type L2Written,
} from '@tierwise/l2';
import type { Calls, Route } from './calls.js';
import type { Fills } from './fills.js';
import { homeOf } from './home.js';
import { otherThan, type Side, sidesOf } from './phase.js';
import type { Sample } from './sample.js';
import type { Tally } from './tally.js';
import { toOuter, toOuterRead } from './version.js';

/** A purge goes through all keys, and each store limits each of its steps by itself. */
const PURGE_LIMIT_MS = 600_000;

export interface EntriesParts {
  readonly backend: string;
  readonly stores: Readonly<Record<Side, L2>>;
  readonly calls: Calls;
  readonly fills: Fills;
  readonly sample: Sample;
  readonly tally: Tally;
}

/**
 * Entries in two stores.
 *
 * Each store keeps the law of the fence by itself, whatever the other one does: a value gets into it only by a fill under its *own*
 * lease, or by a `set`; and every invalidation reaches both, and ends the leases of both, before it counts as done. Therefore what either
 * of them has may be served, and it does not matter whether two nodes agree on a key's home.
 */
export class Entries {
  readonly #parts: EntriesParts;

  constructor(parts: EntriesParts) {
    this.#parts = parts;
  }

  async read(namespace: string, keys: readonly string[], options?: L2CallOptions): Promise<L2Read[]> {
    this.#enter(options, namespace, keys);
    return this.#parts.calls.run('read', namespace, options, async ({ record, duties: { lead, isShared } }) => {
      const { tally, sample } = this.#parts;
      if (!isShared) return this.#readFrom(lead, namespace, keys, options);
      const homes = keys.map((key) => homeOf(namespace, key, record.percentage));
      const answers = await this.#readAt(homes, namespace, keys, options);
      const missing = [...keys.keys()].filter((index) => answers[index] === undefined);
      if (missing.length > 0) {
        // What was not set or loaded since it moved, the other store may still have.
        const others = missing.map((index) => otherThan(homes[index] as Side));
        const rest = missing.map((index) => keys[index] as string);
        const found = await this.#readAt(others, namespace, rest, options);
        for (const [at, index] of missing.entries()) {
          answers[index] = found[at];
          if (found[at] !== undefined) tally.fellBack += 1;
        }
      }
      sample.saw(namespace, keys);
      return answers;
    });
  }

  async write(namespace: string, entries: readonly L2Write[], options?: L2CallOptions): Promise<L2Written[]> {
    this.#enter(options, namespace);
    for (const entry of entries) checkWrite(this.#parts.backend, entry);
    return this.#parts.calls.run('write', namespace, options, async (route) => {
      const answers: L2Written[] = [];
      const take = async (isFill: boolean, act: (entries: readonly L2Write[]) => Promise<L2Written[]>) => {
        const mine = [...entries.keys()].filter((index) => (entries[index]?.lease !== undefined) === isFill);
        if (mine.length === 0) return;
        const written = await act(mine.map((index) => entries[index] as L2Write));
        for (const [at, index] of mine.entries()) answers[index] = written[at] as L2Written;
      };
      await take(true, (fills) => this.#parts.fills.fill(namespace, fills, route, options));
      await take(false, (sets) => this.#set(namespace, sets, route, options));
      return answers;
    });
  }

  async delete(namespace: string, keys: readonly string[], options?: L2CallOptions): Promise<boolean[]> {
    this.#enter(options, namespace, keys);
    return this.#change('delete', namespace, keys, options, (store) => store.delete(namespace, keys, options));
  }

  async expire(namespace: string, keys: readonly string[], options?: L2CallOptions): Promise<boolean[]> {
    this.#enter(options, namespace, keys);
    return this.#change('expire', namespace, keys, options, (store) => store.expire(namespace, keys, options));
  }

  async touch(namespace: string, keys: readonly string[], life: L2Life, options?: L2CallOptions): Promise<boolean[]> {
    this.#enter(options, namespace, keys);
    checkLife(this.#parts.backend, life);
    return this.#change('touch', namespace, keys, options, (store) => store.touch(namespace, keys, life, options));
  }

  async purge(namespace: string, options?: L2CallOptions): Promise<number> {
    this.#enter(options, namespace);
    const { calls } = this.#parts;
    const purged = new Map<Side, number>();
    for (let isDone = false; !isDone; ) {
      const step = async (route: Route) => {
        const left = sidesOf(route.duties).filter((side) => !purged.has(side));
        await Promise.all(
          left.map(async (side) =>
            purged.set(side, await this.#order(side, (store) => store.purge(namespace, options))),
          ),
        );
        return left.length === 0;
      };
      // It may take so long that there is another store to be purged by then.
      isDone = await calls.run('purge', namespace, options, step, PURGE_LIMIT_MS);
    }
    return [...purged.values()].reduce((sum, count) => sum + count, 0);
  }

  /**
   * A value goes into one store, and the other one loses what it had, in this order: of two nodes that set a key at once, one in this
   * store, one in that, the other way round each could delete before the other one writes, and both values would stay.
   */
  async #set(
    namespace: string,
    sets: readonly L2Write[],
    { record, duties: { lead, follower, isShared } }: Route,
    options: L2CallOptions | undefined,
  ): Promise<L2Written[]> {
    const { backend, sample } = this.#parts;
    const homes = sets.map(({ key }) => (isShared ? homeOf(namespace, key, record.percentage) : lead));
    const answers: L2Written[] = [];
    await inGroups(homes, async (home, indexes) => {
      const mine = indexes.map((index) => sets[index] as L2Write);
      const written = await this.#order(home, (store) => store.write(namespace, mine, options));
      if (follower !== undefined) {
        const keys = mine.map(({ key }) => key);
        await this.#order(otherThan(home), (store) => store.delete(namespace, keys, options));
      }
      for (const [at, index] of indexes.entries()) answers[index] = outerWritten(backend, home, written[at]);
    });
    if (isShared) {
      const keys = sets.map(({ key }) => key);
      sample.saw(namespace, keys);
    }
    return answers;
  }

  /** Something that invalidates or prolongs, in both stores at once. */
  #change(
    operation: string,
    namespace: string,
    keys: readonly string[],
    options: L2CallOptions | undefined,
    act: (store: L2) => Promise<boolean[]>,
  ): Promise<boolean[]> {
    return this.#parts.calls.run(operation, namespace, options, async ({ duties }) => {
      const answers = await Promise.all(sidesOf(duties).map((side) => this.#order(side, act)));
      return keys.map((_, index) => answers.some((each) => each[index] === true));
    });
  }

  async #readAt(
    sides: readonly Side[],
    namespace: string,
    keys: readonly string[],
    options: L2CallOptions | undefined,
  ): Promise<L2Read[]> {
    const answers: L2Read[] = Array.from({ length: keys.length });
    await inGroups(sides, async (side, indexes) => {
      const mine = indexes.map((index) => keys[index] as string);
      const reads = await this.#readFrom(side, namespace, mine, options);
      for (const [at, index] of indexes.entries()) answers[index] = reads[at];
    });
    return answers;
  }

  async #readFrom(
    side: Side,
    namespace: string,
    keys: readonly string[],
    options: L2CallOptions | undefined,
  ): Promise<L2Read[]> {
    const { stores, tally, backend } = this.#parts;
    const reads = await stores[side].read(namespace, keys, options);
    for (const read of reads) if (read !== undefined) tally.read[side] += 1;
    return reads.map((read) => toOuterRead(backend, side, read));
  }

  #order<T>(side: Side, act: (store: L2) => Promise<T>): Promise<T> {
    const { stores, tally } = this.#parts;
    return tally.order(side, act(stores[side]));
  }

  #enter(options: L2CallOptions | undefined, namespace: string, keys: readonly string[] = []): void {
    const { calls, backend } = this.#parts;
    calls.enter(options);
    checkNames(backend, 'namespace', [namespace]);
    checkNames(backend, 'key', keys);
  }
}

/** What a store said of a write, as the hierarchy is to see it. */
export function outerWritten(backend: string, side: Side, written: L2Written | undefined): L2Written {
  if (written?.status !== 'stored') return { status: 'refused' };
  return { status: 'stored', version: toOuter(backend, side, written.version) };
}

/** Does something with the indexes of each store's share, at once. */
async function inGroups(
  sides: readonly Side[],
  act: (side: Side, indexes: readonly number[]) => Promise<void>,
): Promise<void> {
  const shares = (['from', 'to'] as const).map((side) => ({
    side,
    indexes: [...sides.keys()].filter((index) => sides[index] === side),
  }));
  await Promise.all(shares.map(({ side, indexes }) => (indexes.length > 0 ? act(side, indexes) : undefined)));
}
