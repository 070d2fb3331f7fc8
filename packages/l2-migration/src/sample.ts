import type { L2, L2Read } from '@tierwise/l2';
import { type MigrationClock, pause } from './clock.js';
import type { Side } from './phase.js';
import type { MigrationReport, Tally } from './tally.js';

/** A key that is not the same in both stores. */
export interface Difference {
  readonly namespace: string;
  readonly key: string;
  /** `bytes`: both have it, with other bytes. `from`, `to`: that store alone has it. */
  readonly kind: 'bytes' | Side;
}

/** What one comparison found. */
export type Comparison = Pick<MigrationReport, 'compared' | 'equal' | 'different' | 'missingInFrom' | 'missingInTo'> & {
  /** The first hundred of them. */
  readonly differences: readonly Difference[];
};

export interface SampleParts {
  readonly stores: Readonly<Record<Side, L2>>;
  readonly clock: MigrationClock;
  readonly random: () => number;
  readonly share: number;
  readonly tally: Tally;
  readonly onDifference: (difference: Difference) => void;
}

/** Keys that are remembered as used of late, to be compared. */
const MAX_RECENT = 10_000;
/** Keys of one question. */
const CHUNK = 500;
/** Between the two looks at a key that seems to differ, in milliseconds: a deed that is under way is in one store first. */
const SECOND_LOOK_MS = 100;
const MAX_DIFFERENCES = 100;

/** Compares what both stores have. */
export class Sample {
  readonly #parts: SampleParts;
  /** Namespaces and keys, the least recently used first. */
  readonly #recent = new Map<string, readonly [namespace: string, key: string]>();
  #comparing: Promise<unknown> | undefined;

  constructor(parts: SampleParts) {
    this.#parts = parts;
  }

  /** Keys were used. Of some of them it is looked, behind, whether they are the same in both stores: never more than one look at a time. */
  saw(namespace: string, keys: readonly string[]): void {
    const { random, share } = this.#parts;
    for (const key of keys) {
      const id = `${namespace.length}:${namespace}${key}`;
      this.#recent.delete(id);
      this.#recent.set(id, [namespace, key]);
      const [oldest] = this.#recent.keys();
      if (this.#recent.size > MAX_RECENT && oldest !== undefined) this.#recent.delete(oldest);
    }
    if (share === 0 || this.#comparing !== undefined) return;
    const chosen = keys.filter(() => random() < share);
    if (chosen.length === 0) return;
    this.#comparing = this.#look(namespace, chosen)
      .catch(() => {})
      .finally(() => {
        this.#comparing = undefined;
      });
  }

  /** Compares up to so many of the keys that this process used of late, chosen at random. */
  async compare(most: number): Promise<Comparison> {
    const chosen = pick([...this.#recent.values()], most, this.#parts.random);
    const byNamespace = new Map<string, string[]>();
    for (const [namespace, key] of chosen) {
      byNamespace.set(namespace, [...(byNamespace.get(namespace) ?? []), key]);
    }
    const found = { compared: 0, equal: 0, different: 0, missingInFrom: 0, missingInTo: 0 };
    const differences: Difference[] = [];
    for (const [namespace, keys] of byNamespace) {
      for (let at = 0; at < keys.length; at += CHUNK) {
        const chunk = keys.slice(at, at + CHUNK);
        const different = await this.#look(namespace, chunk);
        found.compared += chunk.length;
        found.equal += chunk.length - different.length;
        for (const { kind } of different) found[FIELD[kind]] += 1;
        differences.push(...different);
      }
    }
    return { ...found, differences: differences.slice(0, MAX_DIFFERENCES) };
  }

  async #look(namespace: string, keys: readonly string[]): Promise<readonly Difference[]> {
    const { clock, tally, onDifference } = this.#parts;
    let differences = await this.#differencesOf(namespace, keys);
    if (differences.length > 0) {
      await pause(clock, SECOND_LOOK_MS);
      const doubtful = differences.map(({ key }) => key);
      differences = await this.#differencesOf(namespace, doubtful);
    }
    tally.compared += keys.length;
    tally.equal += keys.length - differences.length;
    for (const difference of differences) {
      if (difference.kind === 'bytes') tally.different += 1;
      else tally.missing[difference.kind === 'from' ? 'to' : 'from'] += 1;
      onDifference(difference);
    }
    return differences;
  }

  async #differencesOf(namespace: string, keys: readonly string[]): Promise<readonly Difference[]> {
    const { from, to } = this.#parts.stores;
    const [olds, news] = await Promise.all([from.read(namespace, keys), to.read(namespace, keys)]);
    return keys.flatMap((key, index) => {
      const kind = kindOf(olds[index], news[index]);
      return kind === undefined ? [] : [{ namespace, key, kind }];
    });
  }
}

const FIELD = { bytes: 'different', from: 'missingInTo', to: 'missingInFrom' } as const;

function kindOf(old: L2Read, young: L2Read): Difference['kind'] | undefined {
  if (old === undefined || young === undefined) {
    if (old === young) return undefined;
    return old === undefined ? 'to' : 'from';
  }
  const areEqual = old.status === 'found' && young.status === 'found' && Buffer.compare(old.bytes, young.bytes) === 0;
  return areEqual ? undefined : 'bytes';
}

/** Some of them, each as likely as another. */
function pick<T>(items: T[], most: number, random: () => number): T[] {
  const count = Math.min(most, items.length);
  for (let at = 0; at < count; at += 1) {
    const other = at + Math.floor(random() * (items.length - at));
    [items[at], items[other]] = [items[other] as T, items[at] as T];
  }
  return items.slice(0, count);
}
