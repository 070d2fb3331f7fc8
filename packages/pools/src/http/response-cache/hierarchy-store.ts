import { Writable } from 'node:stream';
import { Fill } from './fill.js';
import type { ResponseHierarchy } from './hierarchy-type.js';
import { bodyKeyOf, indexKeyOf, tagOf, tagsOf } from './names.js';
import { mayBeShared } from './privacy.js';
import type { CacheStore } from './undici-types.js';
import { fitting, type Headers, type Variants, variantOf, withVariant } from './variants.js';

/** A response as it is kept. Its times are relative to its own fill: the clocks of two machines are never compared. */
interface KeptResponse {
  readonly statusCode: number;
  readonly statusMessage: string;
  readonly headers: Record<string, string | string[]>;
  readonly etag: string | undefined;
  readonly directives: CacheStore.Result['cacheControlDirectives'];
  readonly ageMs: number;
  readonly freshMs: number;
  readonly keepMs: number;
  readonly body: Uint8Array;
}

/** What is kept of a response, with its body whole. */
export type FoundResponse = CacheStore.Result & { readonly body: [Buffer] };

export interface StoreOptions {
  readonly hierarchy: ResponseHierarchy;
  readonly maxBodyBytes: number;
  readonly fillTimeout: number;
}

/** The longest life that a hierarchy takes. */
const MAX_LIFE_MS = 2 ** 31 - 1;

/** A store for undici's cache interceptor, on a hierarchy: coherent with every other process on the same L2. */
export class HierarchyStore {
  readonly #hierarchy: ResponseHierarchy;
  readonly #maxBodyBytes: number;
  readonly #fillTimeout: number;
  /** By URL, what this process is about to store or to invalidate: who asks next is answered after it. */
  readonly #unsettled = new Map<string, Promise<unknown>>();
  #current: Fill | undefined;

  constructor({ hierarchy, maxBodyBytes, fillTimeout }: StoreOptions) {
    this.#hierarchy = hierarchy;
    this.#maxBodyBytes = maxBodyBytes;
    this.#fillTimeout = fillTimeout;
  }

