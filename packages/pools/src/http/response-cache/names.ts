import { createHash } from 'node:crypto';

/** What a hierarchy takes as the name of a tag, of printable ASCII. */
const PLAIN = /^[\x20-\x7e]{1,1000}$/;

export function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

/**
 * The tags of what is kept for a URL: its origin, its origin and path, and both with the query. What is too long for a tag, or is not
 * plain ASCII, is `sha256:` and its digest.
 *
 * @param path - as it stands in a request, with the query.
 */
export function tagsOf(origin: string, path: string): string[] {
  const [bare = path] = path.split('?', 1);
  return [...new Set([origin, `${origin}${bare}`, `${origin}${path}`])].map(tagOf);
}

/** @param url - an origin, or an origin with a path, or with a path and a query. */
export function tagOf(url: string): string {
  return PLAIN.test(url) ? url : `sha256:${digest(url)}`;
}

/** The key of the list of what is kept for a URL. Hashed: queries may hold secrets. */
export function indexKeyOf(origin: string, path: string): string {
  return `i:${digest(`${origin} ${path}`)}`;
}

export function bodyKeyOf(id: string): string {
  return `b:${id}`;
}
