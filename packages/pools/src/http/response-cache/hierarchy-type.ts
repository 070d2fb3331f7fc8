/** Of `Cache` in `@tierwise/hierarchy`, what the response cache needs: a hierarchy, or one of its namespaces. */
export interface ResponseHierarchy {
  getEntry<V>(
    key: string,
  ): Promise<{ readonly value: V; readonly ageMs: number; readonly freshMs: number } | undefined>;
  refresh<V>(key: string, load: (context: FillContext) => V | PromiseLike<V>, options?: FillOptions): Promise<V>;
  set(key: string, value: unknown, options?: FillOptions): Promise<void>;
  invalidateTags(tags: readonly string[]): Promise<void>;
}

/** What is said of an entry when it is stored. Times are milliseconds. */
export interface FillOptions {
  readonly tags?: readonly string[];
  readonly ttl?: number;
  readonly ttlJitter?: number;
  readonly staleWhileRevalidate?: number;
  readonly staleIfError?: number;
  readonly loadTimeout?: { readonly hard: number; readonly late: number };
}

/** What a load is given. */
export interface FillContext {
  readonly signal: AbortSignal;
  skip(): undefined;
  setOptions(options: FillOptions): void;
}
