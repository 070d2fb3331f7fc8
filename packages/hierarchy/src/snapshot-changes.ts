import { rmSync } from 'node:fs';
import type { Events } from './events.js';

/** Hears of every set, deletion and invalidation, right after it took effect and before its caller does. `null`: by tags, or all. */
export function watchChanges(
  events: Events,
  onChange: (namespace: string, keys: readonly string[] | null) => void,
): () => void {
  const unsubscribe = [
    events.on('delete', ({ namespace, keys }) => onChange(namespace, keys)),
    events.on('expire', ({ namespace, keys }) => onChange(namespace, keys)),
    events.on('set', ({ namespace, key }) => onChange(namespace, [key])),
    events.on('invalidate', ({ namespace }) => onChange(namespace, null)),
  ];
  return () => {
    for (const stop of unsubscribe) stop();
  };
}

export function nameOf(namespace: string, key: string): string {
  return `${namespace}\u0000${key}`;
}

/**
 * Keeps a snapshot that holds values true to what was invalidated after it was taken: with the first such change of one of its keys the
 * file goes, before the change is done for its caller. Else a crash later on would bring back what was invalidated.
 */
export class SnapshotGuard {
  readonly #file: string;
  readonly #names: ReadonlySet<string>;
  readonly #stop: () => void;
  #isTrue = true;
  #isWritten = false;

  /** @param names of the entries, as {@link nameOf} says. */
  constructor(events: Events, file: string, names: ReadonlySet<string>) {
    this.#file = file;
    this.#names = names;
    this.#stop = watchChanges(events, (namespace, keys) => this.#onChange(namespace, keys));
  }

  /** Whether nothing has changed so far. */
  get isTrue(): boolean {
    return this.#isTrue;
  }

  /** The file is in its place: from now on it goes with the first change. */
  written(): void {
    this.#isWritten = true;
  }

  stop(): void {
    this.#stop();
  }

  #onChange(namespace: string, keys: readonly string[] | null): void {
    if (keys !== null && !keys.some((key) => this.#names.has(nameOf(namespace, key)))) return;
    this.#isTrue = false;
    this.#stop();
    // At once: whoever waits for the change to be done must find the file gone, were the process to die then.
    if (this.#isWritten) rmSync(this.#file, { force: true });
  }
}
