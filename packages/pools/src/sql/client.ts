/** What a statement answered: the part of `pg`'s result that we promise. */
export interface SqlResult<R> {
  readonly rows: R[];
  /** How many rows were read or written; `null` for statements that have no such number. */
  readonly rowCount: number | null;
  /** The command as the server confirms it: `SELECT`, `COMMIT`, `ROLLBACK` … */
  readonly command: string;
}

/** What the pool needs of a client: `new pg.Client(…)` has it. Not connected yet when handed over. */
export interface SqlClient {
  connect(): Promise<unknown>;
  query(statement: { text: string; values?: unknown[] }): Promise<SqlResult<unknown>>;
  end(): Promise<unknown>;
  on(event: 'error' | 'end', listener: (error?: Error) => void): unknown;
}

/** SQLSTATEs after which the server ends the connection, whatever language it says `FATAL` in; and that of a commit that may have happened. */
const ENDING = /^(?:08...|57P..|25P03|25P04|40003)$/;

/** A connection was refused, cut or ended by the server: its `FATAL` errors, and all that are not the server's, such as those of the socket. */
export function isFatal(error: unknown): boolean {
  // Not by the look of its code: EPIPE might be an SQLSTATE.
  if (!(error instanceof Error) || !('severity' in error)) return true;
  if (error.severity === 'FATAL' || error.severity === 'PANIC') return true;
  return !('code' in error) || ENDING.test(String(error.code));
}
