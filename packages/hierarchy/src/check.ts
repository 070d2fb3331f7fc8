import { InvalidOptionError } from './errors.js';

/** Refuses options that do not exist: a misspelt one would otherwise be a default in disguise. */
export function checkNames(where: string, options: object | undefined, allowed: readonly string[]): void {
  if (options === undefined) return;
  if (typeof options !== 'object' || options === null) {
    throw new InvalidOptionError(`the options of ${where} must be an object, not ${options}`);
  }
  for (const name of Object.keys(options)) {
    if (!allowed.includes(name)) {
      throw new InvalidOptionError(
        `${where} has no option ${JSON.stringify(name)}; its options are: ${allowed.join(', ')}`,
      );
    }
  }
}

export function checkFunction(what: string, given: unknown): void {
  if (typeof given !== 'function') throw new InvalidOptionError(`${what} must be a function, not ${typeof given}`);
}
