import { FrequencySketch } from './frequency-sketch.js';
import { type Climber, hillClimber } from './hill-climber.js';
import type { MakePolicy, Policy } from './policy.js';
import { Links } from './queue.js';

const NOWHERE = 0;
const WINDOW = 1;
const PROBATION = 2;
const PROTECTED = 3;

const FIRST_WINDOW_SHARE = 0.01;
/** Of the places outside of the window. */
const PROTECTED_SHARE = 0.8;

/**
 * W-TinyLFU (Einziger, Friedman and Manes, 2017): new keys pass through a small LRU, the window. Who leaves it gets a place in
 * the main part, a segmented LRU, only if it was used more often lately than the one who would have to go for it.
 */
export const wTinyLfu: MakePolicy = (capacity, keys) => make(capacity, keys, undefined);

/** The same with a window whose size climbs towards more hits, as Caffeine does (Einziger et al., Middleware '18). */
export const adaptiveWTinyLfu: MakePolicy = (capacity, keys) => make(capacity, keys, hillClimber(capacity));

function make(capacity: number, keys: number, climber: Climber | undefined): Policy {
  const links = new Links(keys, 3);
  const window = links.queue();
  const probation = links.queue();
  const guarded = links.queue();
  const where = new Uint8Array(keys);
  const sketch = new FrequencySketch(capacity);
  let windowSize = Math.max(1, Math.floor(capacity * FIRST_WINDOW_SHARE));
  let guardedSize = Math.floor((capacity - windowSize) * PROTECTED_SHARE);

  const shrinkGuarded = (): void => {
    while (guarded.size > guardedSize) {
      const key = guarded.popBack();
      probation.pushFront(key);
      where[key] = PROBATION;
    }
  };

  const hit = (key: number, place: number): void => {
    if (place === WINDOW) {
      window.toFront(key);
    } else if (place === PROTECTED) {
      guarded.toFront(key);
    } else {
      probation.remove(key);
      guarded.pushFront(key);
      where[key] = PROTECTED;
      shrinkGuarded();
    }
  };

  /** Lets go of one key: of the one that leaves the window, or of the one whose place that would get. */
  const evict = (): void => {
    if (window.size <= windowSize) {
      where[probation.size > 0 ? probation.popBack() : guarded.popBack()] = NOWHERE;
      return;
    }
    const candidate = window.popBack();
    const victim = probation.size > 0 ? probation.back : guarded.back;
    if (victim !== -1 && sketch.estimate(candidate) <= sketch.estimate(victim)) {
      where[candidate] = NOWHERE;
      return;
    }
    if (victim !== -1) {
      (where[victim] === PROBATION ? probation : guarded).remove(victim);
      where[victim] = NOWHERE;
    }
    probation.pushFront(candidate);
    where[candidate] = PROBATION;
  };

  const resizeWindow = (size: number): void => {
    windowSize = Math.max(1, Math.min(size, capacity - 1));
    guardedSize = Math.floor((capacity - windowSize) * PROTECTED_SHARE);
    shrinkGuarded();
    // The window's new places are filled from the main part, its lost ones are handed to it, without a contest.
    while (window.size > windowSize) {
      const key = window.popBack();
      probation.pushFront(key);
      where[key] = PROBATION;
    }
    while (window.size < windowSize && probation.size > 0) {
      const key = probation.popBack();
      window.pushFront(key);
      where[key] = WINDOW;
    }
  };

  return {
    access(key) {
      const place = where[key] as number;
      const isHit = place !== NOWHERE;
      sketch.add(key);
      if (isHit) {
        hit(key, place);
      } else {
        window.pushFront(key);
        where[key] = WINDOW;
        const held = window.size + probation.size + guarded.size;
        if (held > capacity) {
          evict();
        } else if (window.size > windowSize) {
          const first = window.popBack();
          probation.pushFront(first);
          where[first] = PROBATION;
        }
      }
      const step = climber?.(isHit) ?? 0;
      if (step !== 0) resizeWindow(windowSize + step);
      return isHit;
    },
  };
}
