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
