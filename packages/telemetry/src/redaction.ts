import { createHmac, randomBytes } from 'node:crypto';
import { InvalidOptionError } from '@tierwise/hierarchy';

/** What is shown of the names of keys and tags. They often hold ids of people. */
export interface RedactionOptions {
  /**
   * `'hash'`, the default: a keyed hash, by which lines and spans of one key are found together. `'omit'`: nothing. `'plain'`: as they are.
   */
  readonly keys?: 'hash' | 'omit' | 'plain' | undefined;
  /**
   * The key of that hash, which makes it the same on all nodes and after a restart. Default: one by chance, the same for all of this
   * process. (Without a secret anybody could hash every user's id and compare.)
   */
  readonly hashSecret?: string | Uint8Array | undefined;
}

/** Characters of base64url that are shown of a hash: 72 bits, so that two keys hardly ever share one. */
const HASH_LENGTH = 12;
/** How long a text of somebody else's may be. */
const MAX_TEXT = 500;
/** How much of a longer one is looked at at all. */
const MAX_LOOKED_AT = 10_000;

const OF_THIS_PROCESS = randomBytes(32);

/** Takes out of what is told what must not be told. */
export class Redaction {
  readonly #keys: 'hash' | 'omit' | 'plain';
  readonly #secret: string | Uint8Array;

  /** @throws InvalidOptionError for an option that means nothing: a misspelt one must not show what it was to hide. */
  constructor({ keys = 'hash', hashSecret = OF_THIS_PROCESS }: RedactionOptions = {}) {
    if (!['hash', 'omit', 'plain'].includes(keys)) {
      throw new InvalidOptionError(`keys must be 'hash', 'omit' or 'plain', not ${JSON.stringify(keys)}`);
    }
    if (hashSecret.length === 0) throw new InvalidOptionError('hashSecret must not be empty');
    this.#keys = keys;
    this.#secret = hashSecret;
  }

  get isPlain(): boolean {
    return this.#keys === 'plain';
  }

  /** A name, or what stands for it; `undefined`: nothing does. */
  name(name: string): string | undefined {
    if (this.#keys === 'plain') return name;
    if (this.#keys === 'omit') return undefined;
    return createHmac('sha256', this.#secret).update(name).digest('base64url').slice(0, HASH_LENGTH);
  }

  /**
   * A text for people, such as an error's message: without the passwords of URLs and, unless names are plain, without what stands in
   * double quotes, as names do in Tierwise's own messages, and without these names.
   */
  text(text: string, names: readonly string[] = []): string {
    // Cut only at the end: half a password is one, too.
    const told = this.#masked(text.slice(0, MAX_LOOKED_AT), names);
    return told.length > MAX_TEXT ? `${told.slice(0, MAX_TEXT)}…` : told;
  }

  #masked(text: string, names: readonly string[]): string {
    let told = text.replace(/(\w:\/\/)\S*@/g, '$1***@');
    if (this.#keys === 'plain') return told;
    told = told.replace(/"(?:[^"\\]|\\.)*(?:"|$)/g, (quoted) => `"${this.#quoted(quoted)}"`);
    for (const name of names) {
      // Shorter ones are in every text.
      if (name.length >= 3) told = told.replaceAll(name, this.name(name) ?? '***');
    }
    return told;
  }

  #quoted(quoted: string): string {
    try {
      return this.name(JSON.parse(quoted)) ?? '***';
    } catch {
      return '***';
    }
  }
}
