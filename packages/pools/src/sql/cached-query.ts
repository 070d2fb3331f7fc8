import { createHash } from 'node:crypto';
import { serialize } from 'node:v8';
import type { QueryOptions, SqlSession } from './session.js';

/** What is needed of a cache: a hierarchy of `@tierwise/hierarchy`, or one of its namespaces, has it. */
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
  /** Every table that the rows come from. */
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
  return (values = [], { signal } = {}) =>
    cache.getOrSet(
      keyOf(text, values),
      async (context) => (await db.query<R>(text, values, { signal: context.signal })).rows,
      { ...lives, tags, ...(signal && { signal }) },
    );
}

/**
 * Makes all cached rows of these tables dead, everywhere. To be called after the commit, never before it: what others load between the two would be
 * the old rows, and would stay.
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

/** Values of any type, told apart by type (1 is not '1'), in a key of bounded length that shows nothing of them. */
function keyOf(text: string, values: readonly unknown[]): string {
  return `sql:${createHash('sha256').update(text).update('\0').update(serialize(values)).digest('base64url')}`;
}
