import type { PoolEvent, PoolListener } from './observed.js';

export type { PoolListener } from './observed.js';

/** The listeners of a pool. */
export class PoolEvents {
  readonly #listeners = new Set<PoolListener>();

  /** Whether anybody listens: an event that nobody hears need not be made. */
  get heard(): boolean {
    return this.#listeners.size > 0;
  }

  /** Adds a listener; the function returned removes it. */
  on(listener: PoolListener): () => void {
    const own: PoolListener = (event) => listener(event);
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  }

  emit(event: PoolEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch {
        // A listener's mistake must not become a borrower's.
      }
    }
  }
}
