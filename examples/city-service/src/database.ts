import { ConnectionPool } from '@tierwise/pools';
import { JsonClient } from './http.js';

/** The source runs one query at a time, and all that are loaded wait for it: a wait is no error here (milliseconds). */
const PATIENCE_MS = 120_000;

/** A client of the database that the source process keeps. */
export class Database {
  /** Where the source is. */
  readonly origin: string;
  readonly pool: ConnectionPool<JsonClient>;

  constructor(origin: string) {
    this.origin = origin;
    this.pool = new ConnectionPool({
      name: 'source',
      max: 256,
      maxWaiting: 100_000,
      acquireTimeout: PATIENCE_MS,
      create: () => new JsonClient(origin),
      destroy: (client) => client.close(),
    });
  }

  async query<Row>(text: string, params: readonly unknown[] = []): Promise<Row[]> {
    return this.pool.use(async (client) => (await client.ask('POST', '/query', { text, params })) as Row[]);
  }

  /** Queries under way are given up. */
  async close(): Promise<void> {
    await this.pool.close({ deadline: 0 });
  }
}
