/** A running Redis (or a server that speaks its protocol) and how to end it. */
export interface ProvidedRedis {
  /** A `redis://` or `rediss://` address that the tests may use as they like. */
  readonly url: string;
  /** Where it comes from, in a few words. */
  readonly origin: string;
  /** Ends what was started for the tests; a server that was there before stays. */
  stop(): Promise<void>;
}

/**
 * One way to come by a Redis. Resolves with a {@link Missing} where the way is not open on this machine, so that the next
 * one can be tried; rejects only where going on would hide a mistake of the user's (an address that does not answer, say).
 */
export type Way = (say: (line: string) => void) => Promise<ProvidedRedis | Missing>;

/** Why a way is not open here. */
export class Missing {
  readonly reason: string;
  /** Whether the way seemed open at first, so that the user should hear of it even when another one is found. */
  readonly surprising: boolean;

  constructor(reason: string, { surprising = false } = {}) {
    this.reason = reason;
    this.surprising = surprising;
  }
}
