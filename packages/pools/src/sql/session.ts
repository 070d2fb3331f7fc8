import type { SqlResult } from './client.js';

/** Options of one statement. */
export interface QueryOptions {
  /**
   * Ends the wait for a connection, or the statement: then the connection under it is cut, since there is no other way that needs no
   * second connection. Whether a statement that writes took effect is unknown. The call rejects with the signal's reason.
   */
  readonly signal?: AbortSignal | undefined;
}

/** Whatever runs statements: the pool, or a transaction. */
export interface SqlSession {
  /**
   * Runs one statement; `values` are its parameters `$1`, `$2` …
   *
   * Rejects with the server's error, as `pg` makes it, or with the pool's.
   */
  query<R = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
    options?: QueryOptions,
  ): Promise<SqlResult<R>>;
}

/** The session of a transaction. It ends with the function that it was handed to. */
export interface SqlTransaction extends SqlSession {
  /**
   * Has `task` run after the commit, in the order of these calls: the place for invalidating what was cached. It does not run after a
   * rollback. It does run if the connection broke during the commit, since then the commit may have happened.
   */
  afterCommit(task: () => unknown): void;
}
