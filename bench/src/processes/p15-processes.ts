import { BENTOCACHE, CACHEABLE, LAYERED_LOADER, peersAmong, TIERWISE } from '../contestants/roster.js';
import type { Contestant, Figure, Scenario } from '../scenario.js';
import { OPS } from '../throughput.js';
import { CALLERS, KEYS, L1_ENTRIES } from './load.js';

const PROCESSES = 8;
const WARM_UP_MS = 2_000;
const CACHES = [TIERWISE, BENTOCACHE, LAYERED_LOADER, CACHEABLE];
const P50: Figure = { name: 'p50', unit: 'ms', better: 'lower' };
const P99: Figure = { name: 'p99', unit: 'ms', better: 'lower' };

function shared(name: string): Contestant {
  return {
    name,
    kind: name === TIERWISE ? 'ours' : 'peer',
    open: async (context) => {
      const { Crew } = await import('./crew.js');
      const crew = await Crew.open(PROCESSES, name, context);
      // Eight processes share the cores: each needs that much longer until its code is compiled.
      await crew.work(WARM_UP_MS);
      return {
        measure: async (budgetMs) => {
          const works = await crew.work(budgetMs);
          const tookMs = Float64Array.from(works.flatMap((work) => [...work.tookMs])).sort();
          const at = (share: number) => tookMs[Math.floor(share * (tookMs.length - 1))] as number;
          const perSecond = works.reduce((sum, work) => sum + work.perSecond, 0);
          return { [OPS.name]: perSecond, [P50.name]: at(0.5), [P99.name]: at(0.99) };
        },
        close: async () => {
          try {
            await crew.mustHear();
          } finally {
            await crew.close();
          }
        },
      };
    },
  };
}

export const scenario: Scenario = {
  id: 'P15',
  title: '8 processes, 95 % reads, 5 % writes, on one Redis',
  method:
    `${PROCESSES} processes with ${CALLERS} callers each, who begin the next call when the last one is done: 95 % \`getOrSet\`, 5 % \`set\`, of ${KEYS.toLocaleString('en')} keys of 1 KB by ` +
    `Zipf's law (0.9); memory has room for ${L1_ENTRIES.toLocaleString('en')}. Operations of all processes together; times of one operation in seven. Afterwards all processes must see a write of one.`,
  figures: [OPS, P99, P50],
  contestants: CACHES.map(shared),
  targets: [
    { of: TIERWISE, against: peersAmong(CACHES), called: 'the fastest peer', atLeast: 2 },
    { of: TIERWISE, against: peersAmong(CACHES), called: 'the best peer', figure: P99.name, atMost: 0.5 },
  ],
  measureMs: { full: 2_000, quick: 750 },
  rounds: { full: { lives: 2, perLife: 3 }, quick: { lives: 1, perLife: 2 } },
  differences: [
    'cache-manager does not tell its peers of writes, and async-cache-dedupe has one tier and no `set`: both are left out.',
    'bentocache with `serialize: false` is left out: a read of an entry that a peer has invalidated throws a TypeError out of `_CacheEntry.fromDriver`.',
    'Tierwise writes, revokes leases and tells its peers in one atomic script; a reader does not serve a value that was invalidated while it was read. The peers write, and then send a message.',
    'layered-loader sends the new value itself along with its message, after `set` has resolved, so that its peers need not read Redis; two writes at once may leave them with different values. Tierwise, bentocache and cacheable send keys.',
    'The processes are more than the cores, so that a call may wait for its process to be given one: that is in the times of all.',
  ],
};
