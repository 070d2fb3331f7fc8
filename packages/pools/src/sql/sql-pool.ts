import { systemClock } from '../clock.js';
import { PoolOptionError, PoolTimeoutError } from '../errors.js';
import { LimitReached, withLimit } from '../limit.js';
import type { PoolListener, PoolStats } from '../observed.js';
import type { PoolLimits } from '../options.js';
import { ConnectionPool } from '../pool.js';
import { isFatal, type SqlClient, type SqlResult } from './client.js';
import { Doubts, runAll } from './doubts.js';
import type { QueryOptions, SqlSession, SqlTransaction } from './session.js';
import { type Line, runTransaction, SqlAfterCommitError, type TransactionOptions } from './transaction.js';

/** Options of {@link sqlPool}. Sizes and times are those of any pool; `name` is `sql` by default. */
export interface SqlPoolOptions extends PoolLimits {
  /** Makes a client that is not connected yet: `() => new pg.Client({ connectionString })`. */
  readonly client: () => SqlClient;
  /**
   * How long one statement may take, in milliseconds, 1 to 86,400,000. The server ends it then (its `statement_timeout`); should the server not
   * answer for a second more, the connection is given up and the call rejects with a {@link PoolTimeoutError}. Default: 30,000.
   */
  readonly statementTimeout?: number | undefined;
  /**
   * A connection that has been idle for that long, in milliseconds, is asked `SELECT 1` before it is lent. Default: never; what ends is noticed by its
   * socket, and idle connections are asked in the background.
   */
  readonly validateAfter?: number | undefined;
}

/** A pool of connections to a PostgreSQL server. */
export interface SqlPool extends SqlSession {
  /**
   * Runs `work` in a transaction: committed when it resolves, rolled back when it rejects. One connection is borrowed until then.
   *
   * Rejects with what `work` rejects with, the server's error, {@link SqlRolledBackError}, {@link SqlCommitUnknownError},
   * {@link SqlAfterCommitError}, or the pool's.
   */
  transaction<R>(work: (tx: SqlTransaction) => Promise<R>, options?: TransactionOptions): Promise<R>;
  /** Makes connections until there are `min`. */
  warmUp(): Promise<void>;
  /** As {@link ConnectionPool.drain}. */
  drain(deadline: number): Promise<boolean>;
  /** As {@link ConnectionPool.close}. */
  close(options?: { readonly deadline?: number | undefined }): Promise<void>;
  stats(): PoolStats;
  on(listener: PoolListener): () => void;
}

/** How much longer than `statementTimeout` the server's word is awaited. */
const GRACE_MS = 1_000;

/** A pool for `pg`. Connects when something is asked. Throws a {@link PoolOptionError}. */
export function sqlPool({ client: newClient, statementTimeout = 30_000, ...limits }: SqlPoolOptions): SqlPool {
  const name = limits.name ?? 'sql';
  if (!Number.isSafeInteger(statementTimeout) || statementTimeout < 1 || statementTimeout > 86_400_000) {
    throw new PoolOptionError(name, 'statementTimeout must be a whole number of milliseconds from 1 to 86,400,000');
  }
  const clock = limits.clock ?? systemClock;
  const doubts = new Doubts(clock, statementTimeout + GRACE_MS);
  const isAlive = async (client: SqlClient): Promise<boolean> => {
    await client.query({ text: 'SELECT 1' });
    return true;
  };
  const pool = new ConnectionPool<SqlClient>({
    ...limits,
    name,
    create: async ({ signal, lost }) => {
      const client = newClient();
      client.on('error', lost);
      client.on('end', () => lost(new Error('the connection ended')));
      // A client that connects cannot be told to stop; ending it is the next best, and what it says then is of no interest.
      signal.addEventListener('abort', () => void client.end().catch(() => {}), { once: true });
      await client.connect();
      await client.query({ text: `SET statement_timeout = ${statementTimeout}` });
      return client;
    },
    destroy: (client) => client.end(),
    check: isAlive,
    validate: limits.validateAfter === undefined ? undefined : isAlive,
  });

  /** Lends a connection to `work`; it is not lent again after an error that leaves it in doubt. */
  async function lent<R>(work: (line: Line) => Promise<R>, signal: AbortSignal | undefined): Promise<R> {
    const client = await pool.acquire({ signal });
    let broken: Line['broken'];
    const run: Line['run'] = async (text, values = [], options = {}) => {
      if (broken) throw broken.error;
      options.signal?.throwIfAborted();
      const ask = async (): Promise<SqlResult<unknown>> => client.query({ text, values: [...values] });
      try {
        return await withLimit(clock, statementTimeout + GRACE_MS, ask, undefined, options.signal);
      } catch (cause) {
        const error =
          cause instanceof LimitReached
            ? new PoolTimeoutError(name, 'the server did not answer', statementTimeout + GRACE_MS, { cause })
            : cause;
        if (isFatal(error) || options.signal?.aborted) broken ??= { error };
        throw error;
      }
    };
    const line: Line = {
      run,
      get broken() {
        return broken;
      },
    };
    try {
      return await work(line);
    } finally {
      pool.release(client, { discard: broken !== undefined });
    }
  }

  return {
    query: <R>(text: string, values?: readonly unknown[], options?: QueryOptions) =>
      lent((line) => line.run(text, values, options), options?.signal) as Promise<SqlResult<R>>,
    transaction: async (work, options = {}) => {
      const { result, tasks, doubt } = await lent((line) => runTransaction(name, line, work, options), options.signal);
      const outcomes = await runAll(tasks, doubt ? 'unknown' : 'committed');
      if (doubt) {
        doubts.add(tasks);
        throw doubt;
      }
      const failed = outcomes.find((outcome) => outcome.status === 'rejected');
      if (failed) throw new SqlAfterCommitError(name, failed.reason);
      return result;
    },
    warmUp: () => pool.warmUp(),
    drain: (deadline) => pool.drain(deadline),
    close: async (options) => {
      await pool.close(options);
      await doubts.settle();
    },
    stats: () => pool.stats(),
    on: (listener) => pool.on(listener),
  };
}
