/** lru-cache by itself: bounded, nothing else. */
import { LRUCache } from 'lru-cache';

export function openLru(maxEntries: number): LRUCache<string, object> {
  return new LRUCache<string, object>({ max: maxEntries });
}
