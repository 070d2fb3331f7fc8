import type { MigrationEvents } from './migration.js';

type Listener<T extends keyof MigrationEvents> = (event: MigrationEvents[T]) => void;

/** Who listens to what. A listener that throws, or rejects, disturbs nobody. */
export class Listeners {
  readonly #all: { [T in keyof MigrationEvents]: Set<Listener<T>> } = {
    phase: new Set(),
    difference: new Set(),
    failure: new Set(),
  };

  on<T extends keyof MigrationEvents>(type: T, listener: Listener<T>): () => void {
    this.#all[type].add(listener);
    return () => {
      this.#all[type].delete(listener);
    };
  }

  emit<T extends keyof MigrationEvents>(type: T, event: MigrationEvents[T]): void {
    for (const listener of this.#all[type]) {
      try {
        const answer = (listener as (event: MigrationEvents[T]) => unknown)(event);
        if (answer instanceof Promise) answer.catch(() => {});
      } catch {
        // Its own business.
      }
    }
  }
}
