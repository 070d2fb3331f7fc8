import { digestOf } from './parameters.js';
import type { QueryOptions, SqlSession } from './session.js';

/**
 * What is needed of a cache: a hierarchy of `@tierwise/hierarchy`, or one of its namespaces, has it. One for each database, and for each user where
 * the database shows its users different rows: the statement, its values and nothing else are the key.
 */
export interface RowCache {
  getOrSet<V>(
    key: string,
    load: (context: { readonly signal: AbortSignal }) => Promise<V>,
    options?: RowCacheOptions & { tags?: readonly string[]; signal?: AbortSignal },
  ): Promise<V>;
  invalidateTags(tags: readonly string[]): Promise<void>;
}

/** Lives of cached rows, in milliseconds. Default: the cache's own. */
export interface RowCacheOptions {
  ttl?: number;
  staleWhileRevalidate?: number;
  staleIfError?: number;
}

/** A statement whose rows are cached. */
export interface CachedQuery extends RowCacheOptions {
  readonly text: string;
  /** Every table that the rows come from, views and functions looked through; spelled as in {@link invalidateTables}. */
  readonly tables: readonly string[];
}

/**
 * Makes a function that answers the rows of a statement from a cache, and asks the database if they are not there. They carry a tag for
 * each table; {@link invalidateTables} makes them dead.
 *
 * Not for use within a transaction, which must see its own writes, and must not show them to others: use the transaction's own `query` there.
 */
export function cachedQuery<R>(
  db: SqlSession,
  cache: RowCache,
  { text, tables, ...lives }: CachedQuery,
): (values?: readonly unknown[], options?: QueryOptions) => Promise<R[]> {
  const tags = tables.map(tagOf);
  return async (values = [], { signal } = {}) =>
    cache.getOrSet(
      // Hashed: parameters may be secrets, and of any length.
      `sql:${digestOf(text, values)}`,
      async (context) => (await db.query<R>(text, values, { signal: context.signal })).rows,
      { ...lives, tags, ...(signal && { signal }) },
    );
}

/**
 * Makes all cached rows of these tables dead, everywhere. To be called after the commit, never before it: what others load between the two would be
 * the old rows, and would stay. A process that is killed between the two leaves the old rows where they are until their `ttl` is over.
 *
 * ```ts
 * await db.transaction(async (tx) => {
 *   tx.afterCommit(() => invalidateTables(cache, ['users']));
 *   await tx.query('UPDATE users …');
 * });
 * ```
 */
export function invalidateTables(cache: RowCache, tables: readonly string[]): Promise<void> {
  return cache.invalidateTags(tables.map(tagOf));
}

function tagOf(table: string): string {
  return `table:${table}`;
}
