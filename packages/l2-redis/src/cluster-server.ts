import type { Address } from './cluster-slots.js';
import { type Connection, nodeConnection } from './connection.js';
import type { Settings } from './options.js';
import { Server, stamperOf } from './server.js';

export interface ClusterServerListener {
  /**
   * It answers, and calls may be sent to it from now on.
   *
   * @param isOther whether it may have lost what it acknowledged before: it was restarted, or another one took its address.
   */
  readonly onMet: (server: ClusterServer, isOther: boolean) => void;
  /** It refuses to be met, with words of its own. */
  readonly onRefused: (error: Error) => void;
  /** Its connection is gone. What was under way on it is rejected by ioredis. */
  readonly onLost: (server: ClusterServer) => void;
}

/** A server of a Cluster, by a connection of ours. */
export class ClusterServer {
  readonly address: Address;
  readonly server: Server;
  readonly #connection: Connection;
  readonly #listener: ClusterServerListener;
  #run: string | undefined;
  #isMet = false;
  #isClosed = false;
  /** When it is asked again to let itself be met. */
  #again: NodeJS.Timeout | undefined;
  readonly #pauseMs: number;

  constructor(settings: Settings, address: Address, listener: ClusterServerListener) {
    this.address = address;
    this.#listener = listener;
    this.#pauseMs = settings.maxReconnectDelay;
    this.#connection = nodeConnection(settings, address);
    this.server = new Server(this.#connection.client, settings, true);
  }

  get isReady(): boolean {
    return this.#isMet && this.#connection.client.status === 'ready';
  }

  get lastError(): Error | undefined {
    return this.#connection.lastError();
  }

  connect(): void {
    const { client } = this.#connection;
    client.on('ready', () => void this.#meet());
    client.on('close', () => {
      this.#isMet = false;
      this.server.clock.forget();
      if (!this.#isClosed) this.#listener.onLost(this);
    });
    client.connect().catch(() => {});
  }

  close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#again);
    return this.#connection.close();
  }

  async #meet(): Promise<void> {
    const { client } = this.#connection;
    const { stream } = client;
    try {
      const id = client.cluster('MYID');
      const [name, { run }] = await Promise.all([id, this.server.meet()]);
      if (client.stream !== stream || this.#isClosed) return;
      // Without the right to ask for more, its name in the cluster has to do.
      this.server.known.stamper ||= stamperOf(String(name));
      const isOther = run === undefined || (this.#run !== undefined && run !== this.#run);
      this.#run = run;
      this.#isMet = true;
      this.#listener.onMet(this, isOther);
    } catch (error) {
      // A connection that was lost is followed by another. What Redis refuses, it may grant later: when it has loaded its data, say.
      if (!(error instanceof Error && error.name === 'ReplyError') || client.stream !== stream || this.#isClosed)
        return;
      this.#listener.onRefused(error);
      clearTimeout(this.#again);
      this.#again = setTimeout(() => {
        if (client.stream === stream && client.status === 'ready') void this.#meet();
      }, this.#pauseMs).unref();
    }
  }
}