  /** Called before a request is sent whose answer may be kept. */
  begin(): Fill {
    return new Fill(this.#hierarchy, this.#fillTimeout);
  }

  /** Runs `deliver`, in which undici may ask for a stream to write to: what it writes is the result of `fill`. */
  filling(fill: Fill, deliver: () => void): void {
    this.#current = fill;
    try {
      deliver();
    } finally {
      // Whoever wanted the response has asked by now.
      if (this.#current !== undefined) fill.skip();
      this.#current = undefined;
    }
  }

  /** @returns the response that fits, fresh or stale. No fault of the hierarchy comes out. */
  async get(key: CacheStore.Key): Promise<FoundResponse | undefined> {
    try {
      await this.#unsettled.get(urlOf(key));
      const index = await this.#hierarchy.getEntry<Variants>(indexKeyOf(key.origin, key.path));
      if (index === undefined) return undefined;
      const headers = key.headers as Headers | undefined;
      for (const variant of fitting(index.value, headers)) {
        const kept = await this.#hierarchy.getEntry<KeptResponse>(bodyKeyOf(variant.id));
        if (kept !== undefined) return toResult(kept.value, kept.ageMs, variant.names, headers);
      }
    } catch {
      // A cache that cannot answer is a cache that has nothing.
    }
    return undefined;
  }

  createWriteStream(key: CacheStore.Key, value: CacheStore.Value): Writable | undefined {
    const fill = this.#current;
    if (fill === undefined || key.method !== 'GET' || !mayBeShared(key, value)) return undefined;
    if (Number(value.headers['content-length'] ?? 0) > this.#maxBodyBytes) return undefined;
    this.#current = undefined;
    const chunks: Buffer[] = [];
    let size = 0;
    const max = this.#maxBodyBytes;
    const keep = () => this.#keep(fill, key, value, Buffer.concat(chunks));
    return new Writable({
      // Never full: a store must not slow down the caller, and undici resumes a paused caller's response when a stream drains.
      highWaterMark: max + 2 ** 20,
      write(chunk: Buffer, _encoding, callback) {
        size += chunk.byteLength;
        if (size > max) {
          chunks.length = 0;
          this.destroy();
        } else {
          chunks.push(chunk);
        }
        callback();
      },
      final(callback) {
        keep();
        callback();
      },
      destroy(_error, callback) {
        // Does nothing to what was kept already. The error is the caller's: undici would delete what is kept for the URL because of it.
        fill.skip();
        callback(null);
      },
    });
  }

  /** Of undici's, and means the URL: all variants, and whatever is on its way. */
  delete(key: CacheStore.Key): Promise<void> {
    return this.invalidate(urlOf(key)).catch(() => {});
  }

  /** @param url - an origin, or one with a path, or with a path and a query. */
  invalidate(url: string): Promise<void> {
    const invalidated = this.#hierarchy.invalidateTags([tagOf(url)]);
    return this.#note(
      url,
      Promise.all([this.#before(url), invalidated]).then(() => {}),
    );
  }

  /** Resolves when what was begun is stored or invalidated. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#unsettled.values()]);
  }

  #keep(fill: Fill, key: CacheStore.Key, value: CacheStore.Value, body: Buffer): void {
    const now = Date.now();
    const keepMs = Math.min(value.deleteAt - now, MAX_LIFE_MS);
    if (keepMs < 1) {
      fill.skip();
      return;
    }
    const kept: KeptResponse = {
      statusCode: value.statusCode,
      statusMessage: value.statusMessage,
      headers: value.headers,
      etag: value.etag,
      directives: value.cacheControlDirectives ?? {},
      ageMs: now - value.cachedAt,
      freshMs: value.staleAt - now,
      keepMs,
      body,
    };
    const tags = tagsOf(key.origin, key.path);
    const life = { ttl: Math.ceil(keepMs), ttlJitter: 0, staleWhileRevalidate: 0, staleIfError: 0, tags };
    fill.keep(kept, life);
    const variant = variantOf(fill.id, Object.keys(value.vary ?? {}), key.headers as Headers | undefined);
    const indexKey = indexKeyOf(key.origin, key.path);
    const url = urlOf(key);
    const add = async () => {
      if (!(await fill.done)) return;
      // Not fenced, and need not be: the list only says where to look. Two processes that add at once may lose one of
      // both, which costs a request.
      const index = await this.#hierarchy.getEntry<Variants>(indexKey);
      const ttl = Math.ceil(Math.max(life.ttl, index?.freshMs ?? 0));
      await this.#hierarchy.set(indexKey, withVariant(index?.value, variant), { ...life, ttl });
    };
    // One after the other: each adds to what the one before has left.
    this.#note(
      url,
      this.#before(url)
        .then(add)
        .catch(() => {}),
    );
  }

  /** Whoever asks for `url` from now on in this process is answered after `running`. */
  #note(url: string, running: Promise<void>): Promise<void> {
    this.#unsettled.set(url, running);
    const forget = () => {
      if (this.#unsettled.get(url) === running) this.#unsettled.delete(url);
    };
    running.then(forget, forget);
    return running;
  }

  #before(url: string): Promise<unknown> {
    return (this.#unsettled.get(url) ?? Promise.resolve()).catch(() => {});
  }
}

function urlOf(key: CacheStore.Key): string {
  return `${key.origin}${key.path}`;
}

function toResult(
  kept: KeptResponse,
  sinceMs: number,
  names: readonly string[],
  headers: Headers | undefined,
): FoundResponse {
  const filledAt = Date.now() - sinceMs;
  return {
    statusCode: kept.statusCode,
    statusMessage: kept.statusMessage,
    headers: { ...kept.headers },
    ...(kept.etag === undefined ? {} : { etag: kept.etag }),
    ...(names.length === 0 ? {} : { vary: Object.fromEntries(names.map((name) => [name, headers?.[name] ?? null])) }),
    cacheControlDirectives: kept.directives,
    cachedAt: filledAt - kept.ageMs,
    staleAt: filledAt + kept.freshMs,
    deleteAt: filledAt + kept.keepMs,
    // Ours to hand out: a hierarchy never hands out the same bytes twice.
    body: [Buffer.from(kept.body.buffer, kept.body.byteOffset, kept.body.byteLength)],
  };
}
