import type { Record, Written } from './isolation.js';

/** What is needed of a transaction: those of the sources and those of the built package are both one. */
interface AnyTransaction {
  getMany(keys: readonly string[]): Promise<unknown[]>;
  set(key: string, value: unknown): void;
  commit(): Promise<void>;
  rollback(): void;
}

export interface RandomTransactions {
  readonly nodes: readonly { begin(): AnyTransaction }[];
  readonly keys: readonly string[];
  /** How many run at once on each node, and how many each of them runs. */
  readonly actors: number;
  readonly each: number;
  /** 0 to 1. */
  readonly random: () => number;
  /** Lets the others go on. */
  readonly yield: () => Promise<void>;
}

/** A generator of chance that a number decides (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Transactions of every kind, on several nodes at once: readers, increments, and those that read some keys and write another one, from which
 * write skew comes. A twelfth is rolled back.
 */
export async function runRandomTransactions(world: RandomTransactions): Promise<Record[]> {
  const history: Record[] = [];
  const actor = async (cache: { begin(): AnyTransaction }, name: string) => {
    for (let number = 0; number < world.each; number++) history.push(await runOne(world, cache, `${name}.${number}`));
  };
  await Promise.all(
    world.nodes.flatMap((cache, node) =>
      Array.from({ length: world.actors }, (_, index) => actor(cache, `n${node}a${index}`)),
    ),
  );
  return history;
}

async function runOne(world: RandomTransactions, cache: { begin(): AnyTransaction }, id: string): Promise<Record> {
  const { random, keys } = world;
  const reads = new Map<string, string[]>();
  const writes = new Map<string, string>();
  const record = (outcome: Record['outcome']): Record => ({ id, outcome, reads, writes });
  const pick = () => keys[Math.floor(random() * keys.length)] ?? '';
  const tx = cache.begin();
  try {
    for (let step = 0, steps = 1 + Math.floor(random() * 4); step < steps; step++) {
      if (random() < 0.2) await readMany(tx, [pick(), pick()], writes, reads);
      else await readMany(tx, [pick()], writes, reads);
      if (random() < 0.5) await world.yield();
    }
    for (let number = Math.floor(random() * 3); number > 0; number--) await writeOne(tx, id, pick(), writes, reads);
    if (random() < 0.5) await world.yield();
    if (random() < 1 / 12) {
      tx.rollback();
      return record('rolled back');
    }
    await tx.commit();
    return record('committed');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ERR_TIERWISE_TRANSACTION_CONFLICT') return record('conflict');
    throw error;
  }
}

async function readMany(
  tx: AnyTransaction,
  keys: readonly string[],
  writes: ReadonlyMap<string, string>,
  reads: Map<string, string[]>,
): Promise<void> {
  const values = (await tx.getMany(keys)) as (Written | undefined)[];
  for (const [index, key] of keys.entries()) {
    if (!writes.has(key)) reads.set(key, [...(reads.get(key) ?? []), values[index]?.id ?? 'none']);
  }
}

async function writeOne(
  tx: AnyTransaction,
  id: string,
  key: string,
  writes: Map<string, string>,
  reads: Map<string, string[]>,
): Promise<void> {
  if (writes.has(key)) return;
  await readMany(tx, [key], writes, reads);
  const before = reads.get(key)?.at(-1) ?? 'none';
  tx.set(key, { id, before } satisfies Written);
  writes.set(key, before);
}
