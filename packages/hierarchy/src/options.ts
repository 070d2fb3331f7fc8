import type { L1Policy } from '@tierwise/l1';
import { MAX_ENTRIES } from '@tierwise/l1';
import type { L2 } from '@tierwise/l2';
import { checkNames } from './check.js';
import { type Clock, systemClock } from './clock.js';
import { checkCorrelationOption } from './correlation.js';
import { type ByteSize, type Duration, parseByteSize, parseDuration, parseTtl } from './duration.js';
import { InvalidOptionError } from './errors.js';
import { type IncidentOptions, type ResolvedIncidentOptions, resolveIncidentOptions } from './incident-options.js';
import { checkNamespace } from './names.js';
import {
  OUTAGE_NAMES,
  type OutageOptions,
  type ResolvedOutageOptions,
  resolveOutageOptions,
} from './outage-options.js';
import { DEFAULT_POLICY, POLICY_NAMES, type Policy, type PolicyOptions, refinePolicy } from './policy.js';
import { type ResolvedSnapshotOptions, resolveSnapshotOptions, type SnapshotOptions } from './snapshot-options.js';
import { checkInstrumentation, type Instrumentation } from './tracing.js';
import { type Rules, rulesOf, type ValidationMode } from './validation.js';

/** Options of {@link createHierarchy}. Only `namespace` is required. Those of {@link PolicyOptions} are defaults for all calls. */
export interface HierarchyOptions extends Omit<PolicyOptions, 'l1Ttl'>, OutageOptions {
  /** Keeps this service's keys apart from others' in the same L2. Required. */
  readonly namespace: string;
  /** Bounds of L1, shared by all namespaces of this hierarchy. */
  readonly l1?: L1Options;
  /** The second tier, such as `redisL2({ url })`. Default: none; then L1 is all there is, and nothing is ever shared. */
  readonly l2?: L2;
  /** How old what L1 answers may get while the feed is not known to be alive, or where L2 has none. Default `'10s'`. */
  readonly maxStaleness?: Duration;
  /** How long a single operation of L2 may take; past it, it counts as failed. Default `'2s'`. */
  readonly l2Timeout?: Duration;
  /** Leases, where L2 has them. */
  readonly lease?: LeaseOptions;
  /** Compresses what is written to L2 from `threshold` bytes on, where that saves space. Default: from 1 kb on. */
  readonly compression?: false | { readonly threshold?: ByteSize };
  /** Seals what is written to L2. Default: not. */
  readonly encryption?: EncryptionOptions;
  /**
   * What a read hands out (law 11). `'frozen'`, the default: plain objects and arrays are deep-frozen and shared by all
   * readers, which costs nothing per read; what cannot be frozen (Map, Set, Date, Buffer …) is decoded anew for each read.
   * `'copy'`: a copy of its own for each read, free to be changed.
   */
  readonly returns?: 'frozen' | 'copy';
  /** How strictly keys, tags, times to live and values are checked. Default `'normal'`. */
  readonly validation?: ValidationMode;
  /** What counts as an incident, and what is done about it. */
  readonly incidents?: IncidentOptions;
  /** Snapshots of L1, for a warm start. */
  readonly snapshot?: SnapshotOptions;
  /** What is advised about, by `stats().memory.advice` and the event `tuned`. Definitions have a `tuning` of their own. */
  readonly tuning?: TuningOptions;
  /** Watches what happens while it does, such as `openTelemetry()` from `@tierwise/telemetry/opentelemetry`. Default: none. */
  readonly instrumentation?: Instrumentation;
  /**
   * Answers on whose account the caller runs, outside of {@link withCorrelationId}: the id of the web request, say, as a framework keeps it. Up
   * to 64 visible ASCII characters of it are used. It goes into log lines, and with the feed to peers. Default: none.
   */
  readonly correlationId?: () => string | undefined;
  /** How long `close()` waits for loads and writes under way before it aborts them. Default `'5s'`. */
  readonly closeTimeout?: Duration;
  /** Time. Default: the process' monotonic clock. For tests. */
  readonly clock?: Clock;
}

