import { stringify } from 'node:querystring';
import type { Dispatcher } from 'undici';

type Options = Dispatcher.DispatchOptions;

/** What makes the answer one to these headers, not to the URL; undici's cache knows nothing of them (RFC 9110, 13 and 14). */
const SPECIAL = new Set([
  'expect',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'range',
]);

/**
 * Whether the answer is one to the URL, and so may be kept for others: the request has no body, no conditions of the caller's own, asks for no
 * range, and for the host that it is sent to.
 */
export function isPlain(options: Options): boolean {
  if (options.method !== 'GET') return true;
  if ((options.body !== undefined && options.body !== null) || options.upgrade) return false;
  for (const [name, value] of headersOf(options.headers)) {
    const lower = name.toLowerCase();
    if (SPECIAL.has(lower)) return false;
    if (lower === 'host' && String(value).toLowerCase() !== new URL(String(options.origin)).host) return false;
  }
  return true;
}

/** The same request with its origin and its path as every other caller's of that URL: what is kept is found by them. */
export function spelledAlike(options: Options): Options {
  const { query, origin, path, ...others } = options;
  return {
    ...others,
    ...(origin === undefined ? {} : { origin: new URL(String(origin)).origin }),
    path: query === undefined || /[?#]/.test(path) ? path : withQuery(path, query),
    ...(query !== undefined && /[?#]/.test(path) ? { query } : {}),
  };
}

function withQuery(path: string, query: NonNullable<Options['query']>): string {
  const text = stringify(query);
  return text === '' ? path : `${path}?${text}`;
}

/** undici takes an object, pairs, or names and values in turn. */
function* headersOf(headers: Options['headers']): Generator<readonly [string, unknown]> {
  if (headers === undefined || headers === null) return;
  const given: unknown = headers;
  if (Array.isArray(given) && !Array.isArray(given[0])) {
    for (let index = 0; index < given.length; index += 2) yield [String(given[index]), given[index + 1]];
  } else if (Symbol.iterator in headers) {
    yield* headers as Iterable<[string, unknown]>;
  } else {
    yield* Object.entries(headers);
  }
}
