import assert from 'node:assert/strict';
import type { Bench } from './bench.js';
import type { L2Case } from './case.js';
import { abort } from './cases/abort.js';
import { batches } from './cases/batches.js';
import { binarySafety } from './cases/bytes.js';
import { damage } from './cases/damage.js';
import { entries } from './cases/entries.js';
import { expiry } from './cases/expiry.js';
import { feed } from './cases/feed.js';
import { fills } from './cases/fills.js';
import { leases } from './cases/leases.js';
import { logicalTime } from './cases/logical-time.js';
import { lostTime } from './cases/lost-time.js';
import { names } from './cases/namespaces.js';
import { opening } from './cases/opening.js';
import { replay } from './cases/replay.js';
import { replayOfEnded } from './cases/replay-ended.js';
import { transactions } from './cases/transactions.js';
import { L2_CAPABILITIES, type L2Capability } from './harness.js';

/** Every case of the contract, for a backend that declares these capabilities, in the order of the contract. */
export function casesFor(capabilities: readonly L2Capability[]): L2Case[] {
  return [
    declaredCapabilities(capabilities),
    ...opening,
    ...names,
    ...binarySafety,
    ...batches,
    ...entries,
    ...expiry,
    ...damage,
    ...leases,
    ...fills,
    ...logicalTime,
    ...lostTime,
    ...feed,
    ...replay,
    ...replayOfEnded,
    ...transactions,
    ...abort,
  ];
}

/** A capability that got lost would skip its cases; one that nobody declared would never be tested. */
function declaredCapabilities(capabilities: readonly L2Capability[]): L2Case {
  return {
    group: 'capabilities',
    title: 'are exactly those that the harness declares',
    needs: [],
    async run(bench: Bench) {
      const l2 = bench.unopened();
      const found = L2_CAPABILITIES.filter((capability) => l2[capability] !== undefined);
      assert.deepEqual(
        found,
        L2_CAPABILITIES.filter((capability) => capabilities.includes(capability)),
      );
    },
  };
}
