/**
 * Why a connection left its pool. `idle`: not used for `idleTimeout`. `lifetime`: as old as it may become. `invalid`: failed its validation when it
 * was to be borrowed. `unhealthy`: failed a health check. `lost`: ended by itself (its socket closed). `discarded`: given back as unfit. `closed`:
 * the pool was drained or closed. `abandoned`: still borrowed when the pool closed, ended under its borrower.
 */
export type DestroyReason =
  | 'idle'
  | 'lifetime'
  | 'invalid'
  | 'unhealthy'
  | 'lost'
  | 'discarded'
  | 'closed'
  | 'abandoned';

/**
 * What went wrong. `connect`: no connection could be made. `timeout`, `exhausted`, `aborted`, `closed`: why a borrower got none. `validation`,
 * `health`: a check failed or threw. `lost`: a connection ended by itself. `destroy`: ending one failed or took too long.
 */
export type PoolErrorKind =
  | 'connect'
  | 'timeout'
  | 'exhausted'
  | 'aborted'
  | 'closed'
  | 'validation'
  | 'health'
  | 'lost'
  | 'destroy';

/** What every kind of pool tells. */
export type PoolEvent =
  /** A connection was made; `ms` is how long that took. */
  | { readonly type: 'created'; readonly pool: string; readonly ms: number }
  /** A connection left the pool. */
  | { readonly type: 'destroyed'; readonly pool: string; readonly reason: DestroyReason }
  /** A connection was borrowed. `hit`: one was ready. `waitMs`: how long the borrower waited. */
  | { readonly type: 'acquired'; readonly pool: string; readonly hit: boolean; readonly waitMs: number }
  /** A connection was given back after `holdMs`. */
  | { readonly type: 'released'; readonly pool: string; readonly holdMs: number }
  | { readonly type: 'error'; readonly pool: string; readonly kind: PoolErrorKind; readonly error: unknown }
  /** `draining`: nothing new is lent. `closed`: every connection has ended. */
  | { readonly type: 'draining' | 'closed'; readonly pool: string };

/** Hears what a pool tells. Called synchronously; what it throws is ignored. */
export type PoolListener = (event: PoolEvent) => void;

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
