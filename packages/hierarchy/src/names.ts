import { InvalidKeyError } from './errors.js';
import type { NameRules, Rules } from './validation.js';

/** What needs no second look where names must not look like others: printable ASCII without spaces at its ends. */
const PLAIN = /^[!-~](?:[ -~]*[!-~])?$/;

/** Called for each hit: a key that is allowed costs two comparisons and one look at its characters. @throws {@link InvalidKeyError} */
export function checkKey(key: unknown, rules: Rules): asserts key is string {
  if (!isAllowed(key, rules.names) || rules.refusesLookalikes) examine(key, 'a key', rules.names, rules);
}

/** @throws {@link InvalidKeyError} */
export function checkNamespace(name: unknown, rules: Rules): asserts name is string {
  examine(name, 'the name of a namespace', rules.namespaces, rules);
}

/** @throws {@link InvalidKeyError} */
export function checkTags(tags: unknown, rules: Rules): asserts tags is readonly string[] {
  if (!Array.isArray(tags)) throw new InvalidKeyError(`tags must be an array of strings, not ${describe(tags)}`);
  if (tags.length > rules.maxTags) {
    throw new InvalidKeyError(`up to ${rules.maxTags} tags are allowed at once, not ${tags.length}`);
  }
  for (const tag of tags) examine(tag, 'a tag', rules.names, rules);
  if (rules.refusesRepeatedTags && new Set(tags).size < tags.length) {
    throw new InvalidKeyError(`each tag may be named once where validation is strict: ${JSON.stringify(tags)}`);
  }
}

function isAllowed(name: unknown, { maxLength, refused }: NameRules): name is string {
  return (
    typeof name === 'string' &&
    name.length >= 1 &&
    name.length <= maxLength &&
    !refused.test(name) &&
    // Cheap where it is the last to be asked: what is in one byte each cannot have any.
    name.isWellFormed()
  );
}

/** Says what is wrong with a name, if anything is. */
function examine(name: unknown, what: string, allowed: NameRules, rules: Rules): void {
  if (!isAllowed(name, allowed)) throw new InvalidKeyError(`${what} must ${demandOn(name, allowed)}`);
  if (!rules.refusesLookalikes || PLAIN.test(name)) return;
  const looks = (how: string) =>
    new InvalidKeyError(
      `${what} must not look like another where validation is strict: ${JSON.stringify(name)} ${how}`,
    );
  if (name !== name.trim()) throw looks('has white space at an end');
  if (name !== name.normalize()) throw looks('is not in Unicode normal form C');
}

function demandOn(name: unknown, { maxLength, refusedText }: NameRules): string {
  if (typeof name !== 'string') return `be a string, not ${describe(name)}`;
  if (name.length < 1 || name.length > maxLength) return `have 1 to ${maxLength} characters, not ${name.length}`;
  if (!name.isWellFormed()) return `be well-formed Unicode: ${JSON.stringify(name)} has a lone surrogate`;
  return `have no ${refusedText}: ${JSON.stringify(name)}`;
}

function describe(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value;
}
