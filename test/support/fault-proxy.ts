import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** `toServer`: requests. `toClient`: replies, and whatever the server pushes. */
type Direction = 'toServer' | 'toClient';

/** What is to be done to bytes that pass. */
export type Fault =
  /** Each chunk is held back for so many milliseconds. The order of bytes stays. */
  | { readonly kind: 'delay'; readonly ms: () => number }
  /** Nothing passes, and nothing says so: a half-open connection if in one direction, a cable pulled out if in both. */
  | { readonly kind: 'silence' };

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

  private constructor(options: FaultProxyOptions) {
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client));
  }

  static async start(options: FaultProxyOptions): Promise<FaultProxy> {
    const proxy = new FaultProxy(options);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** Where clients connect to. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
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

  async stop(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
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
    const requests = new Pipe(server, () => host.faults(this.label, 'toServer'));
    const replies = new Pipe(client, () => host.faults(this.label, 'toClient'));
    client.on('data', (chunk: Buffer) => {
      this.label = host.labelOf(chunk) ?? this.label;
      requests.pass(chunk);
    });
    server.on('data', (chunk: Buffer) => replies.pass(chunk));
    client.on('end', () => requests.end());
    server.on('end', () => replies.end());
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

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#host.onEnd();
  }
}

type Parcel = { readonly due: number } & ({ readonly chunk: Buffer } | { readonly end: 'finish' | 'reset' });

/** One direction of a link. Keeps the order of what passes, its end included. */
class Pipe {
  readonly #to: Socket;
  readonly #faults: () => readonly Fault[];
  readonly #queue: Parcel[] = [];
  /** When the last parcel is due: none that comes after it is due earlier. */
  #lastDue = 0;
  #silent = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(to: Socket, faults: () => readonly Fault[]) {
    this.#to = to;
    this.#faults = faults;
    to.on('close', () => clearTimeout(this.#timer));
  }

  pass(chunk: Buffer): void {
    this.#post((due) => ({ due, chunk }));
  }

  end(): void {
    this.#post((due) => ({ due, end: 'finish' }));
  }

  break(): void {
    this.#post((due) => ({ due, end: 'reset' }));
  }

  #post(parcel: (due: number) => Parcel): void {
    const faults = this.#faults();
    const delayMs = faults.reduce((sum, fault) => sum + (fault.kind === 'delay' ? fault.ms() : 0), 0);
    this.#silent ||= faults.some(({ kind }) => kind === 'silence');
    if (this.#silent) return;
    this.#lastDue = Math.max(this.#lastDue, performance.now() + delayMs);
    this.#queue.push(parcel(this.#lastDue));
    if (this.#queue.length === 1) this.#deliver();
  }

  #deliver(): void {
    for (;;) {
      const [parcel] = this.#queue;
      if (parcel === undefined || this.#to.destroyed) return;
      const waitMs = parcel.due - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#deliver(), waitMs);
        return;
      }
      this.#queue.shift();
      if ('chunk' in parcel) this.#to.write(parcel.chunk);
      else if (parcel.end === 'finish') this.#to.end();
      else reset(this.#to);
    }
  }
}

/** Node 20 loses the handle of a socket that is reset while its end is under way, and then spins when the process is to end. */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
