import type { Policy } from './policy.js';

/** So many keys that are no longer held are remembered, as a multiple of the capacity. */
const GHOSTS = 1;

/**
 * LRU-2 (O'Neil, O'Neil and Weikum, SIGMOD '93): lets go of the key whose last use but one lies furthest back. What was used only once
 * counts as before all others, and among these the least recently used goes first. No time is granted to new keys.
 */
export function lru2(capacity: number, keys: number): Policy {
  const last = new Float64Array(keys).fill(-1);
  const lastButOne = new Float64Array(keys).fill(-1);
  const held = new Uint8Array(keys);
  // A heap of held keys, the next to go on top, with the place of each in it.
  const heap = new Int32Array(capacity);
  const placeOf = new Int32Array(keys);
  let size = 0;
  let now = 0;
  const remembered: number[] = [];
  let forgotten = 0;

  const isBefore = (a: number, b: number): boolean => {
    const difference = (lastButOne[a] as number) - (lastButOne[b] as number);
    return difference < 0 || (difference === 0 && (last[a] as number) < (last[b] as number));
  };
  const put = (key: number, at: number): void => {
    heap[at] = key;
    placeOf[key] = at;
  };
  const up = (key: number, from: number): void => {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(key, heap[parent] as number)) break;
      put(heap[parent] as number, at);
      at = parent;
    }
    put(key, at);
  };
  const down = (key: number, from: number): void => {
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && isBefore(heap[child + 1] as number, heap[child] as number)) child++;
      if (!isBefore(heap[child] as number, key)) break;
      put(heap[child] as number, at);
      at = child;
    }
    put(key, at);
  };

  const evict = (): void => {
    const victim = heap[0] as number;
    held[victim] = 0;
    down(heap[--size] as number, 0);
    remembered.push(victim);
    if (remembered.length - forgotten <= GHOSTS * capacity) return;
    const oldest = remembered[forgotten++] as number;
    if (held[oldest] === 0) last[oldest] = -1;
    if (forgotten > capacity && forgotten * 2 > remembered.length) {
      remembered.splice(0, forgotten);
      forgotten = 0;
    }
  };

  return {
    access(key) {
      const isHit = held[key] === 1;
      if (!isHit && size === capacity) evict();
      lastButOne[key] = last[key] as number;
      last[key] = now++;
      if (isHit) {
        down(key, placeOf[key] as number);
      } else {
        held[key] = 1;
        up(key, size++);
      }
      return isHit;
    },
  };
}
