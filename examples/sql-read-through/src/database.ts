import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import pg from 'pg';

/** A database that speaks the wire protocol of PostgreSQL. */
export interface Database {
  /** Not connected yet. */
  client(): pg.Client;
  stop(): Promise<void>;
}

/** PostgreSQL in WebAssembly, in this process and in memory: nothing has to be installed. */
export async function startDatabase(): Promise<Database> {
  const db = await PGlite.create();
  const server = new PGLiteSocketServer({ db, host: '127.0.0.1', port: 0, maxConnections: 10 });
  await server.start();
  const port = Number(server.getServerConn().split(':').at(-1));
  return {
    client: () => new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' }),
    stop: async () => {
      await server.stop();
      await db.close();
    },
  };
}
