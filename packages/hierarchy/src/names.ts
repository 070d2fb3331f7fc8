import { InvalidKeyError } from './errors.js';

/** The origin's bound (S8): keys have up to 1,000 characters, and no control characters. */
const MAX_LENGTH = 1000;
const MAX_TAGS = 128;

// biome-ignore lint/suspicious/noControlCharactersInRegex: it is there to find them
const CONTROL = /[\u0000-\u001f\u007f]/;

/** @throws {@link InvalidKeyError} */
export function checkKey(key: unknown): asserts key is string {
  checkName(key, 'a key');
}

/** @throws {@link InvalidKeyError} */
export function checkNamespace(name: unknown): asserts name is string {
  checkName(name, 'the name of a namespace');
}

/** @throws {@link InvalidKeyError} */
export function checkTags(tags: unknown): asserts tags is readonly string[] {
  if (!Array.isArray(tags)) throw new InvalidKeyError(`tags must be an array of strings, not ${describe(tags)}`);
  if (tags.length > MAX_TAGS) {
    throw new InvalidKeyError(`up to ${MAX_TAGS} tags are allowed at once, not ${tags.length}`);
  }
  for (const tag of tags) checkName(tag, 'a tag');
}

function checkName(name: unknown, what: string): void {
  if (typeof name !== 'string') throw new InvalidKeyError(`${what} must be a string, not ${describe(name)}`);
  if (name.length < 1 || name.length > MAX_LENGTH) {
    throw new InvalidKeyError(`${what} must have 1 to ${MAX_LENGTH} characters, not ${name.length}`);
  }
  if (CONTROL.test(name)) {
    throw new InvalidKeyError(`${what} must have no control characters: ${JSON.stringify(name)}`);
  }
  if (!name.isWellFormed()) {
    throw new InvalidKeyError(`${what} must be well-formed Unicode: ${JSON.stringify(name)} has a lone surrogate`);
  }
}

function describe(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value;
}