export interface L1Options {
  /** How many entries L1 holds at the most. Default 5,000. */
  readonly maxEntries?: number;
  /** How many bytes of encoded values L1 holds at the most. Default `'64mb'`. */
  readonly maxBytes?: ByteSize;
  /** Shortens the life of what L1 holds; it never lengthens it (law 3). Default: as long as the entry is fresh. */
  readonly ttl?: Duration;
  /**
   * Who has to go when there is no room: `'lru'`, who was used least recently, or `'arc'`, the adaptive replacement cache (Megiddo and
   * Modha, FAST '03), which a sweep over many keys does not empty. It had more hits than LRU on real traces where L1 was small, and costs more
   * time per call and memory for keys that had to go: see `docs/adr/0007-l1-policy.md`. Default `'lru'`.
   */
  readonly policy?: L1Policy;
}

export interface TuningOptions {
  /**
   * Whether it is noticed what an L1 of twice the size would have answered. It takes some 150 bytes for each entry that L1 had to let go, for as many
   * as it may hold. Default `false`.
   */
  readonly l1?: boolean;
}

export interface LeaseOptions {
  /**
   * For how long a lease is granted; it is renewed while its load runs. When a node dies, others take its load over within this
   * time. Default `'5s'`.
   */
  readonly ttl?: Duration;
  /** How long a miss waits for another node's load before it loads for itself, without filling L2. Default `'30s'`. */
  readonly wait?: Duration;
}

export interface EncryptionOptions {
  /**
   * The key ring: the first key writes, all of them read. To rotate, put a new key in front, and take an old one away when
   * nothing that it wrote can be alive any more.
   */
  readonly keys: readonly EncryptionKey[];
  /**
   * Hides the names of keys and tags in L2 behind a keyed hash. This key must stay as it is: another one makes another set
   * of names, and so an empty cache. Default: names are readable in L2.
   */
  readonly hideNames?: { readonly key: string | Uint8Array };
}

export interface EncryptionKey {
  /** Names the key in what it wrote. Up to 64 characters. */
  readonly id: string;
  /** 32 bytes, or these as hex or base64. */
  readonly key: string | Uint8Array;
}

/**
 * Options with every default filled in and every unit parsed. `reconfigure` puts new ones in their place: who wants to follow that looks
 * here each time, and does not keep what it found.
 */
export interface ResolvedOptions {
  readonly namespace: string;
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly l1Policy: L1Policy;
  readonly l2: L2 | undefined;
  /** What calls use where they say nothing else. */
  readonly policy: Policy;
  readonly rules: Rules;
  readonly maxStalenessMs: number;
  readonly l2TimeoutMs: number;
  readonly leaseTtlMs: number;
  readonly leaseWaitMs: number;
  readonly compressionThreshold: number | undefined;
  readonly encryption: EncryptionOptions | undefined;
  readonly copies: boolean;
  readonly incidents: ResolvedIncidentOptions;
  readonly snapshot: ResolvedSnapshotOptions;
  readonly outages: ResolvedOutageOptions;
  readonly advisesOnL1: boolean;
  readonly instrumentation: Instrumentation | undefined;
  readonly correlationId: (() => string | undefined) | undefined;
  readonly closeTimeoutMs: number;
  readonly clock: Clock;
}

/** The options of a hierarchy. */
export const HIERARCHY_NAMES = [
  ...POLICY_NAMES.filter((name) => name !== 'l1Ttl'),
  ...OUTAGE_NAMES,
  'namespace',
  'l1',
  'l2',
  'maxStaleness',
  'l2Timeout',
  'lease',
  'compression',
  'encryption',
  'returns',
  'validation',
  'incidents',
  'snapshot',
  'tuning',
  'instrumentation',
  'correlationId',
  'closeTimeout',
  'clock',
] as const;

