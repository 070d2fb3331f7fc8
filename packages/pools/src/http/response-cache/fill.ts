import { randomUUID } from 'node:crypto';
import type { FillContext, FillOptions, ResponseHierarchy } from './hierarchy-type.js';
import { bodyKeyOf } from './names.js';

/**
 * A response on its way into the hierarchy. It is a load that begins before the request is sent: whatever is invalidated from then on, on any
 * node, makes the result dead, though the origin made it up from what it knew before. Each has a key of its own, since which
 * requests it is for is known only when its `Vary` has come.
 */
export class Fill {
  readonly id: string = randomUUID();
  /** Resolved when invalidations count: only then may the request be sent. Never rejects. */
  readonly begun: Promise<void>;
  /** Whether the hierarchy took it, once that is decided. Never rejects. */
  readonly done: Promise<boolean>;
  #decide: (outcome: { readonly value: unknown; readonly options: FillOptions } | undefined) => void = () => {};

  constructor(hierarchy: ResponseHierarchy, timeoutMs: number) {
    const outcome = new Promise<{ readonly value: unknown; readonly options: FillOptions } | undefined>((resolve) => {
      this.#decide = resolve;
    });
    let begin: () => void = () => {};
    const called = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const load = async (context: FillContext): Promise<unknown> => {
      context.signal.addEventListener('abort', () => this.skip(), { once: true });
      begin();
      const kept = await outcome;
      if (kept === undefined) return context.skip();
      context.setOptions(kept.options);
      return kept.value;
    };
    // A hierarchy that throws at once is one that does not keep anything.
    const loading = async (): Promise<unknown> =>
      hierarchy.refresh(bodyKeyOf(this.id), load, { loadTimeout: { hard: timeoutMs, late: 0 } });
    this.done = loading().then(
      (value) => value !== undefined,
      () => false,
    );
    this.begun = Promise.race([called, this.done.then(() => {})]);
  }

  keep(value: unknown, options: FillOptions): void {
    this.#decide({ value, options });
  }

  skip(): void {
    this.#decide(undefined);
  }
}
