import type { L2Replay, L2Replayed, L2ReplayWrite } from './contract.js';
import { type MemoryNode, NAME } from './memory-node.js';
import type { MemorySpace } from './memory-space.js';
import { checkReplays } from './validate.js';

/** Replay on a store in memory. A moment is the store's identity and the last number that it had handed out. */
export function memoryReplay(node: MemoryNode): L2Replay {
  return {
    moment: () => node.heard,
    replay(namespace, entries, options) {
      return node.call(namespace, [], options, (space) => {
        checkReplays(NAME, entries);
        return entries.map((entry) => replayOne(space, entry));
      });
    },
  };
}

function replayOne(space: MemorySpace, write: L2ReplayWrite): L2Replayed {
  const { key } = write;
  space.revoke(key);
  const since = space.numberAt(write.since);
  const entry = space.entry(key);
  const canTell = since !== undefined && entry?.damage === undefined;
  const isNewer = canTell && entry !== undefined && entry.version > since;
  if (isNewer && entry.kind === 'write') return { status: 'kept' };
  if (!canTell || isNewer || !space.isUnnotedSince(key, since)) {
    if (entry !== undefined) space.remove(key);
    return { status: 'dropped' };
  }
  return { status: 'stored', version: space.put(write, 'write') };
}
