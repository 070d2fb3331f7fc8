import type { HierarchyEventOf, HierarchyEventType } from '@tierwise/hierarchy';
import type { Redaction } from '../redaction.js';
import { loggedError } from './errors.js';
import type { LogLevel } from './logger.js';

/** What is logged of an event. */
export interface Line {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Record<string, unknown>;
  /** Lines of the same kind are one for as long as an interval lasts. `undefined`: each is written. */
  readonly squash?: string | undefined;
  /** It is of no caller's: whoever runs right now has nothing to do with it. */
  readonly impersonal?: boolean;
}

/** Of long lists, so many names are shown. */
const MAX_NAMES = 10;

type Teller<T extends HierarchyEventType> = (event: HierarchyEventOf<T>, redaction: Redaction) => Line;

/** How each type of event is told. None of them shows a value. */
export const LINES: { readonly [T in HierarchyEventType]: Teller<T> } = {
  hit: ({ namespace, key, tier }, redaction) => debug('hit', { namespace, tier, ...one(key, redaction) }),
  miss: ({ namespace, key, tier }, redaction) => debug('missed', { namespace, tier, ...one(key, redaction) }),
  evict: ({ namespace, key, cause }, redaction) =>
    debug('L1 gave an entry up', { namespace, ...one(key, redaction), cause }),
  load: ({ namespace, key, outcome, ms, error, definition, cost }, redaction) => {
    const of = definition === undefined ? {} : { definition };
    const fields = { namespace, ...one(key, redaction), ...of, outcome, ms, ...(cost === undefined ? {} : { cost }) };
    if (outcome !== 'failed') return debug('loaded', fields);
    return trouble('error', 'a load failed', fields, error, redaction, `load ${namespace}`, [key]);
  },
  stale: ({ namespace, key, reason }, redaction) => {
    const fields = { namespace, ...one(key, redaction), reason };
    if (reason === 'revalidate') return debug('answered a stale value', fields);
    return { level: 'warn', message: 'answered a stale value', fields, squash: `stale ${namespace} ${reason}` };
  },
  set: ({ namespace, key }, redaction) => debug('set', { namespace, ...one(key, redaction) }),
  delete: ({ namespace, keys }, redaction) => debug('deleted', { namespace, ...many(keys, redaction) }),
  expire: ({ namespace, keys }, redaction) => debug('expired', { namespace, ...many(keys, redaction) }),
  touch: ({ namespace, keys }, redaction) => debug('touched', { namespace, ...many(keys, redaction) }),
  invalidate: ({ namespace, tags, mode }, redaction) =>
    debug(tags === null ? 'cleared' : 'invalidated tags', { namespace, ...tagged(tags, redaction), mode }),
  purge: ({ namespace, entries }) => debug('purged', { namespace, entries }),
  commit: ({ namespace, sets, deletes }) =>
    debug('committed a transaction', { namespace, sets: sets.length, deletes: deletes.length }),
  news: ({ news }, redaction) => {
    const { namespace, type, origin } = news;
    const names =
      news.type === 'marks' ? tagged(news.tags, redaction) : 'keys' in news ? many(news.keys, redaction) : {};
    const what = news.type === 'changed' ? { cause: news.cause } : news.type === 'marks' ? { mode: news.mode } : {};
    return debug('heard of a change', { namespace, news: type, ...what, ...names, origin });
  },
  damaged: ({ namespace, key, reason }, redaction) => ({
    level: 'warn',
    message: 'bytes in L2 cannot be read, and count as a miss',
    fields: { namespace, ...one(key, redaction), reason },
    squash: `damaged ${namespace} ${reason}`,
  }),
  'l2-error': ({ operation, error }, redaction) =>
    trouble('error', 'L2 failed', { operation }, error, redaction, `l2-error ${operation}`, []),
  deferred: ({ namespace, op, keys, tags, error }, redaction) => {
    const names = tags === undefined ? many(keys, redaction) : tagged(tags, redaction);
    const fields = { namespace, op, ...names };
    return trouble('warn', 'L2 will be told later', fields, error, redaction, `deferred ${namespace} ${op}`, keys);
  },
  refused: ({ namespace, op, id, error }, redaction) => {
    const fields = { namespace, op, ...(id === undefined ? {} : one(id, redaction)) };
    const names = id === undefined ? [] : [id];
    return trouble('error', 'L2 refuses what it missed', fields, error, redaction, `refused ${namespace} ${op}`, names);
  },
  outbox: ({ what, namespace, keys }) => ({
    ...{ level: 'warn', message: 'more waits for L2 than is kept', fields: { what, namespace, keys } },
    ...{ squash: `outbox ${what}`, impersonal: true },
  }),
  lost: ({ items }) => of('error', 'closed before L2 could be told', { items }),
  feed: ({ state }) => of(state === 'deaf' ? 'warn' : 'info', `the feed is ${state}`, { state }),
  breaker: ({ state }) => of(state === 'open' ? 'error' : 'info', `the circuit breaker is ${state}`, { state }),
  recovered: ({ ms, replayed }) => of('info', 'L2 is back, and has all that it missed', { ms, replayed }),
  journal: ({ trouble: seen }, redaction) => {
    const { type } = seen;
    if (type === 'recovered') return of('info', 'the journal is back on its disk', { trouble: type });
    if (type === 'failing') {
      const fields = { trouble: type, error: loggedError(seen.error, redaction, []) };
      return { ...of('error', 'the journal cannot be written', fields), squash: 'journal failing' };
    }
    if (type === 'dropped') {
      const fields = { trouble: type, why: seen.why, records: seen.entries.length };
      return { ...of('error', 'the journal gave records up', fields), squash: `journal dropped ${seen.why}` };
    }
    const { file, offset, bytes } = seen;
    return of('warn', 'the journal has damaged bytes', { trouble: type, file, offset, bytes });
  },
  restore: ({ progress: { restored, total } }) => of('debug', 'a snapshot is being restored', { restored, total }),
  restored: ({ result }) => ({ ...of('info', 'a snapshot was restored', { ...result }), impersonal: false }),
  reconfigured: ({ after }) => ({
    ...of('info', 'options were changed', { options: Object.keys(after) }),
    impersonal: false,
  }),
  tuned: (event) => {
    if (event.what === 'l1') {
      const { before, advice } = event;
      return of('info', 'another size of L1 is advised', { what: 'l1', before, advice });
    }
    const { definition, namespace, mode, beforeMs, afterMs, reasons } = event;
    const fields = { what: 'ttl', namespace, definition, mode, beforeMs, afterMs, reasons };
    return of('info', mode === 'auto' ? 'a ttl was tuned' : 'another ttl is advised', fields);
  },
  incident: ({ phase, incident }, redaction) => {
    const { kind, severity, subject, count, durationMs, numbers, message } = incident;
    // What it says may come from anywhere, and which keys it names is not known.
    const shown = redaction.isPlain ? { says: redaction.text(message) } : {};
    const fields = { phase, kind, severity, subject, count, durationMs, numbers, ...shown };
    const level = { info: 'info', warning: 'warn', critical: 'error' } as const;
    const squash = phase === 'update' ? `incident ${kind} ${subject}` : undefined;
    return { ...of(phase === 'end' ? 'info' : level[severity], `incident ${kind}: ${phase}`, fields), squash };
  },
};

