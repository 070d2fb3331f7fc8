/** One of the two processes: fetches what it is told to, through a pool whose responses are kept in a hierarchy. */
import { createHierarchy } from '@tierwise/hierarchy';
import { embeddedL2 } from '@tierwise/l2-embedded';
import { redisL2 } from '@tierwise/l2-redis';
import { httpPool, responseCache } from '@tierwise/pools/http';

/** What a service is told, and what it says when it is done. */
export interface Order {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

const [place = '', namespace = ''] = process.argv.slice(2);
const hierarchy = createHierarchy({
  namespace,
  l2: place.startsWith('redis') ? redisL2({ url: place }) : embeddedL2({ dir: place }),
});
const cache = responseCache({ hierarchy });
const pool = httpPool({ cache });

process.on('message', async ({ method, url, headers }: Order) => {
  const response = await pool.fetch(url, { method, headers });
  const text = await response.text();
  // So that what the other process asks next shows what is shared.
  await cache.settled();
  process.send?.({ status: response.status, text } satisfies Answer);
});

process.once('disconnect', async () => {
  await pool.close();
  await hierarchy.close();
});
