import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** An origin on loopback that counts what it is asked. */
export interface OriginServer {
  readonly url: string;
  readonly server: Server;
  /** Requests, as `METHOD path`. */
  readonly hits: string[];
  readonly requests: IncomingMessage[];
  readonly sockets: Set<Socket>;
  /** How many connections were made in all. */
  connections: number;
  stop(): Promise<void>;
}

export async function originServer(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  tls?: { readonly key: string; readonly cert: string },
): Promise<OriginServer> {
  const listener: RequestListener = (request, response) => {
    origin.hits.push(`${request.method} ${request.url}`);
    origin.requests.push(request);
    answer(request, response);
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  const sockets = new Set<Socket>();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  const origin: OriginServer = {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    server,
    hits: [],
    requests: [],
    sockets,
    connections: 0,
    stop,
  };
  server.on('connection', (socket: Socket) => {
    origin.connections++;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  onTestFinished(stop);
  return origin;
}

/** An origin whose every answer is another: which one a caller got says whether it was asked. */
export function counting(
  headers: Record<string, string>,
  more: (request: IncomingMessage, response: ServerResponse) => boolean | undefined = () => false,
) {
  let count = 0;
  return originServer((request, response) => {
    count++;
    // node:http takes its Date from a timer that a faked clock does not reach.
    response.sendDate = false;
    if (more(request, response)) return;
    response.writeHead(200, headers).end(`${count}`);
  });
}
