import type { CacheStore } from './undici-types.js';

/**
 * Whether a response may be handed to other callers than the one it was made for. undici asks most of this as well; it is asked once more
 * here because what is kept outlives an undici that had a gap, and because RFC 9111 knows nothing of cookies: what was answered to a
 * request with a cookie is kept only if the origin says that it is for everybody, or that it is for this cookie.
 */
export function mayBeShared(key: CacheStore.Key, value: CacheStore.Value): boolean {
  const directives = value.cacheControlDirectives ?? {};
  if (directives['no-store'] || directives.private === true) return false;
  if (Object.hasOwn(value.headers, 'set-cookie')) return false;
  const forEverybody = directives.public === true || directives['s-maxage'] !== undefined;
  const asked = key.headers ?? {};
  if (Object.hasOwn(asked, 'authorization') && !forEverybody && !directives['must-revalidate']) return false;
  if (Object.hasOwn(asked, 'cookie') && !forEverybody && !Object.hasOwn(value.vary ?? {}, 'cookie')) return false;
  return true;
}
