import type { Policy } from './policy.js';
import { Links } from './queue.js';

const NOWHERE = 0;
/** Asked for again soon, last time. */
const LOW = 1;
const HIGH = 2;
const GHOST = 3;

/** The share of the places for keys whose uses lie far apart. */
const HIGH_SHARE = 0.01;
/** So many keys that are no longer held are remembered, as a multiple of the capacity. */
const GHOSTS = 2;

/**
 * LIRS (Jiang and Zhang, SIGMETRICS '02): keeps those keys whose last two uses lie close together, in number of other keys used
 * between them. Needs two places at least. The recency stack holds keys, held or not, as far back as the oldest key of the low set.
 */
export function lirs(capacity: number, keys: number): Policy {
  const highSize = Math.max(1, Math.round(capacity * HIGH_SHARE));
  const lowSize = capacity - highSize;
  const stack = new Links(keys, 1).queue();
  const queueLinks = new Links(keys, 2);
  const high = queueLinks.queue();
  const ghosts = queueLinks.queue();
  const state = new Uint8Array(keys);
  const onStack = new Uint8Array(keys);
  let low = 0;

  const toTop = (key: number): void => {
    if (onStack[key] === 1) stack.remove(key);
    stack.pushFront(key);
    onStack[key] = 1;
  };

  const leaveStack = (key: number): void => {
    stack.remove(key);
    onStack[key] = 0;
  };

  /** The stack is to end with a key of the low set. */
  const prune = (): void => {
    for (let key = stack.back; key !== -1 && state[key] !== LOW; key = stack.back) {
      leaveStack(key);
      if (state[key] === GHOST) {
        ghosts.remove(key);
        state[key] = NOWHERE;
      }
    }
  };

  /** The oldest key of the low set goes over to the other ones. */
  const demote = (): void => {
    const key = stack.back;
    leaveStack(key);
    state[key] = HIGH;
    low--;
    high.pushFront(key);
    prune();
  };

  const evict = (): void => {
    const key = high.popBack();
    if (onStack[key] === 0) {
      state[key] = NOWHERE;
      return;
    }
    state[key] = GHOST;
    ghosts.pushFront(key);
    if (ghosts.size > GHOSTS * capacity) {
      const oldest = ghosts.popBack();
      state[oldest] = NOWHERE;
      leaveStack(oldest);
    }
  };

  const makeLow = (key: number): void => {
    state[key] = LOW;
    low++;
    toTop(key);
    if (low > lowSize) demote();
  };

  const hit = (key: number): void => {
    if (state[key] === LOW) {
      toTop(key);
      prune();
    } else if (onStack[key] === 1 && lowSize > 0) {
      high.remove(key);
      makeLow(key);
    } else {
      high.toFront(key);
      toTop(key);
    }
  };

  const miss = (key: number): void => {
    if (low < lowSize && state[key] === NOWHERE) {
      makeLow(key);
      return;
    }
    const isBack = state[key] === GHOST;
    if (isBack) {
      ghosts.remove(key);
      state[key] = NOWHERE;
    }
    if (low + high.size >= capacity) evict();
    // Evicting may have made the key's own place in the stack too old, but never removes it: only its ghost could be, and that is gone.
    if (isBack) {
      makeLow(key);
    } else {
      state[key] = HIGH;
      high.pushFront(key);
      toTop(key);
    }
  };

  return {
    access(key) {
      const isHeld = state[key] === LOW || state[key] === HIGH;
      if (isHeld) hit(key);
      else miss(key);
      return isHeld;
    },
  };
}
