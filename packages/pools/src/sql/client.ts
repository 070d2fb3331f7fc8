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

/** A connection was refused, cut or ended by the server: its `FATAL` errors, and all that have no SQLSTATE. */
export function isFatal(error: unknown): boolean {
  if (!(error instanceof Error)) return true;
  if ('severity' in error && (error.severity === 'FATAL' || error.severity === 'PANIC')) return true;
  // 08: connection exception. Errors of the socket have codes such as ECONNRESET, those of `pg` have none.
  return !('code' in error && typeof error.code === 'string' && /^(?!08)[0-9A-Z]{5}$/.test(error.code));
}
