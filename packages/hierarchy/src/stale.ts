import type { Entry } from './entry.js';
import type { Policy } from './policy.js';
import type { Space } from './space.js';

/**
 * What a value that is not fresh may still do (RFC 5861):
 * - `revalidate`: be answered at once, while it is loaded anew behind;
 * - `error`: be answered if the load fails or takes too long;
 * - `none`.
 *
 * What was invalidated is never here: it has left L1 and L2. What was expired by order is `error` at most, for as long as it is kept.
 */
export type StaleUse = 'revalidate' | 'error' | 'none';

export function useOf(space: Space, entry: Entry, policy: Policy): StaleUse {
  const now = space.core.clock.now();
  if (now >= entry.keepUntil) return 'none';
  const verdict = space.verdictOf(entry);
  if (verdict === 'dead' || verdict === 'unknown') return 'none';
  if (verdict === 'stale' || entry.isExpired) return policy.staleIfErrorMs > 0 ? 'error' : 'none';
  const staleMs = now - entry.freshUntil;
  // Fresh, but past L1's own ttl, so that L2 is asked first.
  if (staleMs < 0) return 'error';
  if (staleMs < policy.staleWhileRevalidateMs) return 'revalidate';
  return staleMs < policy.staleIfErrorMs ? 'error' : 'none';
}

/** Whether a stale value is the answer without waiting: it may be by its age, or its last load has just failed. */
export function answersAtOnce(space: Space, id: string, entry: Entry, policy: Policy): boolean {
  const use = useOf(space, entry, policy);
  if (use !== 'error') return use === 'revalidate';
  return space.backoff.isResting(id) && (entry.isExpired || entry.freshUntil <= space.core.clock.now());
}
