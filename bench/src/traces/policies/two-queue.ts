import type { Policy } from './policy.js';
import { Links } from './queue.js';

const NOWHERE = 0;
const IN = 1;
const MAIN = 2;
const GHOST = 3;

/** Shares of the capacity, as the paper proposes them: for new keys, and for remembered ones. */
const IN_SHARE = 0.25;
const GHOST_SHARE = 0.5;

/** 2Q (Johnson and Shasha, VLDB '94): new keys pass through a FIFO; those that come back after they left it are kept in an LRU. */
export function twoQueue(capacity: number, keys: number): Policy {
  const inSize = Math.max(1, Math.floor(capacity * IN_SHARE));
  const ghostSize = Math.max(1, Math.floor(capacity * GHOST_SHARE));
  const links = new Links(keys, 3);
  const arrived = links.queue();
  const main = links.queue();
  const ghost = links.queue();
  const where = new Uint8Array(keys);

  const makeRoom = (): void => {
    if (arrived.size + main.size < capacity) return;
    if (arrived.size < inSize && main.size > 0) {
      where[main.popBack()] = NOWHERE;
      return;
    }
    const key = arrived.popBack();
    ghost.pushFront(key);
    where[key] = GHOST;
    if (ghost.size > ghostSize) where[ghost.popBack()] = NOWHERE;
  };

  return {
    access(key) {
      const place = where[key];
      if (place === MAIN) main.toFront(key);
      if (place === MAIN || place === IN) return true;
      if (place === GHOST) ghost.remove(key);
      makeRoom();
      (place === GHOST ? main : arrived).pushFront(key);
      where[key] = place === GHOST ? MAIN : IN;
      return false;
    },
  };
}