/**
 * Checks options and fills defaults in.
 *
 * @throws {@link InvalidOptionError}, {@link InvalidDurationError} or {@link InvalidKeyError}, saying what is allowed.
 */
export function resolveOptions(options: HierarchyOptions): ResolvedOptions {
  if (options === undefined)
    throw new InvalidOptionError("createHierarchy() needs options, such as { namespace: 'shop' }");
  checkNames('createHierarchy()', options, HIERARCHY_NAMES);
  checkNames('l1', options.l1, ['maxEntries', 'maxBytes', 'ttl', 'policy']);
  checkNames('lease', options.lease, ['ttl', 'wait']);
  checkNames('tuning', options.tuning, ['l1']);
  checkNames('encryption', options.encryption, ['keys', 'hideNames']);
  const rules = rulesOf(options.validation ?? 'normal');
  checkNamespace(options.namespace, rules);
  // By default values, not by `??`: null is no option's value, and no way to say "none" or "for ever".
  const { l1 = {}, lease = {}, l2, compression = {}, encryption, returns = 'frozen', clock = systemClock } = options;
  const { maxStaleness = '10s', l2Timeout = '2s', closeTimeout = '5s' } = options;
  const { maxEntries = 5000, maxBytes = '64mb', policy: l1Policy = 'lru' } = l1;
  const { ttl: leaseTtl = '5s', wait = '30s' } = lease;
  if (compression !== false) checkNames('compression', compression, ['threshold']);
  if (!Number.isSafeInteger(maxEntries) || maxEntries < 1 || maxEntries > MAX_ENTRIES) {
    throw new InvalidOptionError(`l1.maxEntries must be a whole number from 1 to ${MAX_ENTRIES}, not ${maxEntries}`);
  }
  if (l1Policy !== 'lru' && l1Policy !== 'arc') {
    throw new InvalidOptionError(`l1.policy must be 'lru' or 'arc', not ${JSON.stringify(l1Policy)}`);
  }
  if (returns !== 'frozen' && returns !== 'copy') {
    throw new InvalidOptionError(`returns must be 'frozen' or 'copy', not ${JSON.stringify(returns)}`);
  }
  if (l2 !== undefined && typeof l2.read !== 'function') {
    throw new InvalidOptionError("l2 must be a second tier, such as redisL2({ url }) from '@tierwise/l2-redis'");
  }
  const l1TtlMs = l1.ttl === undefined ? Number.POSITIVE_INFINITY : parseTtl(l1.ttl, 'l1.ttl', rules, 1);
  return {
    namespace: options.namespace,
    maxEntries,
    maxBytes: parseByteSize(maxBytes, 'l1.maxBytes'),
    l1Policy,
    l2,
    policy: { ...refinePolicy({ ...DEFAULT_POLICY, rules }, options), l1TtlMs },
    rules,
    maxStalenessMs: parseDuration(maxStaleness, 'maxStaleness'),
    l2TimeoutMs: parseDuration(l2Timeout, 'l2Timeout', 1),
    leaseTtlMs: parseDuration(leaseTtl, 'lease.ttl', 10),
    leaseWaitMs: parseDuration(wait, 'lease.wait'),
    compressionThreshold:
      compression === false ? undefined : parseByteSize(compression.threshold ?? '1kb', 'compression.threshold'),
    encryption,
    copies: returns === 'copy',
    incidents: resolveIncidentOptions(options.incidents),
    snapshot: resolveSnapshotOptions(options.snapshot),
    outages: resolveOutageOptions(options),
    advisesOnL1: checkFlag('tuning.l1', options.tuning?.l1 ?? false),
    instrumentation: checkInstrumentation(options.instrumentation),
    correlationId: checkCorrelationOption(options.correlationId),
    closeTimeoutMs: parseDuration(closeTimeout, 'closeTimeout'),
    clock,
  };
}

function checkFlag(name: string, flag: unknown): boolean {
  if (typeof flag === 'boolean') return flag;
  throw new InvalidOptionError(`${name} must be true or false, not ${JSON.stringify(flag)}`);
}
