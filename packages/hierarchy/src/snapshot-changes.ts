import { existsSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Core } from './core.js';
import type { Events } from './events.js';

/** Hears of every set, touch, deletion and invalidation, right after it took effect and before its caller does. `null`: by tags, or all. */
function watchChanges(
  events: Events,
  onChange: (namespace: string, keys: readonly string[] | null) => void,
): () => void {
  const unsubscribe = [
    events.on('delete', ({ namespace, keys }) => onChange(namespace, keys)),
    events.on('expire', ({ namespace, keys }) => onChange(namespace, keys)),
    // A life that was cut short must not be the longer one again.
    events.on('touch', ({ namespace, keys }) => onChange(namespace, keys)),
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
    // Wherever the process goes.
    this.#file = resolve(file);
    this.#names = names;
    this.#stop = watchChanges(events, (namespace, keys) => this.#onChange(namespace, keys));
  }

  /** Whether nothing has changed so far. */
  get isTrue(): boolean {
    return this.#isTrue;
  }

  /** Whether there is nothing left to guard. */
  get isOver(): boolean {
    return !this.#isTrue || !existsSync(this.#file);
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

/**
 * What was done on this node since a moment, where no L2 keeps account of it. Of tags and namespaces, logical time does.
 */
export class Changes {
  readonly #generations: ReadonlyMap<string, number>;
  readonly #names = new Set<string>();
  readonly #maxNames: number;
  readonly #unsubscribe: (() => void)[] = [];
  #isEmpty = true;
  #isFull = false;

  /** @param maxNames keys that are remembered. Beyond, each of all may have changed. */
  constructor({ spaces, guard, events }: Core, maxNames = Number.POSITIVE_INFINITY) {
    this.#maxNames = maxNames;
    this.#generations = new Map([...spaces].map(([name, space]) => [name, space.time.generation]));
    if (guard !== undefined) return;
    this.#unsubscribe.push(
      watchChanges(events, (namespace, keys) => {
        this.#isEmpty = false;
        for (const key of keys ?? []) this.#note(namespace, key);
      }),
      events.on('load', ({ namespace, key }) => this.#note(namespace, key)),
    );
  }

  /** Whether nothing was done at all. */
  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  has(namespace: string, key: string): boolean {
    return this.#isFull || this.#names.has(nameOf(namespace, key));
  }

  /** What a namespace's logical time was at that moment. One that was not there began at 0. */
  generation(namespace: string): number {
    return this.#generations.get(namespace) ?? 0;
  }

  close(): void {
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
  }

  #note(namespace: string, key: string): void {
    this.#isEmpty = false;
    this.#names.add(nameOf(namespace, key));
    if (this.#names.size <= this.#maxNames) return;
    this.#isFull = true;
    this.#names.clear();
    this.close();
  }
}
