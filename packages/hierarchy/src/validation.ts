import { InvalidDurationError, InvalidOptionError, InvalidValueError } from './errors.js';

/**
 * How strictly keys, tags, times to live and values are checked (ORIGIN S8; the table is in `docs/validation.md`).
 *
 * - `strict`: refuses also what is allowed but seldom meant: names that look like others, fractions of a millisecond, values that no L1
 *   can hold.
 * - `normal`, the default.
 * - `relaxed`: accepts longer names, and control characters in keys and tags; a time to live of more than a year becomes a year.
 *
 * In every mode the laws hold: two names never meet, `undefined` is never stored, nothing lives for ever by accident.
 */
export type ValidationMode = 'strict' | 'normal' | 'relaxed';

/** What a mode asks of a name: of a key or a tag. */
export interface NameRules {
  readonly maxLength: number;
  /** What no such name may have in it. (Lone surrogates it may not have in any mode.) */
  readonly refused: RegExp;
  /** That, in words. */
  readonly refusedText: string;
}

/** What a mode asks for. */
export interface Rules {
  readonly mode: ValidationMode;
  /** Of keys and tags. */
  readonly names: NameRules;
  /** Of names of namespaces, which stand in front of keys and in metrics. */
  readonly namespaces: NameRules;
  /** Whether what looks like another name is refused. */
  readonly refusesLookalikes: boolean;
  /** How many tags there may be at once. */
  readonly maxTags: number;
  readonly refusesRepeatedTags: boolean;
  /** What a time to live of more than a year is. */
  readonly longTtl: 'refused' | 'shortened';
  readonly refusesFractions: boolean;
  /** Whether a value is refused that L1 is too small for. */
  readonly refusesOversize: boolean;
}

// The null character is refused in all modes: names of Tierwise's own have it in them, so that no user's name can meet them.
const NORMAL_NAMES: NameRules = {
  maxLength: 1000,
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is there to find them
  refused: /[\u0000-\u001f\u007f]/,
  refusedText: 'control characters',
};

/** Control characters of both sets, invisible ones (zero-width, bidirectional overrides, soft hyphens …), separators of lines. */
const STRICT_NAMES: NameRules = {
  maxLength: 1000,
  refused: /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u,
  refusedText: 'control or invisible characters where validation is strict',
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: it is there to find it
const RELAXED_NAMES: NameRules = { maxLength: 10_000, refused: /\u0000/, refusedText: 'null characters' };

const NORMAL: Rules = {
  mode: 'normal',
  names: NORMAL_NAMES,
  namespaces: NORMAL_NAMES,
  refusesLookalikes: false,
  maxTags: 128,
  refusesRepeatedTags: false,
  longTtl: 'refused',
  refusesFractions: false,
  refusesOversize: false,
};

/** The rules of each mode. */
export const RULES: Readonly<Record<ValidationMode, Rules>> = {
  strict: {
    ...NORMAL,
    mode: 'strict',
    names: STRICT_NAMES,
    namespaces: STRICT_NAMES,
    refusesLookalikes: true,
    maxTags: 32,
    refusesRepeatedTags: true,
    refusesFractions: true,
    refusesOversize: true,
  },
  normal: NORMAL,
  relaxed: { ...NORMAL, mode: 'relaxed', names: RELAXED_NAMES, maxTags: 1000, longTtl: 'shortened' },
};

/** @throws {@link InvalidOptionError} */
export function rulesOf(mode: unknown): Rules {
  if (mode === 'strict' || mode === 'normal' || mode === 'relaxed') return RULES[mode];
  throw new InvalidOptionError(`validation must be 'strict', 'normal' or 'relaxed', not ${JSON.stringify(mode)}`);
}

/** The longest time to live: a year. */
const MAX_TTL_MS = 365 * 86_400_000;

/**
 * Has the mode its say about a time to live, in milliseconds and fractions of them, before its bounds are checked.
 *
 * @throws {@link InvalidDurationError}
 */
export function ttlByRules(ms: number, name: string, rules: Rules): number {
  if (rules.longTtl === 'shortened' && ms > MAX_TTL_MS) return MAX_TTL_MS;
  if (rules.refusesFractions && Number.isFinite(ms) && !Number.isInteger(ms)) {
    throw new InvalidDurationError(`${name} must be whole milliseconds where validation is strict, not ${ms}`);
  }
  return ms;
}

/** @throws {@link InvalidValueError} for a value of so many bytes, encoded, that could never be in L1. */
export function checkSize(bytes: number, maxBytes: number, rules: Rules): void {
  if (!rules.refusesOversize || bytes <= maxBytes) return;
  throw new InvalidValueError(
    `a value that takes ${bytes} bytes is refused where validation is strict, since l1.maxBytes is ${maxBytes}`,
  );
}
