import type { Hierarchy, SnapshotRestored } from '@tierwise/hierarchy';
import { checkOptions } from '../check-options.js';
import { Redaction, type RedactionOptions } from '../redaction.js';

/** Something that was done through this node, by whom and when. */
export interface AuditRecord {
  /** When it was done, by this machine's wall clock: ISO 8601, in UTC. */
  readonly at: string;
  readonly operation: 'set' | 'delete' | 'expire' | 'touch' | 'invalidate' | 'clear' | 'purge' | 'commit' | 'restore';
  readonly namespace: string | undefined;
  /** The keys, as {@link RedactionOptions.keys} says; all of them. Of a commit, those that it set and deleted. */
  readonly keys?: readonly string[];
  /** Of `invalidate`, as with `keys`. */
  readonly tags?: readonly string[];
  /** How many keys, tags or (of `purge`) entries it concerned. */
  readonly count: number;
  /** Of `invalidate` and `clear`: `dead` or `stale`. */
  readonly mode?: 'dead' | 'stale';
  /** Of `restore`. */
  readonly restored?: SnapshotRestored;
  /** What {@link AuditOptions.who} answered. */
  readonly who?: string;
  readonly correlationId?: string;
  /** Which node did it: {@link AuditOptions.node}. */
  readonly node?: string;
}

/** Options of {@link auditTo}. */
export interface AuditOptions extends RedactionOptions {
  /** Answers who calls, in the caller's own async context: a user, say. Default, and where it throws: nobody is named. */
  readonly who?: (() => string | undefined) | undefined;
  /** What this node is called in the records. Default: it is not. */
  readonly node?: string | undefined;
  /** Milliseconds since 1970. Default: `Date.now`. For tests. */
  readonly now?: (() => number) | undefined;
}

type Deed = Omit<AuditRecord, 'at' | 'who' | 'correlationId' | 'node'>;

/**
 * Tells `write` of every operation that changes what the cache holds and was done through this node, when it has been done: also those that
 * L2 will only be told of later. What loads bring is none. What was ordered and failed is not told; `logTo` tells of that. A commit is
 * told with all its keys, after the `set` and `delete` of each.
 *
 * @param write must not throw. Called in the async context of the caller.
 * @returns how to stop.
 */
export function auditTo(
  cache: Hierarchy,
  write: (record: AuditRecord) => void,
  options: AuditOptions = {},
): () => void {
  checkOptions('auditTo()', options, ['who', 'node', 'now', 'keys', 'hashSecret']);
  const redaction = new Redaction(options);
  const { who, node, now = Date.now } = options;
  const shown = (names: readonly string[]) => names.flatMap((name) => redaction.name(name) ?? []);
  const keysOf = (keys: readonly string[]) => {
    const names = shown(keys);
    return { ...(names.length === 0 ? {} : { keys: names }), count: keys.length };
  };
  const caller = () => {
    try {
      return who?.();
    } catch (error) {
      // What was done is told all the same: it is the record that matters.
      process.emitWarning(`who() threw: ${error instanceof Error ? error.message : typeof error}`, 'TierwiseWarning');
      return undefined;
    }
  };
  const tell = (deed: Deed) => {
    const [by, correlationId] = [caller(), cache.correlationId()];
    write({
      at: new Date(now()).toISOString(),
      ...deed,
      ...(by === undefined ? {} : { who: by }),
      ...(correlationId === undefined ? {} : { correlationId }),
      ...(node === undefined ? {} : { node }),
    });
  };
  const ofKeys = (operation: 'delete' | 'expire' | 'touch') =>
    cache.on(operation, ({ namespace, keys }) => tell({ operation, namespace, ...keysOf(keys) }));
  const forget = [
    cache.on('set', ({ namespace, key }) => tell({ operation: 'set', namespace, ...keysOf([key]) })),
    ...(['delete', 'expire', 'touch'] as const).map(ofKeys),
    cache.on('invalidate', ({ namespace, tags, mode }) => {
      if (tags === null) tell({ operation: 'clear', namespace, count: 1, mode });
      else tell({ operation: 'invalidate', namespace, tags: shown(tags), count: tags.length, mode });
    }),
    cache.on('purge', ({ namespace, entries }) => tell({ operation: 'purge', namespace, count: entries })),
    cache.on('commit', ({ namespace, sets, deletes }) =>
      tell({ operation: 'commit', namespace, ...keysOf([...sets, ...deletes]) }),
    ),
    cache.on('restored', ({ result }) =>
      tell({ operation: 'restore', namespace: undefined, count: result.restored, restored: result }),
    ),
  ];
  return () => {
    for (const each of forget) each();
  };
}
