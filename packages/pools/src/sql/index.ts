export {
  type CachedQuery,
  cachedQuery,
  invalidateTables,
  type RowCache,
  type RowCacheOptions,
} from './cached-query.js';
export type { SqlClient, SqlResult } from './client.js';
export type { CommitOutcome, QueryOptions, SqlSession, SqlTransaction } from './session.js';
export { type SqlPool, type SqlPoolOptions, sqlPool } from './sql-pool.js';
export {
  SqlAfterCommitError,
  SqlCommitUnknownError,
  SqlRolledBackError,
  type TransactionOptions,
} from './transaction.js';
