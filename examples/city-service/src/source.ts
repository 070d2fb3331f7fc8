import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { PGlite } from '@electric-sql/pglite';
import { runChild } from './child.js';
import { fill } from './data-set.js';

/**
 * The source: a process with a PostgreSQL inside, which answers SQL over HTTP. It has one connection, so one query
 * runs at a time.
 */
runChild(async () => {
  const database = await PGlite.create();
  await fill(database);
  const server = createServer(async (request, response) => {
    try {
      const { text, params } = (await json(request)) as { text: string; params: unknown[] };
      const { rows } = await database.query(text, params);
      response.setHeader('content-type', 'application/json').end(JSON.stringify(rows));
    } catch (error) {
      response.statusCode = 500;
      response.end(JSON.stringify({ error: String(error) }));
    }
  });
  // No connection is closed for idleness: a query that just sets out on it would be lost.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    ready: { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await database.close();
    },
  };
});
