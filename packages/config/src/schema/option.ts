import { type ByteSize, type Duration, parseByteSize, parseDuration } from '@tierwise/hierarchy';
import * as z from 'zod';

/** How an option is written, and so how its text in the environment is understood. */
export type OptionKind =
  | 'duration'
  | 'bytes'
  | 'number'
  | 'flag'
  | 'text'
  | 'choice'
  | 'list'
  | 'map'
  | 'off'
  | 'short';

/** What is known of an option besides its type: what the documentation, the environment and messages are made from. */
export interface OptionMeta {
  readonly kind: OptionKind;
  /** What it is for. */
  readonly about: string;
  /** What holds where nobody says anything, as it is written. */
  readonly byDefault?: string | number | boolean | undefined;
  /** What is allowed, in words: "must be …". */
  readonly allowed: string;
  /** Not to be shown: as a whole, the password in a URL, or what follows the `:` in each element of a list. */
  readonly secret?: 'all' | 'url' | 'elements' | undefined;
  /** Its variable in the older system whose settings are understood, and the unit there. */
  readonly legacy?: { readonly name: string; readonly unit?: 'seconds' | 'megabytes' } | undefined;
}

/** An option is a schema that stands here. */
export const OPTIONS = z.registry<OptionMeta>();

type Meta = Pick<OptionMeta, 'byDefault' | 'secret' | 'legacy'>;

function option<S extends z.ZodType>(schema: S, meta: OptionMeta): z.ZodOptional<S> {
  OPTIONS.add(schema, meta);
  return schema.optional();
}

/** A time: milliseconds, or with a unit. @param least in milliseconds */
export function duration(about: string, meta: Meta & { least?: number; most?: number } = {}) {
  const { least = 0, most, ...others } = meta;
  const schema = z.custom<Duration>((value) => {
    const ms = msOf(value, least);
    return ms !== undefined && ms <= (most ?? Number.POSITIVE_INFINITY);
  });
  const to = most === undefined ? 'one year' : `${most} ms`;
  const allowed = `a duration of ${least} ms to ${to}: a number of milliseconds, or with a unit (ms, s, m, h, d, w) as in '10m'`;
  return option(schema, { kind: 'duration', about, allowed, ...others });
}

/** A size: bytes, or with a unit. */
export function bytes(about: string, meta: Meta & { least?: number } = {}) {
  const { least = 1, ...others } = meta;
  const schema = z.custom<ByteSize>((value) => (bytesOf(value) ?? 0) >= least);
  const allowed = `a size of ${least === 1 ? '1 byte' : `${least} bytes`} or more: a number, or with a unit (b, kb, mb, gb) as in '64mb'`;
  return option(schema, { kind: 'bytes', about, allowed, ...others });
}

export function whole(about: string, least: number, most: number, meta: Meta = {}) {
  const allowed = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `from ${least} to ${most}`;
  return option(z.int().min(least).max(most), {
    kind: 'number',
    about,
    allowed: `a whole number, ${allowed}`,
    ...meta,
  });
}

export function number(about: string, least: number, most: number, meta: Meta = {}) {
  return option(z.number().min(least).max(most), {
    kind: 'number',
    about,
    allowed: `a number from ${least} to ${most}`,
    ...meta,
  });
}

/** A number that can be switched off. */
export function numberOrOff(about: string, least: number, most: number, meta: Meta = {}) {
  const schema = z.union([z.literal(false), z.number().min(least).max(most)]);
  return option(schema, { kind: 'number', about, allowed: `false, or a number from ${least} to ${most}`, ...meta });
}

export function flag(about: string, meta: Meta = {}) {
  return option(z.boolean(), { kind: 'flag', about, allowed: 'true or false', ...meta });
}

export function text(about: string, meta: Meta = {}) {
  return option(z.string().min(1), { kind: 'text', about, allowed: 'a string that is not empty', ...meta });
}

export function choice<const T extends readonly [string, ...string[]]>(about: string, choices: T, meta: Meta = {}) {
  const allowed = `one of ${choices.map((each) => `'${each}'`).join(', ')}`;
  return option(z.enum(choices), { kind: 'choice', about, allowed, ...meta });
}

export function list<S extends z.ZodType>(about: string, element: S, allowed: string, meta: Meta = {}) {
  return option(z.array(element).min(1), { kind: 'list', about, allowed, ...meta });
}

export function map<S extends z.ZodType>(about: string, value: S, allowed: string, meta: Meta = {}) {
  return option(z.record(z.string(), value), { kind: 'map', about, allowed, ...meta });
}

/** Options that stand together, or `false` for none of it. */
export function orOff<S extends z.ZodObject>(about: string, parts: S) {
  const schema = z.union([z.literal(false), parts]);
  return option(schema, { kind: 'off', about, allowed: 'false, or an object of its options' });
}

/** Options that stand together, or a duration alone for one of them. */
export function orShort<S extends z.ZodObject>(part: string, parts: S) {
  const schema = z.union([z.custom<Duration>((value) => msOf(value, 0) !== undefined), parts]);
  const allowed = `a duration, which is short for ${part}, or an object`;
  return option(schema, { kind: 'short', about: `Short for \`${part}\`.`, allowed });
}

/** @returns milliseconds, or `undefined` for what is no duration, or less than `least`. */
function msOf(value: unknown, least: number): number | undefined {
  try {
    return parseDuration(value as Duration, '', least);
  } catch {
    return undefined;
  }
}

function bytesOf(value: unknown): number | undefined {
  try {
    return parseByteSize(value as ByteSize, '');
  } catch {
    return undefined;
  }
}
