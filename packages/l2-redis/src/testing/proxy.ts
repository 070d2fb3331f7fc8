import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A way to a server that can be made worse. */
export interface TestProxy {
  readonly url: string;
  /** `hole`: connections are accepted and lead nowhere, as behind a firewall that forgot them. Counts for new ones. */
  mode: 'pipe' | 'hole';
  /** For how long everything is held up, in each direction, in milliseconds. */
  delayMs: number;
  /** Cuts all connections. */
  cut(): void;
}

/** A proxy before a port of this machine, until the test is over. */
export async function startProxy(port: number): Promise<TestProxy> {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    return socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  };
  const proxy = { url: '', mode: 'pipe' as 'pipe' | 'hole', delayMs: 0, cut };
  function cut(): void {
    for (const socket of sockets) socket.destroy();
  }
  const pass = (from: Socket, to: Socket): void => {
    from.on('data', (bytes) => {
      if (proxy.delayMs === 0) to.write(bytes);
      else setTimeout(() => to.write(bytes), proxy.delayMs);
    });
    from.on('close', () => to.destroy());
  };
  const server = createServer((near) => {
    keep(near);
    if (proxy.mode === 'hole') return void near.resume();
    const far = keep(connect(port, '127.0.0.1'));
    pass(near, far);
    pass(far, near);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  proxy.url = `redis://127.0.0.1:${(server.address() as AddressInfo).port}`;
  onTestFinished(() => {
    cut();
    server.close();
  });
  return proxy;
}
