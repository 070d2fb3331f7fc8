import { type Duration, parseDuration } from './duration.js';
import { checkTags } from './names.js';
import { checkNames, type ResolvedOptions } from './options.js';

/** Defaults that a namespace, a definition or a single call can set. The more specific one counts. */
export interface PolicyOptions {
  /** How long the value is fresh. `0` stores nothing. Default: the hierarchy's `ttl`. */
  readonly ttl?: Duration | undefined;
  /** Shortens the life of the value in L1 further. Default: the hierarchy's `l1.ttl`. */
  readonly l1Ttl?: Duration | undefined;
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

/** What a stored value's life is decided by, all units parsed. */
export interface Policy {
  readonly ttlMs: number;
  readonly l1TtlMs: number;
}

export const POLICY_NAMES = ['ttl', 'l1Ttl'] as const;
const STORE_NAMES = [...POLICY_NAMES, 'tags'];
const LOAD_NAMES = [...STORE_NAMES, 'signal'];

export function basePolicy(options: ResolvedOptions): Policy {
  return { ttlMs: options.ttlMs, l1TtlMs: options.l1TtlMs };
}

/** `base` with what `options` says differently. */
export function refinePolicy(base: Policy, options: PolicyOptions | undefined): Policy {
  if (options === undefined || (options.ttl === undefined && options.l1Ttl === undefined)) return base;
  return {
    ttlMs: options.ttl === undefined ? base.ttlMs : parseDuration(options.ttl, 'ttl'),
    l1TtlMs: options.l1Ttl === undefined ? base.l1TtlMs : parseDuration(options.l1Ttl, 'l1Ttl', 1),
  };
}

/** Checks the options of a call that stores. @throws typed errors, before anything is done. */
export function checkStoreOptions(where: string, options: StoreOptions | undefined): void {
  if (options === undefined) return;
  checkNames(where, options, STORE_NAMES);
  if (options.tags !== undefined) checkTags(options.tags);
}

/** Checks the options of a call that may load. @throws typed errors, before anything is done. */
export function checkLoadOptions(where: string, options: LoadOptions | undefined): void {
  if (options === undefined) return;
  checkNames(where, options, LOAD_NAMES);
  if (options.tags !== undefined) checkTags(options.tags);
}

/** Checks the options of a call that only reads. */
export function checkReadOptions(where: string, options: ReadOptions | undefined): void {
  if (options !== undefined) checkNames(where, options, ['signal']);
}
