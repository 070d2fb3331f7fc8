import * as z from 'zod';
import { bytes, choice, duration, flag, list, number, numberOrOff, orOff, orShort, text, whole } from './option.js';

const MANY = Number.MAX_SAFE_INTEGER;

/** Defaults of calls. */
export const policyShape = {
  ttl: duration('How long a value is fresh. 0 stores nothing.', {
    byDefault: '10m',
    legacy: { name: 'CACHE_HIERARCHY_L2_TTL', unit: 'seconds' },
  }),
  ttlJitter: number('Shortens the `ttl` of each value at random by up to this part of it.', 0, 1, { byDefault: 0 }),
  negativeTtl: duration('The `ttl` of `null`. Default: as any value’s.'),
  staleWhileRevalidate: duration(
    'For how long after its `ttl` a value is still answered at once, while it is loaded anew behind.',
    {
      byDefault: 0,
    },
  ),
  staleIfError: duration('For how long after its `ttl` a value is answered if the load fails or takes too long.', {
    byDefault: 0,
  }),
  loadBackoff: orShort(
    'loadBackoff.first',
    z.strictObject({
      first: duration('After a failed load, a stale value is answered for so long without another load.', {
        byDefault: '1s',
      }),
      max: duration('That time doubles with each further failure, up to this.', { byDefault: '1m' }),
    }),
  ),
  refreshAhead: numberOrOff(
    'The part of its life after which the first hit in L1 has a value loaded anew behind.',
    0,
    1,
    {
      byDefault: false,
    },
  ),
  loadTimeout: orShort(
    'loadTimeout.hard',
    z.strictObject({
      soft: duration('From then on a stale value is answered, within `staleIfError`. Default: none.'),
      hard: duration('From then on a call that loads rejects.', { byDefault: '1m', least: 1 }),
      late: duration('For how much longer than `hard` a load may run for its result to be kept.', { byDefault: '1m' }),
    }),
  ),
};

/** What concerns the tiers. */
export const tierShape = {
  l1: z
    .strictObject({
      maxEntries: whole('How many entries L1 holds at the most.', 1, 2 ** 23, {
        byDefault: 5000,
        legacy: { name: 'CACHE_HIERARCHY_L1_MAX_SIZE' },
      }),
      maxBytes: bytes('How many bytes of encoded values L1 holds at the most.', { byDefault: '64mb' }),
      ttl: duration('Shortens the life of what L1 holds. Default: as long as the value is fresh.', { least: 1 }),
      policy: choice(
        'Who has to go when there is no room: the least recently used, or by an adaptive replacement cache.',
        ['lru', 'arc'],
        {
          byDefault: 'lru',
        },
      ),
    })
    .optional(),
  maxStaleness: duration('How old what L1 answers may get while the feed is lost, or where L2 has none.', {
    byDefault: '10s',
  }),
  l2Timeout: duration('How long a single operation of L2 may take.', { byDefault: '2s', least: 1 }),
  l2MaxInFlight: whole('How many commands may be under way to L2 at once.', 1, MANY, { byDefault: 1000 }),
  lease: z
    .strictObject({
      ttl: duration('For how long a lease is granted.', { byDefault: '5s', least: 10 }),
      wait: duration('How long a miss waits for another node’s load before it loads for itself.', { byDefault: '30s' }),
    })
    .optional(),
  breaker: orOff(
    'The circuit breaker: `false` for none.',
    z.strictObject({
      failures: whole('So many failures in a row open it.', 1, MANY, { byDefault: 5 }),
      openFor: duration('How long it then waits for its first probe.', { byDefault: '500ms', least: 1 }),
    }),
  ),
  replay: choice('What a `set` that could not reach L2 becomes when L2 is back.', ['values', 'invalidations'], {
    byDefault: 'values',
  }),
  compression: orOff(
    'Compression of what is written to L2: `false` for none.',
    z.strictObject({
      threshold: bytes('Only what is as large as that.', { byDefault: '1kb' }),
    }),
  ),
  encryption: z
    .strictObject({
      keys: list(
        'The key ring: the first key writes, all of them read. As `id:key`, the key 32 bytes in hex or base64.',
        z.union([
          z.string().regex(/^[^:]{1,64}:.+$/),
          z.strictObject({ id: z.string().min(1).max(64), key: z.string().min(1) }),
        ]),
        "a list of 'id:key', or of { id, key }",
        { secret: 'elements' },
      ),
      hideNames: z
        .strictObject({
          key: text('Hides the names of keys and tags in L2 behind a hash with this key: 32 bytes in hex or base64.', {
            secret: 'all',
          }),
        })
        .optional(),
    })
    .optional(),
  returns: choice('What a read hands out: frozen values that all readers share, or copies.', ['frozen', 'copy'], {
    byDefault: 'frozen',
  }),
  validation: choice(
    'How strictly keys, tags, times to live and values are checked.',
    ['strict', 'normal', 'relaxed'],
    {
      byDefault: 'normal',
      legacy: { name: 'CACHE_VALIDATION_MODE' },
    },
  ),
  closeTimeout: duration('How long `close()` waits for what is under way before it aborts it.', { byDefault: '5s' }),
};

