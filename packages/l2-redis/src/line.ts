import type { Redis } from 'ioredis';
import type { Settings } from './options.js';
import type { RedisL2Lane } from './pool-options.js';
import { type Identity, Server } from './server.js';

/** The number of no connection, to ask whether it may be ended. */
const NOBODY = Number.MAX_SAFE_INTEGER;

/** One connection of a pool's, from when it was made until it is lost. */
export class Line {
  readonly lane: RedisL2Lane;
  readonly client: Redis;
  readonly server: Server;
  /** Whether it may be used: it was met, and is not lost. */
  isUsable = false;
  isLost = false;
  /** Its number in Redis; `undefined` where Redis does not tell, or this user may not end connections. */
  id: number | undefined;

  constructor(lane: RedisL2Lane, client: Redis, settings: Settings) {
    this.lane = lane;
    this.client = client;
    this.server = new Server(client, settings, true);
  }

  /** Whether what is sent would go out. ioredis calls a client ready until its socket has closed, but rejects calls once the other side has ended it. */
  get isOpen(): boolean {
    return !this.isLost && this.client.status === 'ready' && this.client.stream?.writable !== false;
  }

  /** Learns who is there, and whether it can be fenced off. */
  async meet(): Promise<Identity> {
    const id = Promise.all([this.client.client('ID'), this.client.client('KILL', 'ID', NOBODY)]).then(
      ([own]) => Number(own),
      () => undefined,
    );
    const identity = await this.server.meet();
    this.id = await id;
    return identity;
  }

  /**
   * Has Redis end another connection, before anything else that is sent over this one: what lies unread in that one's socket is not done
   * any more, however long it was on its way. Never rejects. @returns whether that is known to be so.
   */
  fenceOff(id: number): Promise<boolean> {
    return this.client.client('KILL', 'ID', id).then(
      () => true,
      () => false,
    );
  }
}
