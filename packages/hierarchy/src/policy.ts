import { checkNames } from './check.js';
import { type Duration, parseDuration, parseTtl } from './duration.js';
import { InvalidOptionError } from './errors.js';
import { checkTags } from './names.js';
import { RULES, type Rules } from './validation.js';

/** Defaults that the hierarchy, a namespace, a definition or a single call can set. The more specific one counts. */
export interface PolicyOptions {
  /**
   * How long a value is fresh. `0` stores nothing: a load's value goes to those who wait for it, and a `set` only removes the
   * key's earlier value. Default `'10m'`.
   */
  readonly ttl?: Duration | undefined;
  /** Shortens the `ttl` of each value at random by up to this part of it, 0 to 1, so that they do not all end at once. Default 0. */
  readonly ttlJitter?: number | undefined;
  /** The `ttl` of `null`, for loaders and writers that say by it that there is nothing. Default: as any value's. */
  readonly negativeTtl?: Duration | undefined;
  /** Shortens the life of the value in L1 further. Default: the hierarchy's `l1.ttl`. */
  readonly l1Ttl?: Duration | undefined;
  /**
   * For how long after its `ttl` a value is still answered at once, while it is loaded anew behind (RFC 5861). Not for what
   * was expired by `expire` or `invalidateTags({mode: 'expire'})`. Default 0.
   */
  readonly staleWhileRevalidate?: Duration | undefined;
  /**
   * For how long after its `ttl` a value is answered if the load fails or takes too long (RFC 5861); an expired one for as long
   * as it would have been otherwise. Never what was invalidated. Default 0.
   */
  readonly staleIfError?: Duration | undefined;
  /**
   * After a failed load, a stale value is answered without another load for `first`, doubled with each further failure up to `max`,
   * shortened at random by up to a quarter. A single duration is `first`. Default `{ first: '1s', max: '1m' }`.
   */
  readonly loadBackoff?: Duration | { readonly first?: Duration; readonly max?: Duration } | undefined;
  /**
   * The part of its life, 0 to 1, after which the first hit in L1 has a value loaded anew behind, so that it never ends while it is
   * in use. Varied at random by a tenth. `false`: not. Default `false`.
   */
  readonly refreshAhead?: number | false | undefined;
  /** Bounds on how long a call that loads may take. A single duration is `hard`. */
  readonly loadTimeout?: Duration | LoadTimeoutOptions | undefined;
}

/** Bounds on how long a call that loads may take, whether it runs the load or waits for another's. */
export interface LoadTimeoutOptions {
  /** From then on a stale value is answered, within `staleIfError`; the load goes on. Default: none. */
  readonly soft?: Duration;
  /** From then on the call rejects with `LoadTimeoutError`, or answers with such a stale value. Default `'1m'`. */
  readonly hard?: Duration;
  /**
   * For how much longer than `hard` a load may run for its result to be kept. Past that its signal aborts and what comes is
   * ignored. `0` aborts at `hard`. Default `'1m'`.
   */
  readonly late?: Duration;
}

/** Options of a single call that stores something. */
export interface StoreOptions extends PolicyOptions {
  /** Names under which the value can be invalidated together with others. Up to 128. */
  readonly tags?: readonly string[] | undefined;
}

