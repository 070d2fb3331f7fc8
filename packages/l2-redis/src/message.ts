import { isCorrelationId, type L2News } from '@tierwise/l2';

/**
 * The messages of the feed, as JSON arrays. Scripts put them together from pieces that are JSON already, since only they know
 * which deeds were done:
 *
 *   [1,"changed",origin,cause,[key,…],[version,…]]
 *   [1,"released",origin,[key,…]]
 *   [1,"marks",origin,[tag,…] or null,mode,generation]
 *   [1,"reset",origin,reason]
 *
 * Behind the origin, after a line feed, stands the correlation id, where the call had one. (Within the string, so that older nodes go on reading
 * the message, and scripts need not know of it.)
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

/** Who did it and on whose account, as messages put it. */
export function signature(origin: string, correlationId: string | undefined): string {
  const isPlain = correlationId === undefined && !origin.includes('\n');
  return isPlain ? origin : `${origin}\n${correlationId ?? ''}`;
}

/** The parts of a {@link signature}. */
function signerOf(signature: string): { origin: string; correlationId?: string } {
  const end = signature.lastIndexOf('\n');
  if (end < 0) return { origin: signature };
  const origin = signature.slice(0, end);
  const correlationId = signature.slice(end + 1);
  return isCorrelationId(correlationId) ? { origin, correlationId } : { origin };
}

/** The message of a purge. */
export function resetMessage(signature: string, reason: string): string {
  return JSON.stringify([FORMAT, 'reset', signature, reason]);
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
  const [format, type, signature, ...rest] = message as unknown[];
  if (!Number.isSafeInteger(format) || (format as number) < 1) return undefined;
  if (format !== FORMAT) {
    const reason = `a message of format ${String(format)}`;
    return { news: { type: 'reset', namespace, reason, origin: undefined }, versions: undefined };
  }
  const news = typeof signature === 'string' ? decodeBody(type, namespace, signerOf(signature), rest) : undefined;
  return news && { news, versions: news.type === 'changed' ? versionsOf(rest[2], news.keys.length) : undefined };
}

function decodeBody(
  type: unknown,
  namespace: string,
  by: { origin: string; correlationId?: string },
  rest: unknown[],
): L2News | undefined {
  switch (type) {
    case 'changed': {
      const [cause, keys] = rest;
      return isCause(cause) && isNames(keys) ? { type, namespace, keys, cause, ...by } : undefined;
    }
    case 'released': {
      const [keys] = rest;
      return isNames(keys) ? { type, namespace, keys, ...by } : undefined;
    }
    case 'marks': {
      const [tags, mode, generation] = rest;
      if (!(tags === null || isNames(tags)) || !(mode === 'dead' || mode === 'stale')) return undefined;
      if (!Number.isSafeInteger(generation) || (generation as number) < 1) return undefined;
      return { type, namespace, tags, mode, generation: generation as number, ...by };
    }
    case 'reset': {
      const [reason] = rest;
      return typeof reason === 'string' ? { type, namespace, reason, ...by } : undefined;
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
