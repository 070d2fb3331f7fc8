import { InvalidOptionError } from '@tierwise/hierarchy';

/** What stands for every name beyond the limit. */
export const OTHER = 'other';

/**
 * Keeps a label's values few, whatever a service calls its namespaces: the first so many names stand for themselves, for good, so that
 * their counters only grow; all later ones are {@link OTHER} together.
 */
export class BoundedNames {
  readonly #limit: number;
  readonly #admitted = new Set<string>();

  /** @throws InvalidOptionError for what bounds nothing. */
  constructor(option: string, limit: number) {
    if (!Number.isInteger(limit) || limit < 1)
      throw new InvalidOptionError(`${option} must be a whole number, 1 or more, not ${limit}`);
    this.#limit = limit;
  }

  of(name: string): string {
    if (this.#admitted.has(name)) return name;
    if (this.#admitted.size >= this.#limit) return OTHER;
    this.#admitted.add(name);
    return name;
  }
}
