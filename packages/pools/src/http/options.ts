import type { TlsOptions } from 'node:tls';
import type { buildConnector } from 'undici';
import type { Clock } from '../clock.js';
import { PoolOptionError } from '../errors.js';
import type { BreakerOptions } from './breaker.js';
import type { ResponseCache } from './response-cache/response-cache.js';
import type { RetryOptions } from './retry.js';

/** What one origin is granted. */
export interface OriginLimits {
  /** Connections at the most. Default 16. */
  readonly connections?: number;
  /** Requests that may wait while all connections are busy; what is above is rejected at once with `PoolExhaustedError`. Default 1,000. */
  readonly maxWaiting?: number;
}

/** Options of {@link httpPool}. All times are milliseconds. */
export interface HttpPoolOptions extends OriginLimits {
  /** Stands in errors and events. Default `'http'`. */
  readonly name?: string;
  /** Other limits for some origins, such as `{ 'https://api.example.com': { connections: 4 } }`. */
  readonly origins?: Readonly<Record<string, OriginLimits>>;
  /** How long a request may wait while all connections are busy, before it rejects with `PoolTimeoutError`. Default 30,000. */
  readonly acquireTimeout?: number;
  /** How long making a connection may take, TLS included. Default 10,000. */
  readonly connectTimeout?: number;
  /** From a request's last byte to the end of the answer's head. Default 300,000, as undici's. */
  readonly headersTimeout?: number;
  /** Between two pieces of an answer's body. Default 300,000, as undici's. */
  readonly bodyTimeout?: number;
  /** For how long an unused connection is kept, where the origin does not ask for less. Default 4,000. */
  readonly keepAliveTimeout?: number;
  /** For how long at the most, whatever the origin asks for. Default 600,000. */
  readonly keepAliveMaxTimeout?: number;
  /** `false`: never send anything again. */
  readonly retry?: RetryOptions | false;
  /** `false`: ask an origin however often it failed. */
  readonly breaker?: BreakerOptions | false;
  /** As of `tls.connect`: `ca`, `cert`, `key`, `servername`, `rejectUnauthorized`, `minVersion` … */
  readonly tls?: buildConnector.BuildOptions &
    Pick<TlsOptions, 'ca' | 'cert' | 'key' | 'pfx' | 'passphrase' | 'minVersion'>;
  /** Keeps responses: see `responseCache`. */
  readonly cache?: ResponseCache;
  /** Time and chance; for tests. */
  readonly clock?: Clock;
}

const NUMBERS = [
  'acquireTimeout',
  'connectTimeout',
  'headersTimeout',
  'bodyTimeout',
  'keepAliveTimeout',
  'keepAliveMaxTimeout',
] as const;
const OTHERS = ['connections', 'maxWaiting', 'name', 'origins', 'retry', 'breaker', 'tls', 'cache', 'clock'];

/** @throws PoolOptionError for what is unknown or out of its range, before anything is done. */
export function checkHttpPoolOptions(options: HttpPoolOptions): void {
  const pool = options.name ?? 'http';
  checkNames(pool, 'an option', options, [...NUMBERS, ...OTHERS]);
  for (const name of NUMBERS) checkNumber(pool, name, options[name], 1);
  checkLimits(pool, options);
  for (const [origin, limits] of Object.entries(options.origins ?? {})) {
    if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
      throw new PoolOptionError(
        pool,
        `origins has ${JSON.stringify(origin)}, which is not an origin such as https://host:8080`,
      );
    }
    checkNames(pool, `a limit of ${origin}`, limits, ['connections', 'maxWaiting']);
    checkLimits(pool, limits);
  }
  if (options.retry) {
    checkNames(pool, 'an option of retry', options.retry, ['times', 'firstMs', 'maxMs', 'statuses']);
    checkNumber(pool, 'retry.times', options.retry.times, 0);
    checkNumber(pool, 'retry.firstMs', options.retry.firstMs, 0);
    checkNumber(pool, 'retry.maxMs', options.retry.maxMs, 0);
  }
  if (options.breaker) {
    checkNames(pool, 'an option of breaker', options.breaker, ['failures', 'openMs']);
    checkNumber(pool, 'breaker.failures', options.breaker.failures, 1);
    checkNumber(pool, 'breaker.openMs', options.breaker.openMs, 0);
  }
}

function checkLimits(pool: string, limits: OriginLimits): void {
  checkNumber(pool, 'connections', limits.connections, 1);
  checkNumber(pool, 'maxWaiting', limits.maxWaiting, 0);
}

function checkNames(pool: string, what: string, options: object, known: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw new PoolOptionError(pool, `${name} is not ${what}: there are ${known.join(', ')}`);
  }
}

function checkNumber(pool: string, name: string, value: unknown, least: number): void {
  if (value === undefined) return;
  if (typeof value === 'number' && Number.isInteger(value) && value >= least) return;
  throw new PoolOptionError(pool, `${name} must be a whole number from ${least} on, not ${String(value)}`);
}
