import type { Policy } from './policy.js';
import { Links } from './queue.js';

const NOWHERE = 0;
const SMALL = 1;
const MAIN = 2;
const GHOST = 3;

/** The share of the places that new keys pass through. */
const SMALL_SHARE = 0.1;
/** So many uses in the small queue take a key to the main one. */
const PROMOTING_USES = 2;
const MOST_USES = 3;

/**
 * S3-FIFO (Yang et al., SOSP '23): new keys pass through a small queue, and only those that were used there reach the main one.
 * Keys that leave the small queue without are remembered, and go to the main queue when they come back in time.
 */
export function s3Fifo(capacity: number, keys: number): Policy {
  const smallSize = Math.max(1, Math.floor(capacity * SMALL_SHARE));
  const mainSize = capacity - smallSize;
  const links = new Links(keys, 3);
  const small = links.queue();
  const main = links.queue();
  const ghost = links.queue();
  const where = new Uint8Array(keys);
  const uses = new Uint8Array(keys);

  const remember = (key: number): void => {
    if (mainSize === 0) {
      where[key] = NOWHERE;
      return;
    }
    if (ghost.size >= mainSize) where[ghost.popBack()] = NOWHERE;
    ghost.pushFront(key);
    where[key] = GHOST;
  };

  const evictFromMain = (): void => {
    for (;;) {
      const key = main.popBack();
      const left = uses[key] as number;
      if (left === 0) {
        where[key] = NOWHERE;
        return;
      }
      uses[key] = left - 1;
      main.pushFront(key);
    }
  };

  const evictFromSmall = (): void => {
    while (small.size > 0) {
      const key = small.popBack();
      if ((uses[key] as number) < PROMOTING_USES) {
        remember(key);
        return;
      }
      uses[key] = 0;
      main.pushFront(key);
      where[key] = MAIN;
    }
  };

  return {
    access(key) {
      const place = where[key] as number;
      if (place === SMALL || place === MAIN) {
        const before = uses[key] as number;
        if (before < MOST_USES) uses[key] = before + 1;
        return true;
      }
      const isBack = place === GHOST;
      if (isBack) ghost.remove(key);
      while (small.size + main.size >= capacity) {
        if (main.size > mainSize || small.size === 0) evictFromMain();
        else evictFromSmall();
      }
      uses[key] = 0;
      (isBack ? main : small).pushFront(key);
      where[key] = isBack ? MAIN : SMALL;
      return false;
    },
  };
}
