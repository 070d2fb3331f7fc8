/**
 * The names of everything in Redis, in one place:
 *
 *   tw1:<ns>:v:{<key>}          an entry
 *   tw1:<ns>:l:{<key>}          the lease of its key
 *   tw1:<ns>:g:{.<ns>}          the counter of logical time and the namespace's own marks
 *   tw1:<ns>:m:{.<ns>}<tag>     the mark of a tag
 *   tw1:<ns>:f[:<db>]           the channel of the feed
 *
 * What stands in braces is what Redis Cluster hashes, so an entry and its lease share a slot, as does all bookkeeping of a
 * namespace: each of our scripts touches one slot. `<ns>` is percent-encoded and so holds none of `:{}`, which makes the
 * names of one namespace a prefix of their own (`users` never meets `users:abc`) and the first brace the one that counts.
 */
const ROOT = 'tw1:';

/** The names within one namespace. None of them has the client's `keyPrefix` yet. */
export interface Keys {
  entry(key: string): string;
  lease(key: string): string;
  /** The counter and the namespace's marks. */
  readonly time: string;
  mark(tag: string): string;
  /** What every name of the namespace begins with. */
  readonly root: string;
  /** What the names of entries begin with. */
  readonly entryRoot: string;
}

/** Makes the names of one namespace. */
export function keysOf(namespace: string): Keys {
  const name = encodeNamespace(namespace);
  const root = `${ROOT}${name}:`;
  return {
    root,
    entryRoot: `${root}v:`,
    entry: (key) => `${root}v:{${encodeKey(key)}}`,
    lease: (key) => `${root}l:{${encodeKey(key)}}`,
    time: `${root}g:{.${name}}`,
    mark: (tag) => `${root}m:{.${name}}${tag}`,
  };
}

/**
 * The feed's channel. Redis' channels span its databases, hence the number: the same namespace in two databases is two.
 *
 * @param keyPrefix the client's, which ioredis adds to keys but not to channels.
 */
export function channelOf(keyPrefix: string, namespace: string, db: number): string {
  return `${keyPrefix}${ROOT}${encodeNamespace(namespace)}:f${db === 0 ? '' : `:${db}`}`;
}

/** Where Redis tells of keys that were changed by whomever, for a connection of RESP2 that listens for that. */
export const INVALIDATIONS = '__redis__:invalidate';

/** A channel of one node alone, by which it finds out whether two of its connections lead to the same server. */
export function probeChannelOf(keyPrefix: string, origin: string): string {
  return `${keyPrefix}${ROOT}${encodeNamespace(origin)}:t`;
}

/** What no key begins with. Tracking needs one prefix at least, or it would tell of all keys. */
export function untouchedPrefix(keyPrefix: string): string {
  return `${keyPrefix}tw1-none:`;
}

/** The prefix of the entries of a namespace, as Redis tells of them. None of another namespace begins with it. */
export function trackedPrefix(keyPrefix: string, namespace: string): string {
  return `${keyPrefix}${keysOf(namespace).entryRoot}`;
}

/**
 * Whose entry a name in Redis is.
 *
 * @param prefixes by {@link trackedPrefix}, the namespaces that are asked for.
 * @returns `undefined` for names that are no entry's.
 */
export function entryOf(
  name: string,
  keyPrefix: string,
  prefixes: ReadonlyMap<string, string>,
): { namespace: string; key: string } | undefined {
  const prefix = name.slice(0, name.indexOf(':', keyPrefix.length + ROOT.length) + 3);
  const namespace = prefixes.get(prefix);
  const rest = name.slice(prefix.length);
  if (namespace === undefined || !(rest.startsWith('{') && rest.endsWith('}'))) return undefined;
  const encoded = rest.slice(1, -1);
  const key = encoded.startsWith('%') ? encoded.slice(1) : encoded;
  return encodeKey(key) === encoded ? { namespace, key } : undefined;
}

/** A SCAN pattern that finds the entries and leases of a namespace, and nothing else. */
export function scanPattern(keyPrefix: string, keys: Keys): string {
  return `${escapeGlob(keyPrefix + keys.root)}[vl]:*`;
}

function encodeNamespace(namespace: string): string {
  return namespace.replace(/[%:{}]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

// An empty hash tag (`{}`) does not count as one, and Redis would hash the whole name instead: a value and its lease would
// part. So a key that would make one gets a `%` in front, and one that begins with `%` another, to keep them apart.
function encodeKey(key: string): string {
  return key === '' || key.startsWith('}') || key.startsWith('%') ? `%${key}` : key;
}

function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]^-]/g, '\\$&');
}
