export {
  type CachedQuery,
  cachedQuery,
  invalidateTables,
  type RowCache,
  type RowCacheOptions,
} from './cached-query.js';
export type { SqlClient, SqlResult } from './client.js';
export type { QueryOptions, SqlSession, SqlTransaction } from './session.js';
export { type SqlPool, type SqlPoolOptions, sqlPool } from './sql-pool.js';
export { SqlAfterCommitError, SqlRolledBackError, type TransactionOptions } from './transaction.js';
