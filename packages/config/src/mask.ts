import type { OptionMeta } from './schema/option.js';

const HIDDEN = '***';
const LONGEST = 200;

/** A value as it may be shown to anybody: whatever is secret in it is hidden. */
export function masked(value: unknown, secret: OptionMeta['secret']): unknown {
  if (secret === undefined) return withoutPasswords(value);
  if (value === undefined) return value;
  if (secret === 'url') return typeof value === 'string' ? maskedUrl(value) : HIDDEN;
  if (secret === 'elements' && Array.isArray(value)) return value.map(maskedElement);
  return HIDDEN;
}

/** The same in words, for a message or a table. */
export function shown(value: unknown, secret: OptionMeta['secret']): string {
  const safe = masked(value, secret);
  if (typeof safe === 'bigint' || typeof safe === 'symbol' || typeof safe === 'function') return `a ${typeof safe}`;
  const text = JSON.stringify(safe) ?? String(safe);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

/** No secret belongs there, but a whole URL gets where a host or an address was asked for. */
function withoutPasswords(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(/(\w:\/\/)\S*@/g, `$1${HIDDEN}@`);
  if (Array.isArray(value)) return value.map(withoutPasswords);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, withoutPasswords(each)]));
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
