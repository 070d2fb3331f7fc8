import { type L2CallOptions, L2ClosedError, type L2Host, L2InUseError, L2UnavailableError } from '@tierwise/l2';
import { Call } from './call.js';
import { type Connection, connect, disconnect } from './connection.js';
import { Moments } from './moments.js';
import { NAME, type ResolvedOptions } from './options.js';

/**
 * How long to wait before the store is tried again after it could not be opened, in milliseconds: doubled each time.
 */
const RETRY_MS = { first: 100, last: 30_000 } as const;

/** The life of a node: from `open` to `close`, and the calls in between. */
export class EmbeddedNode {
  readonly options: ResolvedOptions;
  /** The namespaces that the host follows. */
  readonly follows = new Set<string>();
  /** What it has heard of the store's order of events. */
  readonly moments = new Moments();
  #host: L2Host | undefined;
  #connection: Connection | undefined;
  #failure: unknown;
  #retry: NodeJS.Timeout | undefined;
  #attempt: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(options: ResolvedOptions) {
    this.options = options;
  }

  async open(host: L2Host): Promise<void> {
    if (this.#closing !== undefined) throw new L2ClosedError(NAME);
    if (this.#host !== undefined) throw new L2InUseError(NAME);
    this.#host = host;
    await new Call().run('open', this.options.callTimeout, undefined, () => this.#tryToConnect(host, RETRY_MS.first));
  }

  /** Waits for the calls that are under way, each of which is bounded, and frees everything. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** The open connection, for a call that begins now. */
  connection(signal: AbortSignal | undefined): Connection {
    if (this.#closing !== undefined || this.#host === undefined) throw new L2ClosedError(NAME);
    if (this.#connection === undefined) {
      if (this.#failure === undefined) throw new L2ClosedError(NAME);
      throw new L2UnavailableError(NAME, 'the store could not be opened yet', { cause: this.#failure });
    }
    signal?.throwIfAborted();
    return this.#connection;
  }

  /** Runs a call that may have to wait. */
  async call<T>(
    operation: string,
    options: L2CallOptions | undefined,
    work: (connection: Connection, call: Call) => Promise<T>,
  ): Promise<T> {
    const connection = this.connection(options?.signal);
    const running = new Call().run(operation, this.options.callTimeout, options?.signal, (call) =>
      work(connection, call),
    );
    this.#underWay.add(running);
    try {
      return await running;
    } finally {
      this.#underWay.delete(running);
    }
  }

  #tryToConnect(host: L2Host, retryMs: number): Promise<void> {
    this.#attempt = this.#connectOnce(host).catch((error: unknown) => {
      this.#failure = error;
      if (this.#closing === undefined) {
        this.#retry = setTimeout(() => {
          this.#tryToConnect(host, Math.min(retryMs * 2, RETRY_MS.last)).catch(() => {});
        }, retryMs).unref();
      }
      throw error;
    });
    return this.#attempt;
  }

  async #connectOnce(host: L2Host): Promise<void> {
    const connection = await connect(this.options, host, this.follows, this.moments);
    if (this.#closing !== undefined) {
      await disconnect(connection, this.options.callTimeout);
      throw new L2ClosedError(NAME);
    }
    this.#connection = connection;
  }

  async #close(): Promise<void> {
    clearTimeout(this.#retry);
    const limit = this.options.callTimeout;
    await new Call().run('close', limit, undefined, async () => this.#attempt).catch(() => {});
    await Promise.allSettled(this.#underWay);
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection !== undefined) await disconnect(connection, limit);
  }
}
