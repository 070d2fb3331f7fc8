import type { SqlResult } from './client.js';

/** Options of one statement. */
export interface QueryOptions {
  /**
   * Ends the wait for a connection, or the statement: then the connection under it is given up, since there is no other way that needs no
   * second connection, and a transaction with it. Whether a statement that writes took effect is unknown. The call rejects with the signal's
   * reason.
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

/** `unknown`: the connection broke during the commit, which may have happened or may yet happen. */
export type CommitOutcome = 'committed' | 'unknown';

/** The session of a transaction. It ends with the function that it was handed to. */
export interface SqlTransaction extends SqlSession {
  /**
   * Has `task` run after the commit, with the other tasks: the place for invalidating what was cached. It does not run after a rollback.
   *
   * If the outcome is unknown it runs twice: at once, and when the server cannot be at it any more (`statementTimeout` and a second later, or at
   * `close()`), since others may load the old rows in between. What it throws the second time is ignored.
   */
  afterCommit(task: (outcome: CommitOutcome) => unknown): void;
}
