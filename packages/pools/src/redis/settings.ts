import { PoolOptionError } from '../errors.js';
import type { PoolLimits } from '../options.js';

/** Per setting: the option, and how many of the option's units one of the setting's is. */
const SETTINGS = {
  REDIS_POOL_MIN_SIZE: ['min', 1],
  REDIS_POOL_MAX_SIZE: ['max', 1],
  REDIS_POOL_SHARED: ['shared', 1],
  REDIS_POOL_MAX_WAITING: ['maxWaiting', 1],
  REDIS_POOL_ACQUIRE_TIMEOUT: ['acquireTimeout', 1_000],
  REDIS_POOL_CONNECT_TIMEOUT: ['connectTimeout', 1_000],
  REDIS_POOL_IDLE_TIMEOUT: ['idleTimeout', 1_000],
  REDIS_POOL_MAX_LIFETIME: ['maxLifetime', 1_000],
  REDIS_POOL_HEALTH_CHECK_INTERVAL: ['healthCheckInterval', 1_000],
} as const;

type OptionName = (typeof SETTINGS)[keyof typeof SETTINGS][0];

/**
 * Options of a Redis pool from the environment: `REDIS_POOL_MIN_SIZE`, `_MAX_SIZE`, `_SHARED`, `_MAX_WAITING`, and, in seconds,
 * `_ACQUIRE_TIMEOUT`, `_CONNECT_TIMEOUT`, `_IDLE_TIMEOUT`, `_MAX_LIFETIME` and `_HEALTH_CHECK_INTERVAL`. What is not set, or empty, is left to the defaults. Throws a
 * {@link PoolOptionError} for what is no number, or a name that begins with `REDIS_POOL_` and is none of these.
 */
export function redisPoolSettings(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Partial<Pick<PoolLimits, Exclude<OptionName, 'shared'>>> & { readonly shared?: number } {
  const options: Partial<Record<OptionName, number>> = {};
  for (const [name, text] of Object.entries(environment)) {
    if (!name.startsWith('REDIS_POOL_') || text === undefined || text.trim() === '') continue;
    if (!Object.hasOwn(SETTINGS, name)) throw new PoolOptionError('redis', `there is no setting ${name}`);
    const [option, factor] = SETTINGS[name as keyof typeof SETTINGS];
    const value = Number(text);
    if (!Number.isFinite(value)) throw new PoolOptionError('redis', `${name} must be a number, not ${text}`);
    options[option] = Math.round(value * factor);
  }
  return options;
}
