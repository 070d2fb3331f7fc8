/**
 * A checker of isolation, after Elle (Kingsbury and Alvaro, VLDB 2020) in its simplest form: every write is of a value of its own, which
 * names the write and the value that it replaced, so that reads tell what they depend on, and anomalies are cycles.
 */

/** What a transaction wrote: who it was, and which value it had read before, if it had. */
export interface Written {
  /** Of the transaction that wrote it. */
  readonly id: string;
  /** The id of the transaction whose value of the key it replaced; `'none'` for none. */
  readonly before: string;
}

/** A transaction as it went. */
export interface Record {
  readonly id: string;
  readonly outcome: 'committed' | 'conflict' | 'rolled back';
  /** Per key, the ids of the transactions whose values it read, in order; `'none'` where there was none. */
  readonly reads: ReadonlyMap<string, readonly string[]>;
  /** Per key that it wrote, the id that it says it replaced. */
  readonly writes: ReadonlyMap<string, string>;
}

/** @returns what cannot have happened under serialisable isolation, in words; nothing where all is well. */
export function findAnomalies(history: readonly Record[]): string[] {
  const byId = new Map(history.map((record) => [record.id, record]));
  const committed = history.filter(({ outcome }) => outcome === 'committed');
  const found: string[] = [];
  for (const { id, reads } of history) {
    for (const [key, ids] of reads) {
      if (new Set(ids).size > 1) found.push(`non-repeatable read: ${id} read ${ids.join(', then ')} of ${key}`);
      for (const other of ids) {
        if (other !== 'none' && byId.get(other)?.outcome !== 'committed') {
          found.push(`dirty read: ${id} read ${key} of ${other}, which was never committed`);
        }
      }
    }
  }
  // Per key, who came after whom. Two that replaced the same one: one of them was lost.
  const successors = new Map<string, string[]>();
  for (const { id, writes } of committed) {
    for (const [key, before] of writes) {
      const place = `${key} of ${before}`;
      successors.set(place, [...(successors.get(place) ?? []), id]);
    }
  }
  for (const [place, ids] of successors) {
    if (ids.length > 1) found.push(`lost update: ${ids.join(' and ')} both replaced ${place}`);
  }
  const cycle = findCycle(history, successors);
  if (cycle !== undefined) found.push(`not serialisable: ${cycle.join(' → ')}`);
  return found;
}

/**
 * Who has to come before whom: writers before their readers and their successors, readers before who replaced what they read. Those that
 * were not committed count as readers: they were not to see either what never stood together.
 */
function findCycle(
  history: readonly Record[],
  successors: ReadonlyMap<string, readonly string[]>,
): string[] | undefined {
  const after = new Map<string, Set<string>>(history.map(({ id }) => [id, new Set()]));
  const order = (first: string, then: string): void => {
    if (first !== then) after.get(first)?.add(then);
  };
  for (const { id, outcome, reads, writes } of history) {
    for (const [, before] of outcome === 'committed' ? writes : []) order(before, id);
    for (const [key, ids] of reads) {
      for (const writer of ids) {
        order(writer, id);
        for (const next of successors.get(`${key} of ${writer}`) ?? []) order(id, next);
      }
    }
  }
  const state = new Map<string, 'open' | 'done'>();
  const path: string[] = [];
  const visit = (id: string): string[] | undefined => {
    if (state.get(id) === 'done') return undefined;
    if (state.get(id) === 'open') return [...path.slice(path.indexOf(id)), id];
    state.set(id, 'open');
    path.push(id);
    for (const next of after.get(id) ?? []) {
      const cycle = visit(next);
      if (cycle !== undefined) return cycle;
    }
    path.pop();
    state.set(id, 'done');
    return undefined;
  };
  for (const { id } of history) {
    const cycle = visit(id);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
