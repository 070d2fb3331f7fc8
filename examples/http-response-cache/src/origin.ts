import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A shop whose price each PUT raises, and whose accounts are their owners'. */
export async function startOrigin() {
  let hits = 0;
  let price = 10;
  const server = createServer((request, response) => {
    hits++;
    if (request.url === '/account') {
      response.writeHead(200, { 'cache-control': 'max-age=60' }).end(`account of ${request.headers.cookie}`);
      return;
    }
    if (request.method === 'PUT') price++;
    response.writeHead(200, { 'cache-control': 'max-age=60' }).end(`${price} €`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    hits: () => hits,
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
