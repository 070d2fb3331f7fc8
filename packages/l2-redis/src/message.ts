import type { L2News } from '@tierwise/l2';

/**
 * The messages of the feed, as JSON arrays. Scripts put them together from pieces that are JSON already, since only they know
 * which deeds were done:
 *
 *   [1,"changed",origin,cause,[key,…],[version,…]]
 *   [1,"released",origin,[key,…]]
 *   [1,"marks",origin,[tag,…] or null,mode,generation]
 *   [1,"reset",origin,reason]
 *
 * A version is that of the entry which stands under the key after the deed, 0 where there is none.
 */
const FORMAT = 1;

/** What a message says. */
export interface Message {
  readonly news: L2News;
  /** Of each key, in news of type `changed`; `undefined` where the sender did not say. */
  readonly versions: readonly number[] | undefined;
}

/** The message of a purge. */
export function resetMessage(origin: string, reason: string): string {
  return JSON.stringify([FORMAT, 'reset', origin, reason]);
}

/**
 * Reads a message. Never throws.
 *
 * @returns `undefined` for what no Tierwise sent. What a *newer* one sent, in a format that is unknown here, is news all the
 * same, only not known which: a reset.
 */
export function decodeMessage(payload: Buffer, namespace: string): Message | undefined {
  let message: unknown;
  try {
    message = JSON.parse(payload.toString());
  } catch {
    return undefined;
  }
  if (!Array.isArray(message)) return undefined;
  const [format, type, origin, ...rest] = message as unknown[];
  if (!Number.isSafeInteger(format) || (format as number) < 1) return undefined;
  if (format !== FORMAT) {
    const reason = `a message of format ${String(format)}`;
    return { news: { type: 'reset', namespace, reason, origin: undefined }, versions: undefined };
  }
  const news = typeof origin === 'string' ? decodeBody(type, namespace, origin, rest) : undefined;
  return news && { news, versions: news.type === 'changed' ? versionsOf(rest[2], news.keys.length) : undefined };
}

function decodeBody(type: unknown, namespace: string, origin: string, rest: unknown[]): L2News | undefined {
  switch (type) {
    case 'changed': {
      const [cause, keys] = rest;
      return isCause(cause) && isNames(keys) ? { type, namespace, keys, cause, origin } : undefined;
    }
    case 'released': {
      const [keys] = rest;
      return isNames(keys) ? { type, namespace, keys, origin } : undefined;
    }
    case 'marks': {
      const [tags, mode, generation] = rest;
      if (!(tags === null || isNames(tags)) || !(mode === 'dead' || mode === 'stale')) return undefined;
      if (!Number.isSafeInteger(generation) || (generation as number) < 1) return undefined;
      return { type, namespace, tags, mode, generation: generation as number, origin };
    }
    case 'reset': {
      const [reason] = rest;
      return typeof reason === 'string' ? { type, namespace, reason, origin } : undefined;
    }
    default:
      return undefined;
  }
}

function versionsOf(value: unknown, count: number): number[] | undefined {
  const isWhole = Array.isArray(value) && value.length === count && value.every(Number.isSafeInteger);
  return isWhole ? (value as number[]) : undefined;
}

type Cause = 'write' | 'fill' | 'delete' | 'expire' | 'touch';
const CAUSES: ReadonlySet<unknown> = new Set<Cause>(['write', 'fill', 'delete', 'expire', 'touch']);

function isCause(value: unknown): value is Cause {
  return CAUSES.has(value);
}

function isNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((name) => typeof name === 'string');
}
