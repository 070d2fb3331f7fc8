import { cacheControlOf } from './cache-control.js';
import type { FoundResponse } from './hierarchy-store.js';

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** What a 304 does not change, since the old body stays (RFC 9111, 3.2). */
const OF_THE_BODY = new Set([
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'transfer-encoding',
]);

/** Whether a 304 is about `stored`: it was asked about this one, and does not say that it means another. */
export function isNewsOf(stored: FoundResponse, asked: Headers | undefined, answered: Headers): boolean {
  if (asked?.['if-none-match'] !== stored.etag) return false;
  const etag = answered['etag'];
  if (etag === undefined) return true;
  return typeof etag === 'string' && stored.etag !== undefined && weak(etag) === weak(stored.etag);
}

/** The stored headers with what a 304 says anew (RFC 9111, 4.3.4). */
export function freshenedHeaders(stored: Headers, answered: Headers): Record<string, string | string[]> {
  const merged: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(stored)) {
    // The time at which the old one was made says nothing of how old the confirmed one is.
    if (value !== undefined && name !== 'date' && name !== 'age') merged[name] = value;
  }
  for (const [name, value] of Object.entries(answered)) {
    if (value !== undefined && !OF_THE_BODY.has(name)) merged[name] = value;
  }
  return merged;
}

/** Whether a stored response may be the answer though its origin failed (RFC 5861, 4). */
export function mayAnswerForError(stored: FoundResponse, asked: Headers | undefined): boolean {
  const said = stored.cacheControlDirectives;
  if (said['must-revalidate'] || said['proxy-revalidate'] || said['s-maxage'] !== undefined) return false;
  const seconds = said['stale-if-error'] ?? cacheControlOf(asked?.['cache-control'], 'stale-if-error');
  return seconds !== undefined && Date.now() < stored.staleAt + seconds * 1_000;
}

function weak(etag: string): string {
  return etag.startsWith('W/') ? etag.slice(2) : etag;
}
