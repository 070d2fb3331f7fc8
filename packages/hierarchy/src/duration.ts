import { InvalidDurationError } from './errors.js';
import { type Rules, ttlByRules } from './validation.js';

/** Milliseconds as a number, or a number with a unit: `'250ms'`, `'10s'`, `'5m'`, `'2h'`, `'1d'`, `'1w'`. Never seconds as a bare number. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd' | 'w'}`;

/** Bytes as a number, or a number with a binary unit: `'512kb'` (1 kb = 1,024 bytes), `'64mb'`, `'1gb'`. */
export type ByteSize = number | `${number}${'b' | 'kb' | 'mb' | 'gb'}`;

const SECOND = 1000;
const UNITS_OF_TIME: Record<string, number> = {
  ms: 1,
  s: SECOND,
  m: 60 * SECOND,
  h: 3600 * SECOND,
  d: 86_400 * SECOND,
  w: 604_800 * SECOND,
};
const UNITS_OF_SIZE: Record<string, number> = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 };

/** The longest duration that is accepted: one year (the origin's bound of a TTL). */
const MAX_DURATION_MS = 365 * 86_400 * SECOND;

/**
 * Understands a duration.
 *
 * @param name what it is, for the error's text.
 * @param min the least that is allowed, in milliseconds.
 * @returns whole milliseconds; fractions are rounded up, so that nothing positive becomes 0.
 * @throws {@link InvalidDurationError} for anything else: other units, NaN, Infinity, negative, more than a year.
 */
export function parseDuration(value: Duration, name: string, min = 0): number {
  return inBounds(parseWithUnit(value, UNITS_OF_TIME), value, name, min);
}

/** As {@link parseDuration}, for what a mode of validation has a say in: how long something lives. */
export function parseTtl(value: Duration, name: string, rules: Rules, min = 0): number {
  return inBounds(ttlByRules(parseWithUnit(value, UNITS_OF_TIME), name, rules), value, name, min);
}

function inBounds(exactMs: number, value: Duration, name: string, min: number): number {
  const ms = Math.ceil(exactMs);
  if (!(ms >= min && ms <= MAX_DURATION_MS)) {
    throw new InvalidDurationError(
      `${name} must be ${min} to ${MAX_DURATION_MS} milliseconds (one year), as a number or with a unit such as '10m' ` +
        `(ms, s, m, h, d, w), not ${show(value)}`,
    );
  }
  return ms;
}

/**
 * Understands a size in bytes.
 *
 * @throws {@link InvalidDurationError} when it is none.
 */
export function parseByteSize(value: ByteSize, name: string): number {
  const bytes = Math.ceil(parseWithUnit(value, UNITS_OF_SIZE));
  if (!(bytes >= 1 && bytes <= Number.MAX_SAFE_INTEGER)) {
    throw new InvalidDurationError(
      `${name} must be 1 or more bytes, as a number or with a unit such as '64mb' (b, kb, mb, gb), not ${show(value)}`,
    );
  }
  return bytes;
}

/** The number in its base unit, or NaN. */
function parseWithUnit(value: number | string, units: Record<string, number>): number {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return Number.NaN;
  const match = /^(\d+(?:\.\d+)?)([a-z]+)$/.exec(value);
  const unit = units[match?.[2] ?? ''];
  return unit === undefined ? Number.NaN : Number(match?.[1]) * unit;
}

function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
