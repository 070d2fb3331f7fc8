import type { Policy } from './policy.js';
import { Links } from './queue.js';

/**
 * SIEVE (Zhang et al., NSDI '24): a queue in order of arrival, and a hand that goes through it from the oldest on. What was
 * used since the hand last came by stays where it is, the first that was not goes.
 */
export function sieve(capacity: number, keys: number): Policy {
  const queue = new Links(keys, 1).queue();
  const held = new Uint8Array(keys);
  const used = new Uint8Array(keys);
  let hand = -1;

  const evict = (): void => {
    let key = hand === -1 ? queue.back : hand;
    while (used[key] === 1) {
      used[key] = 0;
      key = queue.before(key);
      if (key === -1) key = queue.back;
    }
    hand = queue.before(key);
    queue.remove(key);
    held[key] = 0;
  };

  return {
    access(key) {
      if (held[key] === 1) {
        used[key] = 1;
        return true;
      }
      if (queue.size === capacity) evict();
      queue.pushFront(key);
      held[key] = 1;
      used[key] = 0;
      return false;
    },
  };
}
