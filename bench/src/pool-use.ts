/**
 * What it costs to borrow a connection that is there, and to give it back: ours beside tarn, generic-pool and no pool at all.
 *
 *   node bench/dist/pool-use.js [borrows per round] [rounds]
 *
 * The connection does nothing, so that only the pool is measured. The variants take turns, so that what the machine does beside hits all of
 * them, and the medians of the rounds count. Exits with 1 if `use` of ours takes 2 µs or more above no pool.
 */
import { ConnectionPool } from '@tierwise/pools';
import { createPool } from 'generic-pool';
import { Pool } from 'tarn';

const MAX_OVERHEAD_US = 2;
const CONNECTIONS = 10;
/** Calls at a time in the second column: as many as there are connections, so that nobody waits. */
const SIDE_BY_SIDE = CONNECTIONS;

interface Connection {
  readonly id: number;
  calls: number;
}

interface Variant {
  readonly name: string;
  readonly use: () => Promise<number>;
  readonly close: () => unknown;
}

let made = 0;
const create = async (): Promise<Connection> => ({ id: ++made, calls: 0 });
const call = async (connection: Connection): Promise<number> => ++connection.calls;

function variants(): Variant[] {
  const alone: Connection = { id: 0, calls: 0 };
  const ours = new ConnectionPool({ create, max: CONNECTIONS });
  const tarn = new Pool<Connection>({ create, destroy: () => {}, min: 0, max: CONNECTIONS });
  const generic = createPool({ create, destroy: async () => {} }, { max: CONNECTIONS });
  return [
    { name: 'no pool', use: () => call(alone), close: () => {} },
    { name: 'use', use: () => ours.use(call), close: () => ours.close() },
    {
      name: 'acquire, release',
      use: async () => {
        const connection = await ours.acquire();
        try {
          return await call(connection);
        } finally {
          ours.release(connection);
        }
      },
      close: () => {},
    },
    {
      name: 'tarn 3.1.2',
      use: async () => {
        const connection = await tarn.acquire().promise;
        try {
          return await call(connection);
        } finally {
          tarn.release(connection);
        }
      },
      close: () => tarn.destroy(),
    },
    {
      name: 'generic-pool 3.9.0',
      use: () => generic.use(call),
      close: () => generic.drain().then(() => generic.clear()),
    },
  ];
}

/** Microseconds per borrow. */
async function measure(use: Variant['use'], borrows: number, atATime: number): Promise<number> {
  const each = Math.ceil(borrows / atATime);
  const caller = async () => {
    for (let n = 0; n < each; n++) await use();
  };
  const since = performance.now();
  await Promise.all(Array.from({ length: atATime }, caller));
  return ((performance.now() - since) * 1_000) / (each * atATime);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

const borrows = Number(process.argv[2] ?? 100_000);
const rounds = Number(process.argv[3] ?? 9);
const all = variants();
const times = new Map(all.map(({ name }) => [name, { single: [] as number[], sideBySide: [] as number[] }]));
// The first round only warms up.
for (let round = -1; round < rounds; round++) {
  for (const { name, use } of all) {
    const single = await measure(use, borrows, 1);
    const sideBySide = await measure(use, borrows, SIDE_BY_SIDE);
    if (round < 0) continue;
    times.get(name)?.single.push(single);
    times.get(name)?.sideBySide.push(sideBySide);
  }
}
for (const { close } of all) await close();

const results = [...times].map(([name, { single, sideBySide }]) => ({
  name,
  single: median(single),
  sideBySide: median(sideBySide),
}));
const [none] = results;
if (!none) throw new Error('nothing was measured');
console.log(`Node ${process.version}, ${borrows} borrows a round, medians of ${rounds}, in µs per borrow`);
console.table(
  Object.fromEntries(
    results.map(({ name, single, sideBySide }) => [
      name,
      {
        'one after another': single.toFixed(2),
        'above no pool': (single - none.single).toFixed(2),
        [`${SIDE_BY_SIDE} at a time`]: sideBySide.toFixed(2),
        'above no pool ': (sideBySide - none.sideBySide).toFixed(2),
      },
    ]),
  ),
);
const ours = results.find(({ name }) => name === 'use');
if (!ours || Math.max(ours.single - none.single, ours.sideBySide - none.sideBySide) >= MAX_OVERHEAD_US)
  process.exitCode = 1;
