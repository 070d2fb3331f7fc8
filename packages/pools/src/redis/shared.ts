import { PoolClosedError } from '../errors.js';
import type { ResolvedLimits } from '../options.js';
import { ConnectionPool } from '../pool.js';
import { connected, disconnected, isOpen, type RedisConnection } from './client.js';

/** Connections that are shared, and the pool that lends them, in which they count as borrowed for as long as they live. */
export function sharedConnections<C extends RedisConnection>(
  limits: ResolvedLimits,
  count: number,
  newClient: () => C,
): { readonly lanes: SharedLanes<C>; readonly pool: ConnectionPool<C> } {
  const pool: ConnectionPool<C> = new ConnectionPool<C>({
    ...limits,
    name: `${limits.name}.shared`,
    min: 0,
    max: count,
    create: async ({ signal, lost }) => {
      const client = newClient();
      const onLost = (error?: unknown): void => {
        lost(error);
        lanes.lost(client);
      };
      return connected(client, { signal, lost: onLost });
    },
    destroy: disconnected,
  });
  const lanes = new SharedLanes(pool, count);
  return { lanes, pool };
}

/**
 * One of the shared connections of a pool, or the place for one: for whoever has to know which connection a call takes, to keep the order of
 * calls that belong together.
 */
export interface RedisLane<C> {
  /** How many calls are under way on it, whoever's they are. */
  readonly calls: number;
  /**
   * Its connection, which is made if there is none. Everybody gets the same, for as long as it lives; it says `close` when it is gone.
   *
   * Rejects with a {@link PoolConnectError} or {@link PoolTimeoutError} if none can be made, and with a {@link PoolClosedError}.
   */
  connection(): Promise<C>;
  /** Counts a call that was sent on the connection until it is answered. Never rejects, whatever the answer. */
  count(answer: Promise<unknown>): void;
}

/** See {@link RedisLane}. */
class Lane<C extends RedisConnection> implements RedisLane<C> {
  calls = 0;
  client: C | undefined;
  connecting: Promise<C> | undefined;
  readonly #connect: (lane: Lane<C>) => Promise<C>;

  constructor(connect: (lane: Lane<C>) => Promise<C>) {
    this.#connect = connect;
  }

  async connection(): Promise<C> {
    return this.client && isOpen(this.client) ? this.client : this.#connect(this);
  }

  count(answer: Promise<unknown>): void {
    this.calls++;
    const settled = (): void => {
      this.calls--;
    };
    answer.then(settled, settled);
  }
}

/** Connections on which many calls are under way at once, each pipelined behind the others. */
export class SharedLanes<C extends RedisConnection> {
  readonly #pool: ConnectionPool<C>;
  readonly #lanes: readonly Lane<C>[];
  #closed = false;

  /** @param pool - lends the connections, which are kept for as long as they live. */
  constructor(pool: ConnectionPool<C>, count: number) {
    this.#pool = pool;
    this.#lanes = Array.from({ length: count }, () => new Lane<C>((lane) => this.#connect(lane)));
  }

  /** Each of them. */
  get all(): readonly RedisLane<C>[] {
    return this.#lanes;
  }

  /** Calls that are under way. */
  get calls(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.calls, 0);
  }

  async use<R>(fn: (client: C) => R | Promise<R>): Promise<R> {
    const lane = this.#leastLoaded();
    lane.calls++;
    try {
      // An open connection is used at once, so that calls made one after another are sent in that order.
      const client = lane.client && isOpen(lane.client) ? lane.client : await this.#connect(lane);
      return await fn(client);
    } finally {
      lane.calls--;
    }
  }

  /** Nothing new is taken; what is lent goes back, so that its pool can close. Calls under way are given up. */
  close(): void {
    this.#closed = true;
    for (const lane of this.#lanes) this.#giveUp(lane);
  }

  /** A connection ended by itself: it goes back at once, although calls are still being rejected on it. */
  lost(client: C): void {
    const lane = this.#lanes.find((it) => it.client === client);
    if (lane) this.#giveUp(lane);
  }

  #leastLoaded(): Lane<C> {
    const [first, ...others] = this.#lanes;
    if (!first) throw new Error('there is at least one lane');
    return others.reduce((least, lane) => (lane.calls < least.calls ? lane : least), first);
  }

  /** Who comes while a lane connects waits for the same connection. */
  async #connect(lane: Lane<C>): Promise<C> {
    if (this.#closed) throw new PoolClosedError(this.#pool.name);
    this.#giveUp(lane);
    lane.connecting ??= this.#borrow(lane).finally(() => {
      lane.connecting = undefined;
    });
    return lane.connecting;
  }

  async #borrow(lane: Lane<C>): Promise<C> {
    const client = await this.#pool.acquire();
    // It may have been closed while this one waited.
    if (this.#closed) {
      this.#pool.release(client, { discard: true });
      throw new PoolClosedError(this.#pool.name);
    }
    lane.client = client;
    return client;
  }

  #giveUp(lane: Lane<C>): void {
    const { client } = lane;
    if (!client) return;
    lane.client = undefined;
    this.#pool.release(client, { discard: true });
  }
}
