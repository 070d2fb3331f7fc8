import { type Dispatcher, interceptors } from 'undici';
import { PoolOptionError } from '../../errors.js';
import { HierarchyStore } from './hierarchy-store.js';
import type { ResponseHierarchy } from './hierarchy-type.js';
import { inside } from './inside.js';
import { outside } from './outside.js';
import { isPlain, spelledAlike } from './plain.js';

/** Options of {@link responseCache}. */
export interface ResponseCacheOptions {
  /** Where responses are kept: a hierarchy, or better a namespace of one, such as `hierarchy.namespace('http')`. */
  readonly hierarchy: ResponseHierarchy;
  /** The longest body that is kept, in bytes. A longer one goes through to the caller and is not gathered. Default 1 MiB. */
  readonly maxBodyBytes?: number;
  /** The longest time, in milliseconds, that a response may take from its request on to be kept. Default 60,000. */
  readonly fillTimeout?: number;
  /** Only these origins. Default: all. */
  readonly origins?: readonly (string | RegExp)[];
}

/** A shared HTTP cache (RFC 9111) on a hierarchy, for {@link HttpPoolOptions.cache} or any of undici's dispatchers. */
export interface ResponseCache {
  /** For `dispatcher.compose(...)`, from the innermost to the outermost. */
  interceptors(): Dispatcher.DispatcherComposeInterceptor[];
  /**
   * Makes dead what is kept of an origin, of all that has a path whatever its query, or of one URL with a query; on all nodes. What
   * is on its way meanwhile is not kept either. The same can be done by the hierarchy's `invalidateTags`, with such URLs as tags.
   */
  invalidate(url: string | URL): Promise<void>;
  /** Resolves when everything that was received has been stored. */
  settled(): Promise<void>;
}

/**
 * Keeps HTTP responses in a hierarchy: shared by all nodes, tagged by origin and path.
 *
 * @throws PoolOptionError
 */
export function responseCache(options: ResponseCacheOptions): ResponseCache {
  const { hierarchy, maxBodyBytes = 2 ** 20, fillTimeout = 60_000, origins } = options;
  for (const [name, value] of Object.entries({ maxBodyBytes, fillTimeout })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new PoolOptionError('response cache', `${name} must be a whole number from 1 on, not ${String(value)}`);
    }
  }
  const store = new HierarchyStore({ hierarchy, maxBodyBytes, fillTimeout });
  const cache = interceptors.cache({
    store,
    methods: ['GET'],
    type: 'shared',
    ...(origins === undefined ? {} : { origins: [...origins] }),
  });
  return {
    interceptors: () => [
      (dispatch) => {
        const caching = [inside(store), cache, outside(store)].reduce((inner, around) => around(inner), dispatch);
        return (request, handler) => {
          const alike = spelledAlike(request);
          return (isPlain(alike) ? caching : dispatch)(alike, handler);
        };
      },
    ],
    invalidate: (url) => store.invalidate(nameOf(url)),
    settled: () => store.settled(),
  };
}

/** As the tags spell it: an origin alone has no slash at its end. */
function nameOf(url: string | URL): string {
  const { origin, pathname, search } = new URL(url);
  const onlyOrigin = typeof url === 'string' && url.replace(/\/$/, '') === url && pathname === '/' && search === '';
  return onlyOrigin ? origin : `${origin}${pathname}${search}`;
}
