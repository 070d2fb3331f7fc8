import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A way to a server that can keep what clients send for itself, even when they are gone, and deliver it later: as a network may. */
export interface Relay {
  readonly url: string;
  /** Keeps what comes from now on. */
  hold(): void;
  /** How many bytes it keeps. */
  readonly held: number;
  /** Cuts the clients off, and leaves the way to the server open. New ones are let in. */
  cutClients(): void;
  /** Delivers what it kept. @returns when the server has ended these connections, or done what came over them. */
  deliver(): Promise<void>;
}

/** A relay to a port of this machine, until the test is over. */
export async function startRelay(port: number): Promise<Relay> {
  const links = new Set<{ near: Socket; far: Socket; kept: Buffer[] }>();
  let isHolding = false;
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    const link = { near, far, kept: [] as Buffer[] };
    links.add(link);
    near.on('data', (bytes) => {
      if (isHolding) link.kept.push(bytes);
      else far.write(bytes);
    });
    far.on('data', (bytes) => {
      if (!near.destroyed) near.write(bytes);
    });
    far.on('close', () => near.destroy());
    for (const socket of [near, far]) socket.on('error', () => {});
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const { near, far } of links) {
      near.destroy();
      far.destroy();
    }
    server.close();
  });
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hold: () => {
      isHolding = true;
    },
    get held() {
      return [...links].reduce((sum, { kept }) => sum + kept.reduce((bytes, chunk) => bytes + chunk.length, 0), 0);
    },
    cutClients: () => {
      isHolding = false;
      for (const { near } of links) near.destroy();
    },
    deliver: async () => {
      isHolding = false;
      const answers = [...links]
        .filter(({ far, kept }) => kept.length > 0 && !far.destroyed)
        .map(async ({ far, kept }) => {
          const over = new Promise<unknown>((resolve) => far.once('data', resolve).once('close', resolve));
          for (const bytes of kept.splice(0)) far.write(bytes);
          await over;
        });
      await Promise.all(answers);
    },
  };
}