/** Snapshots, incidents and advice. */
export const upkeepShape = {
  tuning: z
    .strictObject({
      l1: flag('Whether it is noticed what an L1 of twice the size would have answered.', { byDefault: false }),
    })
    .optional(),
  snapshot: z
    .strictObject({
      file: text('Where snapshots of L1 are written and read.'),
      onSigterm: flag('Writes one on SIGTERM.', { byDefault: false }),
      restoreOnStart: flag('Restores it when the hierarchy is created.', { byDefault: false }),
      ttl: duration('One that is older is not restored.', {
        byDefault: '1d',
        least: 1,
        legacy: { name: 'SNAPSHOT_TTL', unit: 'seconds' },
      }),
    })
    .optional(),
  incidents: z
    .strictObject({
      enabled: flag('Whether incidents are answered, and not only told.', {
        byDefault: true,
        legacy: { name: 'INCIDENT_RESPONSE_ENABLED' },
      }),
      warnEvery: duration('How often a kind of incident is warned of, at the most.', { byDefault: '1m' }),
      window: duration('The span within which failures, time-outs and evictions are counted.', {
        byDefault: '10s',
        least: 1,
      }),
      quiet: duration('After how long without another sign an incident is over.', { byDefault: '30s', least: 1 }),
      history: whole('How many past incidents are listed.', 0, MANY, { byDefault: 100 }),
      l2Slow: z
        .strictObject({
          factor: number('So many times its usual latency is slow.', 1, 1e6, { byDefault: 5 }),
          least: duration('What is never slow.', { byDefault: '25ms' }),
          timeouts: whole('So many time-outs within the window are slow as well.', 1, MANY, { byDefault: 3 }),
        })
        .optional(),
      loadFailing: z
        .strictObject({
          failures: whole('So many failed loads within the window are an incident.', 1, MANY, { byDefault: 5 }),
        })
        .optional(),
      evictionsHigh: z
        .strictObject({
          evictions: whole(
            'So many evictions within the window are one. Default: `l1.maxEntries`, at least 1,000.',
            1,
            MANY,
          ),
        })
        .optional(),
      memory: z
        .strictObject({
          high: number('From this share of its limit on, memory is short.', 0, 1, { byDefault: 0.85 }),
          low: number('Below this share, it is not any more.', 0, 1, { byDefault: 0.7 }),
          floor: number('L1 does not shrink below this share of what it held.', 0, 1, { byDefault: 0.0625 }),
          interval: duration('The least time between two looks.', { byDefault: '1s', least: 1 }),
        })
        .optional(),
    })
    .optional(),
};
