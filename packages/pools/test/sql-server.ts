import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import pg from 'pg';
import { type Cutter, startCutter } from './cutter.js';

/** A database that tests write to, behind a way that can be cut. */
export interface SqlServer {
  readonly cutter: Cutter;
  /** Not connected yet. */
  client(): pg.Client;
  /** Past what can be cut; undefined if there is but one session. */
  readonly direct: (() => pg.Client) | undefined;
  /** Has the server end every connection that came through {@link client}; undefined if it cannot. */
  readonly terminate: (() => Promise<void>) | undefined;
  close(): Promise<void>;
}

/** PostgreSQL compiled to WebAssembly, in this process: one session for all its connections, and no `pg_terminate_backend`. */
export async function pgliteServer(): Promise<SqlServer> {
  const db = await PGlite.create();
  const server = new PGLiteSocketServer({ db, port: 0, host: '127.0.0.1', maxConnections: 50 });
  await server.start();
  const port = Number(server.getServerConn().split(':').at(-1));
  const cutter = await startCutter({ host: '127.0.0.1', port });
  return {
    cutter,
    client: () => new pg.Client({ host: '127.0.0.1', port: cutter.port, user: 'postgres', database: 'postgres' }),
    direct: undefined,
    terminate: undefined,
    close: async () => {
      await cutter.close();
      await server.stop();
      await db.close();
    },
  };
}

/** A server of the user's, such as `DATABASE_URL` names. */
export async function givenServer(url: string): Promise<SqlServer> {
  const { hostname, port, username, password, pathname } = new URL(url);
  const cutter = await startCutter({ host: hostname, port: Number(port || 5432) });
  const direct = () => new pg.Client({ connectionString: url });
  const application = `tierwise-${process.pid}`;
  return {
    cutter,
    client: () =>
      new pg.Client({
        host: '127.0.0.1',
        port: cutter.port,
        user: decodeURIComponent(username),
        password: decodeURIComponent(password),
        database: pathname.slice(1) || undefined,
        application_name: application,
      }),
    direct,
    terminate: async () => {
      const admin = direct();
      await admin.connect();
      await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1', [
        application,
      ]);
      await admin.end();
    },
    close: () => cutter.close(),
  };
}
