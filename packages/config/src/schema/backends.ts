import * as z from 'zod';
import { bytes, choice, duration, flag, list, map, number, orOff, text, whole } from './option.js';

const MANY = Number.MAX_SAFE_INTEGER;
/** The longest delay that a timer of Node can do. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** `host:port`, or the two apart. */
const addressSchema = z.union([
  z.string().regex(/^[^\s/@]+:\d{1,5}$/),
  z.strictObject({ host: z.string().min(1), port: z.int().min(1).max(65_535) }),
]);
const ADDRESSES = "a list of 'host:port', or of { host, port }";
const natMap = () =>
  map(
    'Where servers really listen, by the `host:port` that they are known by.',
    addressSchema,
    "an object from 'host:port' to 'host:port'",
  );

const poolParts = z.strictObject({
  min: whole('How many exclusive connections are kept.', 0, 100_000, {
    byDefault: 0,
    legacy: { name: 'REDIS_POOL_MIN_SIZE' },
  }),
  max: whole('How many exclusive connections there may be: two at the least, for the feed.', 1, 100_000, {
    byDefault: 10,
    legacy: { name: 'REDIS_POOL_MAX_SIZE' },
  }),
  shared: whole('How many shared connections carry the commands.', 1, 1000, {
    byDefault: 1,
    legacy: { name: 'REDIS_POOL_SHARED' },
  }),
  maxWaiting: whole('How many callers may wait.', 0, 10_000_000, {
    byDefault: 1000,
    legacy: { name: 'REDIS_POOL_MAX_WAITING' },
  }),
  acquireTimeout: duration('How long a caller waits for a connection.', {
    byDefault: '5s',
    least: 1,
    most: 86_400_000,
    legacy: { name: 'REDIS_POOL_ACQUIRE_TIMEOUT', unit: 'seconds' },
  }),
  connectTimeout: duration('How long making a connection may take.', {
    byDefault: '5s',
    least: 1,
    most: 86_400_000,
    legacy: { name: 'REDIS_POOL_CONNECT_TIMEOUT', unit: 'seconds' },
  }),
  idleTimeout: duration('How long a connection may be idle.', {
    byDefault: '5m',
    least: 1,
    most: 2_000_000_000,
    legacy: { name: 'REDIS_POOL_IDLE_TIMEOUT', unit: 'seconds' },
  }),
  maxLifetime: duration('How old a connection may become.', {
    byDefault: '30m',
    least: 1,
    most: 2_000_000_000,
    legacy: { name: 'REDIS_POOL_MAX_LIFETIME', unit: 'seconds' },
  }),
  healthCheckInterval: duration('How often idle connections are checked.', {
    byDefault: '1m',
    least: 1,
    most: 86_400_000,
    legacy: { name: 'REDIS_POOL_HEALTH_CHECK_INTERVAL', unit: 'seconds' },
  }),
});

const ms = (about: string, byDefault: string) => duration(about, { byDefault, least: 1, most: MAX_TIMER_MS });

const redisParts = z.strictObject({
  url: text('`redis://user:password@host:port/db`, or `rediss://…` for TLS.', { secret: 'url' }),
  host: text('Where Redis is, if no URL says so.'),
  port: whole('Its port.', 1, 65_535),
  username: text('For Redis, and each server of a Cluster.'),
  password: text('The same.', { secret: 'all' }),
  db: whole('The number of the database.', 0, MANY),
  tls: flag('Whether connections are encrypted. A `rediss://` URL says so as well.', { byDefault: false }),
  keyPrefix: text('Stands in front of every key in Redis.'),
  sentinel: z
    .strictObject({
      sentinels: list('Sentinels that watch over the master.', addressSchema, ADDRESSES),
      name: text('What they call the master.'),
      username: text('For the Sentinels themselves.'),
      password: text('The same.', { secret: 'all' }),
      natMap: natMap(),
    })
    .optional(),
  cluster: z
    .strictObject({
      nodes: list('Some servers of a Redis Cluster, to ask for the others.', addressSchema, ADDRESSES),
      natMap: natMap(),
    })
    .optional(),
  reissue: orOff(
    'What is done again when another server takes over: `false` for nothing.',
    z.strictObject({
      count: whole('How many keys, and sets of tags, are remembered for that.', 0, MANY, { byDefault: 10_000 }),
      age: ms('For how long.', '2m'),
    }),
  ),
  waitReplicas: z
    .strictObject({
      count: whole('Each write waits until so many replicas have it.', 1, MANY, { byDefault: 1 }),
      timeout: ms('For so long at the most; then the call is rejected.', '100ms'),
    })
    .optional(),
  commandTimeout: ms('How long Redis may take to answer a command.', '1s'),
  connectTimeout: ms('How long one attempt to connect may take.', '2s'),
  minReconnectDelay: ms('The pause before the first attempt to reconnect.', '50ms'),
  maxReconnectDelay: ms('The longest pause between two attempts.', '2s'),
  heartbeatInterval: ms('How often the feed’s connection is asked whether it is alive.', '2s'),
  tracking: flag('Whether Redis tells of every change of an entry, whoever made it.', { byDefault: false }),
  pool: poolParts.optional(),
});

