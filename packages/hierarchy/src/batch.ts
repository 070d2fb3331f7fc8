import { Coalescer } from './coalescer.js';
import type { DefinitionMeter } from './definition-stats.js';
import type { Entry } from './entry.js';
import { LoadFailedError } from './errors.js';
import type { LoadContext } from './load-context.js';
import type { Policy } from './policy.js';
import { find, findOrLoad, lookUp, refreshAhead } from './read.js';
import type { Space } from './space.js';

/**
 * Many keys at once. Every key travels as a single one does, through its own flight and fence, so a batch and a single call
 * share their work; it becomes few commands because what is asked in one turn of the event loop is asked together.
 */

/** What a batch loader is given besides the keys. */
export type BatchLoadContext = Pick<LoadContext, 'signal'>;

/**
 * Loads the values of keys, all at once: each of them was missing in both tiers.
 *
 * @returns the values in the order of the keys, or a Map of those there are. `undefined`, or no place in the Map, is absence.
 */
export type BatchLoader<V> = (
  keys: readonly string[],
  context: BatchLoadContext,
) => BatchLoaded<V> | PromiseLike<BatchLoaded<V>>;
export type BatchLoaded<V> = readonly (V | undefined)[] | ReadonlyMap<string, V>;

export function findMany(
  space: Space,
  keys: readonly string[],
  policy: Policy,
  signal: AbortSignal | undefined,
): Promise<(Entry | undefined)[]> {
  return forEachKey(keys, (key) => lookUp(space, key) ?? find(space, key, policy, signal));
}

export interface BatchWish<V> {
  readonly loader: BatchLoader<V>;
  readonly policy: Policy;
  readonly tagsOf: (key: string) => readonly string[];
  readonly signal: AbortSignal | undefined;
  /** Of the definition that reads, if it has a name. */
  readonly meter?: DefinitionMeter | undefined;
}

export function findOrLoadMany<V>(
  space: Space,
  keys: readonly string[],
  wish: BatchWish<V>,
): Promise<(Entry | undefined)[]> {
  const { policy, signal, meter } = wish;
  const loads = new Coalescer<LoadContext, V | undefined>((_, contexts) => loadBatch(wish.loader, contexts));
  return forEachKey(keys, (key) => {
    const wishOfKey = () => ({
      key,
      loader: (context: LoadContext) => loads.ask(space.name, context),
      policy,
      tags: wish.tagsOf(key),
      signal,
      force: false,
      tally: meter?.read(),
    });
    const entry = lookUp(space, key);
    meter?.lookedUp(entry !== undefined);
    if (entry === undefined) return findOrLoad(space, wishOfKey());
    if (entry.refreshFrom > 0) refreshAhead(space, wishOfKey(), entry);
    return entry;
  });
}

/** Asks once for each different key; answers in the order of `keys`. */
async function forEachKey(
  keys: readonly string[],
  ask: (key: string) => Entry | undefined | Promise<Entry | undefined>,
): Promise<(Entry | undefined)[]> {
  const different = [...new Set(keys)];
  const answers = await Promise.all(different.map(ask));
  const byKey = new Map(different.map((key, index) => [key, answers[index]]));
  return keys.map((key) => byKey.get(key));
}

async function loadBatch<V>(loader: BatchLoader<V>, contexts: readonly LoadContext[]): Promise<(V | undefined)[]> {
  const keys = contexts.map((context) => context.key);
  const loaded: unknown = await loader(keys, { signal: whenAllAbort(contexts.map((context) => context.signal)) });
  if (loaded instanceof Map) return keys.map((key) => loaded.get(key) as V | undefined);
  if (Array.isArray(loaded) && loaded.length === keys.length) return loaded as (V | undefined)[];
  throw new LoadFailedError(
    `a batch loader must return an array of as many values as it was given keys (${keys.length}), in their order, or a ` +
      `Map from key to value, not ${Array.isArray(loaded) ? `an array of ${loaded.length}` : typeof loaded}`,
  );
}

/** Aborts when nobody waits for any of the keys any more. */
function whenAllAbort(signals: readonly AbortSignal[]): AbortSignal {
  const controller = new AbortController();
  let waiting = signals.length;
  const gone = (signal: AbortSignal) => {
    waiting -= 1;
    if (waiting === 0) controller.abort(signal.reason);
  };
  for (const signal of signals) {
    // One that has aborted before the batch was put together says so no second time.
    if (signal.aborted) gone(signal);
    else signal.addEventListener('abort', () => gone(signal), { once: true });
  }
  return controller.signal;
}
