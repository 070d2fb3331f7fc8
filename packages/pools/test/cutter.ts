import { connect, createServer, type Server, type Socket } from 'node:net';

/** A way to a server that can be cut: the reset of every socket at once. */
export interface Cutter {
  readonly port: number;
  /** How many connections go through it. */
  readonly open: number;
  cut(): void;
  close(): Promise<void>;
}

export async function startCutter(target: { readonly host: string; readonly port: number }): Promise<Cutter> {
  const near = new Set<Socket>();
  const server: Server = createServer((socket) => {
    const far = connect(target);
    near.add(socket);
    socket
      .on('error', () => {})
      .on('close', () => {
        near.delete(socket);
        far.destroy();
      });
    far.on('error', () => {}).on('close', () => socket.destroy());
    socket.pipe(far).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('the server has no port');
  const cut = (): void => {
    for (const socket of near) socket.resetAndDestroy();
  };
  return {
    port: address.port,
    get open() {
      return near.size;
    },
    cut,
    close: async () => {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