/** Options of a call that may load. */
export interface LoadOptions extends StoreOptions {
  /** Ends this caller's wait. The others' goes on; when all have gone, the loader's own signal aborts. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of a call that only reads. */
export interface ReadOptions {
  /** Ends this caller's wait. */
  readonly signal?: AbortSignal | undefined;
}

/** What a stored value's life and a load's limits are decided by, all units parsed. Never changed, but replaced. */
export interface Policy {
  /** What further options have to keep to. */
  readonly rules: Rules;
  readonly ttlMs: number;
  readonly ttlJitter: number;
  readonly negativeTtlMs: number | undefined;
  readonly l1TtlMs: number;
  readonly staleWhileRevalidateMs: number;
  readonly staleIfErrorMs: number;
  readonly loadBackoff: { readonly firstMs: number; readonly maxMs: number };
  readonly refreshAhead: number | undefined;
  readonly loadTimeout: { readonly softMs: number; readonly hardMs: number; readonly lateMs: number };
}

/** What options say differently from a policy. */
export interface PolicyChanges {
  readonly ttlMs: number | undefined;
  readonly ttlJitter: number | undefined;
  readonly negativeTtlMs: number | undefined;
  readonly l1TtlMs: number | undefined;
  readonly staleWhileRevalidateMs: number | undefined;
  readonly staleIfErrorMs: number | undefined;
  readonly loadBackoff: { readonly firstMs: number | undefined; readonly maxMs: number | undefined } | undefined;
  readonly refreshAhead: number | false | undefined;
  readonly loadTimeout:
    | { readonly softMs: number | undefined; readonly hardMs: number | undefined; readonly lateMs: number | undefined }
    | undefined;
}

export const DEFAULT_POLICY: Policy = {
  rules: RULES.normal,
  ttlMs: 600_000,
  ttlJitter: 0,
  negativeTtlMs: undefined,
  l1TtlMs: Number.POSITIVE_INFINITY,
  staleWhileRevalidateMs: 0,
  staleIfErrorMs: 0,
  loadBackoff: { firstMs: 1000, maxMs: 60_000 },
  refreshAhead: undefined,
  loadTimeout: { softMs: Number.POSITIVE_INFINITY, hardMs: 60_000, lateMs: 60_000 },
};

export const POLICY_NAMES = [
  'ttl',
  'ttlJitter',
  'negativeTtl',
  'l1Ttl',
  'staleWhileRevalidate',
  'staleIfError',
  'loadBackoff',
  'refreshAhead',
  'loadTimeout',
] as const;
const STORE_NAMES = [...POLICY_NAMES, 'tags'];
const LOAD_NAMES = [...STORE_NAMES, 'signal'];

/** Of options with others beside, those that are a policy's. */
export function policyOptionsOf(options: PolicyOptions): PolicyOptions {
  return Object.fromEntries(POLICY_NAMES.map((name) => [name, options[name]]));
}

/** `base` with what `options` says differently. @throws typed errors, saying what is allowed. */
export function refinePolicy(base: Policy, options: PolicyOptions | undefined): Policy {
  const changes = changesBy(options, base.rules);
  return changes === undefined ? base : applyChanges(base, changes);
}

/** What `options` says differently; `undefined`: nothing. @throws typed errors, saying what is allowed. */
export function changesBy(options: PolicyOptions | undefined, rules: Rules): PolicyChanges | undefined {
  if (options === undefined || !POLICY_NAMES.some((name) => options[name] !== undefined)) return undefined;
  const ttl = (name: 'ttl' | 'l1Ttl' | 'negativeTtl' | 'staleWhileRevalidate' | 'staleIfError', least = 0) =>
    options[name] === undefined ? undefined : parseTtl(options[name], name, rules, least);
  return {
    ttlMs: ttl('ttl'),
    ttlJitter: options.ttlJitter === undefined ? undefined : checkPart(options.ttlJitter, 'ttlJitter'),
    negativeTtlMs: ttl('negativeTtl'),
    l1TtlMs: ttl('l1Ttl', 1),
    staleWhileRevalidateMs: ttl('staleWhileRevalidate'),
    staleIfErrorMs: ttl('staleIfError'),
    loadBackoff: options.loadBackoff === undefined ? undefined : toBackoff(options.loadBackoff),
    refreshAhead: toRefreshAhead(options.refreshAhead),
    loadTimeout: options.loadTimeout === undefined ? undefined : toLoadTimeout(options.loadTimeout),
  };
}

/** Never throws: changes that were understood once can be made to any policy. */
export function applyChanges(base: Policy, changes: PolicyChanges): Policy {
  const { loadBackoff, loadTimeout, refreshAhead } = changes;
  const firstMs = loadBackoff?.firstMs ?? base.loadBackoff.firstMs;
  const maxMs = loadBackoff?.maxMs ?? base.loadBackoff.maxMs;
  return {
    rules: base.rules,
    ttlMs: changes.ttlMs ?? base.ttlMs,
    ttlJitter: changes.ttlJitter ?? base.ttlJitter,
    negativeTtlMs: changes.negativeTtlMs ?? base.negativeTtlMs,
    l1TtlMs: changes.l1TtlMs ?? base.l1TtlMs,
    staleWhileRevalidateMs: changes.staleWhileRevalidateMs ?? base.staleWhileRevalidateMs,
    staleIfErrorMs: changes.staleIfErrorMs ?? base.staleIfErrorMs,
    loadBackoff: loadBackoff === undefined ? base.loadBackoff : { firstMs, maxMs: Math.max(firstMs, maxMs) },
    refreshAhead: refreshAhead === undefined ? base.refreshAhead : refreshAhead === false ? undefined : refreshAhead,
    loadTimeout:
      loadTimeout === undefined
        ? base.loadTimeout
        : {
            softMs: loadTimeout.softMs ?? base.loadTimeout.softMs,
            hardMs: loadTimeout.hardMs ?? base.loadTimeout.hardMs,
            lateMs: loadTimeout.lateMs ?? base.loadTimeout.lateMs,
          },
  };
}

function toBackoff(option: NonNullable<PolicyOptions['loadBackoff']>): PolicyChanges['loadBackoff'] {
  const { first, max } = typeof option === 'object' ? option : { first: option, max: undefined };
  if (typeof option === 'object') checkNames('loadBackoff', option, ['first', 'max']);
  return {
    firstMs: first === undefined ? undefined : parseDuration(first, 'loadBackoff.first'),
    maxMs: max === undefined ? undefined : parseDuration(max, 'loadBackoff.max'),
  };
}

function toLoadTimeout(option: NonNullable<PolicyOptions['loadTimeout']>): PolicyChanges['loadTimeout'] {
  if (typeof option !== 'object') {
    return { softMs: undefined, hardMs: parseDuration(option, 'loadTimeout', 1), lateMs: undefined };
  }
  checkNames('loadTimeout', option, ['soft', 'hard', 'late']);
  const { soft, hard, late } = option;
  return {
    softMs: soft === undefined ? undefined : parseDuration(soft, 'loadTimeout.soft'),
    hardMs: hard === undefined ? undefined : parseDuration(hard, 'loadTimeout.hard', 1),
    lateMs: late === undefined ? undefined : parseDuration(late, 'loadTimeout.late'),
  };
}

function toRefreshAhead(option: PolicyOptions['refreshAhead']): PolicyChanges['refreshAhead'] {
  return option === undefined || option === false ? option : checkPart(option, 'refreshAhead');
}

function checkPart(part: unknown, name: string): number {
  if (typeof part === 'number' && part >= 0 && part <= 1) return part;
  throw new InvalidOptionError(`${name} must be a part between 0 and 1, such as 0.8, not ${JSON.stringify(part)}`);
}

/** How long a value lives that is stored now: `freshMs` is 0 if it is not to be stored at all. */
export function lifeOf(policy: Policy, value: unknown): { readonly freshMs: number; readonly keepMs: number } {
  const ttlMs = value === null ? (policy.negativeTtlMs ?? policy.ttlMs) : policy.ttlMs;
  if (ttlMs === 0) return { freshMs: 0, keepMs: 0 };
  const freshMs =
    policy.ttlJitter === 0 ? ttlMs : Math.max(1, Math.round(ttlMs * (1 - policy.ttlJitter * Math.random())));
  return { freshMs, keepMs: freshMs + Math.max(policy.staleWhileRevalidateMs, policy.staleIfErrorMs) };
}

/** The longest that a value of this policy can be kept, in milliseconds. */
export function longestLifeMs(policy: Policy): number {
  const ttlMs = Math.max(policy.ttlMs, policy.negativeTtlMs ?? 0);
  return ttlMs === 0 ? 0 : ttlMs + Math.max(policy.staleWhileRevalidateMs, policy.staleIfErrorMs);
}

/** Checks the options of a call that stores. @throws typed errors, before anything is done. */
export function checkStoreOptions(where: string, options: StoreOptions | undefined, rules: Rules): void {
  if (options === undefined) return;
  checkNames(where, options, STORE_NAMES);
  if (options.tags !== undefined) checkTags(options.tags, rules);
}

/** Checks the options of a call that may load. @throws typed errors, before anything is done. */
export function checkLoadOptions(where: string, options: LoadOptions | undefined, rules: Rules): void {
  if (options === undefined) return;
  checkNames(where, options, LOAD_NAMES);
  if (options.tags !== undefined) checkTags(options.tags, rules);
}

/** Checks the options of a call that only reads. @throws typed errors, before anything is done. */
export function checkReadOptions(where: string, options: ReadOptions | undefined): void {
  if (options !== undefined) checkNames(where, options, ['signal']);
}
