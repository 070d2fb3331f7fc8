import { PoolOptionError } from '../errors.js';

/** Checks an option. Throws a {@link PoolOptionError}. */
export function wholeNumber(pool: string, name: string, value: number, most: number): void {
  if (!Number.isSafeInteger(value) || value < 1 || value > most) {
    throw new PoolOptionError(pool, `${name} must be a whole number from 1 to ${most}, not ${String(value)}`);
  }
}
