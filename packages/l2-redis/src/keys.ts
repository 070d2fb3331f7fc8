import { DELETION_MEMORY_MS, type L2Life } from '@tierwise/l2';
import { invalid } from './invalid.js';

/**
 * The names of everything in Redis, in one place:
 *
 *   tw1:<ns>:v:{<key>}          an entry
 *   tw1:<ns>:l:{<key>}          the lease of its key
 *   tw1:<ns>:d:{<key>}          the note that its key was deleted or expired, or written with what is not there for long
 *   tw1:<ns>:g:{.<ns>}          the counter of logical time and the namespace's own marks
 *   tw1:<ns>:m:{.<ns>}<tag>     the mark of a tag
 *   tw1:<ns>:f[:<db>]           the channel of the feed
 *
 * What stands in braces is what Redis Cluster hashes, so all that belongs to a key shares a slot, as does all bookkeeping of a
 * namespace: each of our scripts touches one slot. `<ns>` is percent-encoded and so holds none of `:{}`, which makes the
 * names of one namespace a prefix of their own (`users` never meets `users:abc`) and the first brace the one that counts.
 *
 * Keys that are to share a slot have `{%=<group>}<key>` instead of `{<key>}`: no key's own name begins like that.
 */
const ROOT = 'tw1:';

/** The names within one namespace. None of them has the client's `keyPrefix` yet. */
export interface Keys {
  entry(key: string): string;
  lease(key: string): string;
  /** The note of a deletion, or of what was written for a short life. */
  note(key: string): string;
  /** The counter and the namespace's marks. */
  readonly time: string;
  mark(tag: string): string;
  /** What every name of the namespace begins with. */
  readonly root: string;
  /** What the names of entries begin with. */
  readonly entryRoot: string;
}

/** Names the group of a key; those of one group share a slot. `undefined`: none but its own. */
export type Colocate = (namespace: string, key: string) => string | undefined;

/** Makes the names of one namespace. */
export function keysOf(namespace: string, colocate?: Colocate): Keys {
  const name = encodeNamespace(namespace);
  const root = `${ROOT}${name}:`;
  const place = colocate === undefined ? placeOf : (key: string) => placeOf(key, groupOf(colocate, namespace, key));
  return {
    root,
    entryRoot: `${root}v:`,
    entry: (key) => `${root}v:${place(key)}`,
    lease: (key) => `${root}l:${place(key)}`,
    note: (key) => `${root}d:${place(key)}`,
    time: `${root}g:{.${name}}`,
    mark: (tag) => `${root}m:{.${name}}${tag}`,
  };
}

/** Whether what is written for such a life has to be remembered for longer than it lives. */
export function isShort({ keepMs }: L2Life): boolean {
  return keepMs < DELETION_MEMORY_MS;
}

/** What a script that stores entries is given: longer lives are spared the names of notes. */
export function namesOfWrites(names: Keys, writes: readonly (L2Life & { readonly key: string })[]): string[] {
  const haveNotes = writes.some(isShort);
  const all: string[] = [];
  for (const { key } of writes) {
    all.push(names.entry(key), names.lease(key));
    if (haveNotes) all.push(names.note(key));
  }
  return all;
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
  if (namespace === undefined) return undefined;
  const key = rest.startsWith(GROUPED) ? keyInGroup(rest) : keyAlone(rest);
  return key === undefined ? undefined : { namespace, key };
}

function keyAlone(place: string): string | undefined {
  if (!(place.startsWith('{') && place.endsWith('}'))) return undefined;
  const encoded = place.slice(1, -1);
  const key = encoded.startsWith('%') ? encoded.slice(1) : encoded;
  return placeOf(key) === place ? key : undefined;
}

// Another node may have put it into another group than this one would: whose group it is plays no role here.
function keyInGroup(place: string): string | undefined {
  const end = place.indexOf('}');
  return end === -1 ? undefined : place.slice(end + 1);
}

/** What a user's function says, if it makes sense. */
function groupOf(colocate: Colocate, namespace: string, key: string): string | undefined {
  let group: unknown;
  try {
    group = colocate(namespace, key);
  } catch (error) {
    // As one that can never be done: L2 itself has nothing to do with it, and the orders for other keys must not wait for it.
    const why = error instanceof Error ? error.message : typeof error;
    throw invalid(`colocate threw for the key ${JSON.stringify(key)}: ${why}`);
  }
  if (group === undefined || (typeof group === 'string' && group.isWellFormed())) return group;
  throw invalid(`colocate must answer with well-formed text or undefined, not ${String(group)}`);
}

/** A SCAN pattern that finds the entries and leases of a namespace, and nothing else. */
export function scanPattern(keyPrefix: string, keys: Keys): string {
  return `${escapeGlob(keyPrefix + keys.root)}[vl]:*`;
}

function encodeNamespace(namespace: string): string {
  return namespace.replace(/[%:{}]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

const GROUPED = '{%=';

function placeOf(key: string, group?: string): string {
  if (group === undefined) return `{${encodeKey(key)}}`;
  return `${GROUPED}${group.replace(/[%}]/g, (char) => (char === '%' ? '%25' : '%7D'))}}${key}`;
}

// An empty hash tag (`{}`) does not count as one, and Redis would hash the whole name instead: a value and its lease would
// part. So a key that would make one gets a `%` in front, and one that begins with `%` another, to keep them apart. By that, what
// comes after `{%` is never anything but `%` or `}`, and a group's `{%=` is no key's.
function encodeKey(key: string): string {
  return key === '' || key.startsWith('}') || key.startsWith('%') ? `%${key}` : key;
}

function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]^-]/g, '\\$&');
}
