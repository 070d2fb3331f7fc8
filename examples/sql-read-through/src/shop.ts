/** One of the shops: a pool of connections, and a hierarchy that it shares with the other one. */
import { createHierarchy } from '@tierwise/hierarchy';
import { embeddedL2 } from '@tierwise/l2-embedded';
import { cachedQuery, invalidateTables, sqlPool } from '@tierwise/pools/sql';
import type { Database } from './database.js';

export interface Shop {
  /** Answers the price, and where it came from. */
  readPrice(name: string): Promise<string>;
  /** Changes a price; `decide` is asked before the commit, and whatever it throws rolls it back. */
  changePrice(name: string, price: number, decide: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

export function openShop(database: Database, dir: string): Shop {
  const cache = createHierarchy({ namespace: 'shop', ttl: '10m', l2: embeddedL2({ dir }) });
  const db = sqlPool({ client: () => database.client(), max: 2 });
  const priceOf = cachedQuery<{ price: number }>(db, cache, {
    text: 'SELECT price FROM products WHERE name = $1',
    tables: ['products'],
  });
  const borrowed = () => db.stats().hits + db.stats().misses;

  return {
    readPrice: async (name) => {
      const before = borrowed();
      const [row] = await priceOf([name]);
      return `${row?.price} € from the ${borrowed() > before ? 'database' : 'cache'}`;
    },
    changePrice: (name, price, decide) =>
      db.transaction(async (tx) => {
        tx.afterCommit(() => invalidateTables(cache, ['products']));
        await tx.query('UPDATE products SET price = $2 WHERE name = $1', [name, price]);
        await decide();
      }),
    close: async () => {
      await db.close();
      await cache.close();
    },
  };
}
