import type { Policy } from './policy.js';
import { Links } from './queue.js';

/** Lets go of what was used least recently: what L1 does. */
export function lru(capacity: number, keys: number): Policy {
  const queue = new Links(keys, 1).queue();
  const held = new Uint8Array(keys);
  return {
    access(key) {
      if (held[key] === 1) {
        queue.toFront(key);
        return true;
      }
      if (queue.size === capacity) held[queue.popBack()] = 0;
      queue.pushFront(key);
      held[key] = 1;
      return false;
    },
  };
}