function debug(message: string, fields: Line['fields']): Line {
  return { level: 'debug', message, fields };
}

/** What befalls the node, not a call. */
function of(level: LogLevel, message: string, fields: Line['fields']): Line {
  return { level, message, fields, impersonal: true };
}

function trouble(
  level: 'warn' | 'error',
  message: string,
  fields: Line['fields'],
  error: unknown,
  redaction: Redaction,
  kind: string,
  names: readonly string[],
): Line {
  if (error === undefined) return { level, message, fields, squash: kind };
  const shown = loggedError(error, redaction, names);
  return { level, message, fields: { ...fields, error: shown }, squash: `${kind} ${shown.code ?? shown.type}` };
}

function one(key: string, redaction: Redaction): { key?: string } {
  const shown = redaction.name(key);
  return shown === undefined ? {} : { key: shown };
}

/** Names as they may be shown, and how many they are. */
function many(keys: readonly string[], redaction: Redaction, what = 'keys'): Record<string, unknown> {
  const shown = keys.slice(0, MAX_NAMES).flatMap((key) => redaction.name(key) ?? []);
  return { ...(shown.length === 0 ? {} : { [what]: shown }), count: keys.length };
}

function tagged(tags: readonly string[] | null, redaction: Redaction): Record<string, unknown> {
  return tags === null ? {} : many(tags, redaction, 'tags');
}
