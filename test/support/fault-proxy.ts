import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { type Fault, Pipe } from './fault-pipe.js';

export type { Fault } from './fault-pipe.js';

/** `toServer`: requests. `toClient`: replies, and whatever the server pushes. */
type Direction = 'toServer' | 'toClient';

/** Where a fault works. What is left out means all. */
export interface Where {
  readonly label?: string;
  readonly direction?: Direction;
}

export interface FaultProxyOptions {
  /** The port of the server, on loopback. */
  readonly port: number;
  /**
   * Names a connection after what its client sends, so that faults can be meant for some connections only. Asked with every
   * chunk; the last answer but `undefined` counts. A connection without a name has the label `''`.
   */
  readonly labelOf?: (chunk: Buffer) => string | undefined;
}

/** A TCP proxy on loopback that does to connections what networks do. */
export class FaultProxy {
  readonly #options: FaultProxyOptions;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  readonly #faults = new Set<{ readonly fault: Fault; readonly where: Where }>();
  #port = 0;
  #refusals = 0;

  private constructor(options: FaultProxyOptions) {
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client));
  }

  static async start(options: FaultProxyOptions): Promise<FaultProxy> {
    const proxy = new FaultProxy(options);
    await proxy.#listen();
    return proxy;
  }

  /** Where clients connect to. */
  get port(): number {
    return this.#port;
  }

  /** How many connections there are. */
  connections(label?: string): number {
    return [...this.#links].filter((link) => label === undefined || link.label === label).length;
  }

  /**
   * Does something to what passes from now on, on connections that there are and that come.
   *
   * @returns how to end it. Delayed bytes still come when they are due. A connection that has lost bytes to a silence stays
   * silent for good: a stream with a hole in it is no stream.
   */
  inject(fault: Fault, where: Where = {}): () => void {
    const rule = { fault, where };
    this.#faults.add(rule);
    return () => {
      this.#faults.delete(rule);
    };
  }

  /** Resets connections, on both sides. What was on its way in them is lost. @returns how many there were. */
  cut(label?: string): number {
    const links = [...this.#links].filter((link) => label === undefined || link.label === label);
    for (const link of links) link.reset();
    return links.length;
  }

  /**
   * Leaves connections half open: the server's side is reset, the client is not told, and what it says goes nowhere. New ones work.
   *
   * @returns how many there were.
   */
  forsake(label?: string): number {
    const links = [...this.#links].filter((link) => label === undefined || link.label === label);
    for (const link of links) link.forsake();
    return links.length;
  }

  /** Cuts all connections, and has new ones refused. @returns how to accept them again. */
  refuse(): () => Promise<void> {
    this.#refusals += 1;
    this.#server.close();
    this.cut();
    let isOver = false;
    return async () => {
      if (isOver) return;
      isOver = true;
      this.#refusals -= 1;
      if (this.#refusals === 0) await this.#listen();
    };
  }

  async stop(): Promise<void> {
    this.cut();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #listen(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  #accept(client: Socket): void {
    const server = connect({ port: this.#options.port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    const link: Link = new Link(client, server, {
      labelOf: this.#options.labelOf ?? (() => undefined),
      faults: (label, direction) =>
        [...this.#faults]
          .filter(({ where }) => (where.label ?? label) === label && (where.direction ?? direction) === direction)
          .map(({ fault }) => fault),
      onEnd: () => this.#links.delete(link),
    });
    this.#links.add(link);
  }
}

interface LinkHost {
  readonly labelOf: (chunk: Buffer) => string | undefined;
  readonly faults: (label: string, direction: Direction) => readonly Fault[];
  readonly onEnd: () => void;
}

/** One client's connection, and ours to the server on its behalf. */
class Link {
  label = '';
  readonly #sockets: readonly [Socket, Socket];
  readonly #host: LinkHost;
  #ended = false;

  constructor(client: Socket, server: Socket, host: LinkHost) {
    this.#sockets = [client, server];
    this.#host = host;
    const cut = () => this.reset();
    const requests = new Pipe(server, () => host.faults(this.label, 'toServer'), cut);
    const replies = new Pipe(client, () => host.faults(this.label, 'toClient'), cut);
    client.on('data', (chunk: Buffer) => {
      this.label = host.labelOf(chunk) ?? this.label;
      requests.pass(chunk);
    });
    server.on('data', (chunk: Buffer) => replies.pass(chunk));
    client.on('end', () => {
      if (server.destroyed) client.end();
      else requests.finish();
    });
    server.on('end', () => replies.finish());
    // A reset, or a refusal: the other side learns of it as of what else happens, by and by.
    client.on('error', () => requests.break());
    server.on('error', () => replies.break());
    for (const socket of this.#sockets) {
      socket.on('close', () => {
        if (this.#sockets.every(({ closed }) => closed)) this.#end();
      });
    }
  }

  reset(): void {
    for (const socket of this.#sockets) reset(socket);
    this.#end();
  }

  /** Leaves the client with a connection that leads nowhere. */
  forsake(): void {
    reset(this.#sockets[1]);
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#host.onEnd();
  }
}

/** Node 20 loses the handle of a socket that is reset while its end is under way, and then spins when the process is to end. */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
