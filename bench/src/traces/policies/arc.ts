import type { Policy } from './policy.js';
import { Links } from './queue.js';

const NOWHERE = 0;
const ONCE = 1;
const OFTEN = 2;
const ONCE_GHOST = 3;
const OFTEN_GHOST = 4;

/**
 * ARC (Megiddo and Modha, FAST '03): an LRU of keys used once and one of keys used more often. Both remember whom they let go of, and
 * whose ghosts are asked for gets more of the room.
 */
export function arc(capacity: number, keys: number): Policy {
  const links = new Links(keys, 4);
  const once = links.queue();
  const often = links.queue();
  const onceGhosts = links.queue();
  const oftenGhosts = links.queue();
  const where = new Uint8Array(keys);
  /** How many places the keys used once should have. */
  let target = 0;

  const replace = (isOftenGhost: boolean): void => {
    if (once.size > 0 && (once.size > target || (isOftenGhost && once.size === target) || often.size === 0)) {
      const key = once.popBack();
      onceGhosts.pushFront(key);
      where[key] = ONCE_GHOST;
    } else {
      const key = often.popBack();
      oftenGhosts.pushFront(key);
      where[key] = OFTEN_GHOST;
    }
  };

  const makeRoomForUnknown = (): void => {
    const held = once.size + often.size;
    if (once.size + onceGhosts.size === capacity) {
      if (once.size < capacity) {
        where[onceGhosts.popBack()] = NOWHERE;
        if (held === capacity) replace(false);
      } else {
        where[once.popBack()] = NOWHERE;
      }
    } else if (held + onceGhosts.size + oftenGhosts.size >= capacity) {
      if (held + onceGhosts.size + oftenGhosts.size === 2 * capacity) where[oftenGhosts.popBack()] = NOWHERE;
      if (held === capacity) replace(false);
    }
  };

  return {
    access(key) {
      const place = where[key];
      if (place === ONCE || place === OFTEN) {
        (place === ONCE ? once : often).remove(key);
      } else if (place === ONCE_GHOST) {
        target = Math.min(capacity, target + Math.max(1, oftenGhosts.size / onceGhosts.size));
        onceGhosts.remove(key);
        replace(false);
      } else if (place === OFTEN_GHOST) {
        target = Math.max(0, target - Math.max(1, onceGhosts.size / oftenGhosts.size));
        oftenGhosts.remove(key);
        replace(true);
      } else {
        makeRoomForUnknown();
        once.pushFront(key);
        where[key] = ONCE;
        return false;
      }
      often.pushFront(key);
      where[key] = OFTEN;
      return place === ONCE || place === OFTEN;
    },
  };
}
