import { InvalidOptionError } from './errors.js';
import { didYouMean } from './nearest.js';

/** Refuses options that do not exist, all at once: a misspelt one would otherwise be a default in disguise. */
export function checkNames(where: string, options: object | undefined, allowed: readonly string[]): void {
  if (options === undefined) return;
  if (typeof options !== 'object' || options === null) {
    throw new InvalidOptionError(`the options of ${where} must be an object, not ${options}`);
  }
  let unknown: string[] | undefined;
  for (const name of Object.keys(options)) {
    if (allowed.includes(name)) continue;
    unknown ??= [];
    unknown.push(`${JSON.stringify(name)}${didYouMean(name, allowed)}`);
  }
  if (unknown === undefined) return;
  throw new InvalidOptionError(
    `${where} has no option ${unknown.join(', nor ')}; its options are: ${allowed.join(', ')}`,
  );
}

export function checkFunction(what: string, given: unknown): void {
  if (typeof given !== 'function') throw new InvalidOptionError(`${what} must be a function, not ${typeof given}`);
}
