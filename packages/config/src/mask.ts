import type { OptionMeta } from './schema/option.js';

const HIDDEN = '***';
const LONGEST = 200;

/** A value as it may be shown to anybody: whatever is secret in it is hidden. */
export function masked(value: unknown, secret: OptionMeta['secret']): unknown {
  if (secret === undefined) return deeplyMasked(value);
  if (value === undefined) return value;
  if (secret === 'url') return typeof value === 'string' ? maskedUrl(value) : HIDDEN;
  if (secret === 'elements' && Array.isArray(value)) return value.map(maskedElement);
  return HIDDEN;
}

/** The same in words, for a message or a table. */
export function shown(value: unknown, secret: OptionMeta['secret']): string {
  const text = textOf(value, secret);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

function textOf(value: unknown, secret: OptionMeta['secret']): string {
  if (value === undefined) return 'undefined';
  try {
    return JSON.stringify(masked(value, secret)) ?? `a ${typeof value}`;
  } catch {
    // It is circular, or has a bigint in it, or throws when it is looked at.
    return `a ${typeof value} that cannot be shown`;
  }
}

/** A text of somebody else's, which may have URLs in it. */
export function withoutPasswords(text: string): string {
  return text.replace(/(\w:\/\/)\S*@/g, `$1${HIDDEN}@`);
}

/** No secret belongs there, but a whole URL gets where a host or an address was asked for. */
function deeplyMasked(value: unknown): unknown {
  if (typeof value === 'string') return withoutPasswords(value);
  if (Array.isArray(value)) return value.map(deeplyMasked);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, deeplyMasked(each)]));
}

/** Host, port and database stay; passwords, and whatever the query says, do not. What is no URL may be anything. */
function maskedUrl(text: string): string {
  if (!URL.canParse(text)) return HIDDEN;
  const url = new URL(text);
  const { protocol, username, password, host, pathname, search } = url;
  if (host === '') return HIDDEN;
  const user = username === '' && password === '' ? '' : `${username}${password === '' ? '' : `:${HIDDEN}`}@`;
  return `${protocol}//${user}${host}${pathname}${search === '' ? '' : `?${HIDDEN}`}`;
}

/** Of `id:key`, the id: it stands in everything that the key wrote. */
function maskedElement(element: unknown): string {
  const id =
    typeof element === 'string' ? /^([^:]{1,64}):/.exec(element)?.[1] : (element as { id?: unknown } | null)?.id;
  return typeof id === 'string' ? `${id}:${HIDDEN}` : HIDDEN;
}
