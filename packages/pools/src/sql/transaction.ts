import { PoolError, PoolMisuseError } from '../errors.js';
import type { SqlResult } from './client.js';
import type { CommitOutcome, QueryOptions, SqlTransaction } from './session.js';

/** Options of {@link SqlPool.transaction}. */
export interface TransactionOptions extends QueryOptions {
  /** Default: what the server is set to, usually `read committed`. */
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable' | undefined;
  /** Writes are refused by the server. Default: false. */
  readonly readOnly?: boolean | undefined;
}

/** The function returned, but the server had given the transaction up: a statement had failed, and its error was caught. */
export class SqlRolledBackError extends PoolError {
  constructor(pool: string) {
    super(
      'ERR_TIERWISE_POOL_ROLLED_BACK',
      pool,
      'the server rolled back instead of committing: a statement had failed',
    );
  }
}

/** The connection broke during the commit, which may have happened. `cause` says how it broke. */
export class SqlCommitUnknownError extends PoolError {
  constructor(pool: string, cause: unknown) {
    super('ERR_TIERWISE_POOL_COMMIT_UNKNOWN', pool, 'the connection broke during the commit, which may have happened', {
      cause,
    });
  }
}

/** The transaction is committed, but what should have been done after it failed. `cause` says why. */
export class SqlAfterCommitError extends PoolError {
  constructor(pool: string, cause: unknown) {
    super('ERR_TIERWISE_POOL_AFTER_COMMIT', pool, 'the transaction is committed, but a task after it failed', {
      cause,
    });
  }
}

/** A connection as long as it is borrowed. */
export interface Line {
  /** Runs a statement. */
  run(text: string, values?: readonly unknown[], options?: QueryOptions): Promise<SqlResult<unknown>>;
  /** The error that left the connection in doubt. Nothing is sent on it any more: what was given up may still be running. */
  readonly broken: { readonly error: unknown } | undefined;
}

/** What is to be done after a commit. */
export type AfterCommit = (outcome: CommitOutcome) => unknown;

/** Runs `work` between BEGIN and COMMIT of one connection. Answers what is to be done after the commit, too. */
export async function runTransaction<R>(
  pool: string,
  line: Line,
  work: (tx: SqlTransaction) => Promise<R>,
  options: TransactionOptions,
): Promise<{ readonly result: R; readonly tasks: readonly AfterCommit[]; readonly doubt?: SqlCommitUnknownError }> {
  const tasks: AfterCommit[] = [];
  let over = false;
  const alive = (): void => {
    if (over) throw new PoolMisuseError(pool, 'the transaction is over');
  };
  const tx: SqlTransaction = {
    query: async <Row>(text: string, values?: readonly unknown[], own?: QueryOptions) => {
      alive();
      return line.run(text, values, { signal: own?.signal ?? options.signal }) as Promise<SqlResult<Row>>;
    },
    afterCommit: (task) => {
      alive();
      tasks.push(task);
    },
  };
  await line.run(begin(options), [], { signal: options.signal });
  let result: R;
  try {
    result = await work(tx);
    options.signal?.throwIfAborted();
    // Though `work` swallowed it: the server rolls back what it was told on a connection that ends.
    if (line.broken) throw line.broken.error;
  } catch (error) {
    over = true;
    // What counts is the first error. On a broken line nothing is sent: the connection is given up, which rolls back, too.
    await line.run('ROLLBACK').catch(() => {});
    throw error;
  }
  over = true;
  try {
    const { command } = await line.run('COMMIT');
    if (command === 'ROLLBACK') throw new SqlRolledBackError(pool);
  } catch (error) {
    if (error instanceof SqlRolledBackError || !line.broken) throw error;
    return { result, tasks, doubt: new SqlCommitUnknownError(pool, error) };
  }
  return { result, tasks };
}

function begin({ isolation, readOnly }: TransactionOptions): string {
  const modes = [isolation && `ISOLATION LEVEL ${isolation.toUpperCase()}`, readOnly && 'READ ONLY'].filter(Boolean);
  return ['BEGIN', ...modes].join(' ');
}