const embeddedParts = z.strictObject({
  dir: text('The directory of the store, on a local disk. All processes of the machine that name the same share it.'),
  maxBytes: bytes('How many bytes the entries may take.', {
    byDefault: '1gb',
    least: 4096,
    legacy: { name: 'ROBUST_CACHE_MAX_MEMORY_MB', unit: 'megabytes' },
  }),
  sweepInterval: duration('The shortest time between two clean-ups of what has expired.', {
    byDefault: '10s',
    least: 100,
    most: 86_400_000,
    legacy: { name: 'CACHE_HIERARCHY_L2_CLEANUP_INTERVAL', unit: 'seconds' },
  }),
  durability: choice('When a write counts as done: other processes see it, or the disk has it.', ['process', 'power'], {
    byDefault: 'process',
  }),
  callTimeout: duration('After how long a call is given up.', { byDefault: '5s', least: 1, most: 600_000 }),
  pollInterval: duration('How often the feed looks for news where the system cannot wake it.', {
    byDefault: '50ms',
    least: 1,
    most: 60_000,
  }),
});

/** Second tiers, and what else is a package of its own. */
export const backendShape = {
  l2: z
    .strictObject({
      use: choice('Which second tier is used, of those that are configured. Default: the one that is.', [
        'redis',
        'embedded',
        'none',
      ]),
      redis: redisParts.optional(),
      embedded: embeddedParts.optional(),
    })
    .optional(),
  journal: orOff(
    'Where orders are kept that could not reach L2. Default: in memory; `false`: nowhere.',
    z.strictObject({
      enabled: flag('Whether they are kept on disk. Default: if there is a `journal.directory`.', {
        legacy: { name: 'ROBUST_CACHE_ENABLE_WAL' },
      }),
      directory: text('The directory of the log, on a local disk.'),
      fsync: choice('When an append counts as safe.', ['always', 'interval', 'never'], { byDefault: 'always' }),
      fsyncInterval: duration('How often `interval` syncs.', { byDefault: '1s', least: 1, most: 3_600_000 }),
      segmentBytes: bytes('At which size a new segment is begun.', { byDefault: 10_000_000, least: 4096 }),
      maxBytes: bytes('What the log may take on disk.', { byDefault: 100_000_000, least: 8192 }),
      maxAge: duration('How old a record may become.', {
        byDefault: '1w',
        least: 1000,
        legacy: { name: 'WAL_TTL', unit: 'seconds' },
      }),
      memory: z
        .strictObject({
          maxRecords: whole('Records that are kept in memory while the disk takes none.', 1, 10_000_000, {
            byDefault: 10_000,
          }),
          maxBytes: bytes('Bytes of the same.', { byDefault: '32mb', least: 1024 }),
        })
        .optional(),
      timeout: duration('How long the disk may take for one write.', { byDefault: '5s', least: 10, most: 600_000 }),
    }),
  ),
  telemetry: z
    .strictObject({
      prometheus: orOff(
        'Metrics in prom-client’s global registry: `false` for none.',
        z.strictObject({
          enabled: flag('Whether there are any.', { byDefault: false }),
          legacyNames: flag('Adds the older names `resync_cache_…`.', { byDefault: false }),
          maxHierarchies: whole('How many hierarchies are told apart.', 1, MANY, { byDefault: 50 }),
          maxNamespaces: whole('How many namespaces have series of their own.', 1, MANY, { byDefault: 50 }),
          maxDefinitions: whole('How many definitions have.', 1, MANY, { byDefault: 100 }),
        }),
      ),
      opentelemetry: orOff(
        'Spans, made by the tracer of OpenTelemetry’s global provider: `false` for none.',
        z.strictObject({
          enabled: flag('Whether there are any.', { byDefault: false }),
          l1Hits: number('The part of L1 hits that get a span.', 0, 1, { byDefault: 0 }),
        }),
      ),
      logging: orOff(
        'Lines to the logger that code gives: `false` for none.',
        z.strictObject({
          enabled: flag('Whether there are any. Default: if code gives a logger.'),
          traffic: flag('Whether hits, misses and evictions have lines as well.', { byDefault: false }),
          interval: duration('For how long the same trouble is one line.', {
            byDefault: '10s',
            least: 1,
            most: MAX_TIMER_MS,
          }),
        }),
      ),
      keys: choice('How keys and tags are shown in spans and logs.', ['hash', 'omit', 'plain'], { byDefault: 'hash' }),
      hashSecret: text('The key of that hash, so that it is the same on all nodes. Default: one by chance.', {
        secret: 'all',
      }),
    })
    .optional(),
};
