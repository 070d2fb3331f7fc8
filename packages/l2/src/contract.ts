/**
 * The contract of a second tier.
 *
 * An L2 stores bytes under a key for a time, and — where it can — arbitrates leases, keeps logical time and carries a
 * feed of invalidations. It knows nothing of L1, of encoding, of encryption or of serving stale values: that is why a
 * backend is small, and why swapping one is a one-line change.
 *
 * Words: an *entry* is what is stored under one key of one namespace. A *node* is one opened L2 object. All nodes that
 * were opened on the same store see the same entries. "Atomic" means: no node, and no reader of the feed, can observe
 * the state in between, and a node that is killed at any moment leaves either all of it or nothing.
 *
 * ## What holds for every call
 *
 * - **Namespaces** are disjoint: a call touches only its own, whatever characters the names consist of (`users`,
 *   `users:abc`, `a*`, the empty string).
 * - **Keys** are well-formed strings (no lone surrogates) of up to 65,536 UTF-8 bytes with any content, the empty string,
 *   `{`, `}`, `:`, spaces and control characters included. Two different keys never meet.
 * - **Batches** answer in input order, one answer a key. A key may stand in a batch twice; for a `write` the later one
 *   wins. Batches of 10,000 keys work; the backend splits them as it needs. A batch is atomic per key, not as a whole.
 * - **Time** is the store's own. Durations are milliseconds; what a node learns of an entry's life is how much of it
 *   remains ({@link L2Found.freshMs}, {@link L2Found.keepMs}), never a timestamp, so no clock of one machine is compared
 *   with another's. A remaining time may be understated (the entry is then dropped early), never overstated by more than
 *   the resolution of the store's clock (1 ms).
 * - **Expiry**: from the end of its `keepMs` on, an entry is absent for every call.
 * - **Before `open` resolved and after `close`** every call but `close` and `health` rejects with {@link L2ClosedError}.
 * - **Arguments** that this contract forbids make a call reject with {@link L2InvalidError}: nothing is done then, for the
 *   other keys of a batch neither.
 * - **Errors**: a call that cannot be answered rejects with an {@link L2Error}; it never resolves with a guess. Whether a
 *   rejected write, deletion or invalidation took effect is unknown, for each key separately. A caller that must know
 *   repeats it: all of them are idempotent in their effect on readers.
 * - **Time limit**: every call settles within the backend's own time limit, on a frozen store too
 *   ({@link L2TimeoutError}).
 * - **Abort**: with `signal` aborted, the call rejects with the signal's reason at once; whether it took effect is unknown,
 *   as with errors. A call whose signal is aborted beforehand has no effect.
 * - **Bytes** that are handed in belong to the store from the call on until it settled: the caller does not change them
 *   meanwhile. Bytes that are handed out belong to the caller.
 */
export interface L2 {
  /** What this backend is called in errors, events and metrics, such as `redis` or `embedded`. */
  readonly name: string;

  /**
   * Connects. Called once, before any other call. An L2 object belongs to one hierarchy.
   *
   * Resolves when the store answers; rejects with an {@link L2Error} when it does not within the backend's time limit. A
   * rejected `open` is not final: the backend goes on trying to connect in the background (bounded, with back-off) and
   * calls work as soon as it succeeds; until then they reject with {@link L2UnavailableError}.
   *
   * @throws {@link L2InUseError} (as a rejection) when it was opened before.
   */
  open(host: L2Host): Promise<void>;

  /**
   * Frees everything: connections, timers, file handles. Nothing of the backend keeps the process alive afterwards.
   * Idempotent; never rejects. Calls that are under way settle, with their result or with {@link L2ClosedError}. What the
   * user handed in (a client, say) stays open.
   */
  close(): Promise<void>;

  /**
   * Looks entries up. Never changes them, their life included.
   *
   * @returns per key {@link L2Found}, {@link L2Damaged} where there are bytes that this backend did not write or that got
   * damaged, or `undefined` where there is none.
   */
  read(namespace: string, keys: readonly string[], options?: L2CallOptions): Promise<L2Read[]>;

  /**
   * Stores entries, one by one atomically together with: the revocation of the key's lease, and the news
   * `{type: 'changed', cause: 'write' | 'fill'}` on the feed.
   *
   * - Without {@link L2Write.lease}: unconditional; whatever lease the key had is revoked.
   * - With it (a *fill*): stored only if that very lease is still in force; it ends with the fill. Else `refused`, and
   *   neither the entry nor the lease that is now in force is touched.
   */
  write(namespace: string, entries: readonly L2Write[], options?: L2CallOptions): Promise<L2Written[]>;

  /**
   * Removes entries and revokes their leases, atomically per key with the news `{type: 'changed', cause: 'delete'}`, which
   * is sent for keys without an entry as well: a peer may hold what L2 has already lost.
   *
   * @returns per key whether there was an entry.
   */
  delete(namespace: string, keys: readonly string[], options?: L2CallOptions): Promise<boolean[]>;

  /**
   * Makes entries stale, those as well whose time was over already: `freshMs` becomes `-ageMs` (stale since they were written, by
   * which a hierarchy tells them from those that grew old), `keepMs`, bytes and version stay. Revokes leases and sends the news
   * `{type: 'changed', cause: 'expire'}` as {@link L2.delete} does.
   *
   * @returns per key whether there was an entry.
   */
  expire(namespace: string, keys: readonly string[], options?: L2CallOptions): Promise<boolean[]>;

  /**
   * Gives entries a new life, counted from now; bytes and version stay. Leases stay in force. An entry that is stale stays so,
   * and only its `keepMs` is new: an `expire` that has taken effect is not undone. Sends the news
   * `{type: 'changed', cause: 'touch'}` for the keys that have an entry.
   *
   * @returns per key whether there was an entry. None is created.
   */
  touch(namespace: string, keys: readonly string[], life: L2Life, options?: L2CallOptions): Promise<boolean[]>;

  /**
   * Physically removes all entries of a namespace and revokes their leases, in small steps that do not block other
   * callers; what is written while it runs may stay or go. Marks and the counter of logical time stay. Sends the news
   * `{type: 'reset'}` for the namespace when it is done. Not atomic, and not meant as an invalidation: that is
   * {@link L2LogicalTime.advance}.
   *
   * @returns how many entries were removed.
   */
  purge(namespace: string, options?: L2CallOptions): Promise<number>;

  /** Whether the store answers right now. Never rejects, except by abort; answers within the backend's time limit. */
  health(options?: L2CallOptions): Promise<L2Health>;

  /**
   * Capability. Without leases a hierarchy still coalesces loads within its process, but each node loads for itself, and a
   * value that was loaded on one node before another one invalidated its key can end up in L2 until its `ttl` is over.
   */
  readonly leases?: L2Leases;

  /**
   * Capability. Without logical time, tags and `clear({mode})` cannot be decided across nodes: a hierarchy keeps tagged
   * values in its own L1 only, and `clear` becomes a {@link L2.purge}.
   */
  readonly time?: L2LogicalTime;

  /**
   * Capability. Without a feed a node hears nothing of its peers: what it holds in L1 may be as old as `maxStaleness`
   * allows, and it waits for another node's load by asking again instead of being woken.
   */
  readonly feed?: L2Feed;

  /**
   * Capability. Without it, what could not be written during an outage comes back as a deletion: values of that time are loaded
   * anew, and no older one is served.
   */
  readonly replay?: L2Replay;

  /** Capability. Without it, a hierarchy has no transactions. */
  readonly transactions?: L2Transactions;
}

/** What an L2 is given by the hierarchy that opens it. */
export interface L2Host {
  /** The node's unique name. Comes back as {@link L2News.origin} in the news of its own calls. */
  readonly origin: string;
  /** Hears the feed. Must not throw. Called from a backend's own events, never from within a call of the host's. */
  readonly onNews: (news: L2News) => void;
  /**
   * Hears whether the feed is alive. A feed starts `deaf`. It becomes `alive` when everything that happens from then on
   * in a followed namespace will be heard, and `deaf` as soon as that can no longer be relied on.
   */
  readonly onFeedState: (state: L2FeedState) => void;
}

/** Options of every call. */
export interface L2CallOptions {
  /** Aborts the call. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Names, for reports, on whose account the call is made: a web request, say. It comes back as `correlationId` in the news of what
   * the call does, and has no other effect. Up to {@link MAX_CORRELATION_LENGTH} visible ASCII characters.
   */
  readonly correlationId?: string | undefined;
}

/** How long a correlation id may be. Every one of its characters travels with the news. */
export const MAX_CORRELATION_LENGTH = 64;

/** How long an entry lives. */
export interface L2Life {
  /** For how long from now it counts as fresh, in milliseconds. A whole number, 0 to `keepMs`. */
  readonly freshMs: number;
  /** For how long from now it is kept at all, in milliseconds. A whole number, 1 to {@link MAX_LIFE_MS}. */
  readonly keepMs: number;
}

/** The longest life of an entry or a lease, in milliseconds: ten years. */
export const MAX_LIFE_MS = 315_360_000_000;

/** One entry to store. */
export interface L2Write extends L2Life {
  readonly key: string;
  /** Any bytes, 0 to 64 MiB of them. May be a window on more memory: a backend that keeps them in its own makes a copy. */
  readonly bytes: Uint8Array;
  /** Makes this write a fill: it is refused unless this lease is in force. */
  readonly lease?: L2LeaseToken | undefined;
}

/** What became of a write. */
export type L2Written =
  | {
      readonly status: 'stored';
      /** The new entry's version. */
      readonly version: number;
    }
  | {
      /** The lease was revoked, ran out, or never was. */
      readonly status: 'refused';
    };

/** An entry as a read finds it. */
export interface L2Found {
  readonly status: 'found';
  /** May be a window on more memory, which the backend does not change any more. Whoever keeps a small one makes a copy. */
  readonly bytes: Uint8Array;
  /**
   * Differs between any two writes of one key, and grows from each to the next as long as the store remembers the key. Positive
   * and a safe integer. Equality identifies a value; order between a remembered and a forgotten one means nothing.
   */
  readonly version: number;
  /** Milliseconds since it was written. */
  readonly ageMs: number;
  /** Milliseconds for which it is still fresh; 0 or negative when it is stale, since when. */
  readonly freshMs: number;
  /** Milliseconds for which the store still keeps it. Positive. */
  readonly keepMs: number;
}

/**
 * Bytes under a key that the backend cannot read as an entry of its own. A `write`, `delete` or `purge` replaces or removes
 * them; whether they count as an entry in the answers of `delete`, `expire`, `touch` and `purge` is the backend's choice.
 */
export interface L2Damaged {
  readonly status: 'damaged';
  /** What is wrong with them, for reports. */
  readonly reason: string;
  /** To be handed to {@link L2LeaseRequest.seen}. */
  readonly version: number;
}

/** What a read finds under a key; `undefined` is absence. */
export type L2Read = L2Found | L2Damaged | undefined;

/** Proof of a lease. Opaque, unique for each grant, at most 64 characters. */
export type L2LeaseToken = string;

/**
 * Leases: the right to load and fill one key, after "Scaling Memcache at Facebook" (NSDI '13), §3.2.1. At any moment a key
 * has one lease in force or none. A lease ends by its fill, by `release`, by a `write`, `delete` or `expire` of its key
 * (revocation), or when its time is over, whichever comes first. An ended lease never comes back: `renew` and fills by it
 * are refused from then on.
 */
export interface L2Leases {
  /**
   * Asks for the leases of keys, one by one atomically:
   *
   * - there is an entry, and it is not the one that the caller has `seen` → `changed`, with that entry; no lease is granted.
   *   This is how a node that read a miss just before another one filled does not load a second time;
   * - else another lease is in force → `held`;
   * - else `granted`: in force from now on for `ttlMs`, whichever node asks, this one included.
   */
  acquire(
    namespace: string,
    requests: readonly L2LeaseRequest[],
    ttlMs: number,
    options?: L2CallOptions,
  ): Promise<L2LeaseAnswer[]>;

  /**
   * Prolongs a lease to `ttlMs` from now.
   *
   * @returns whether it was in force, and so still is.
   */
  renew(namespace: string, key: string, token: L2LeaseToken, ttlMs: number, options?: L2CallOptions): Promise<boolean>;

  /**
   * Gives a lease back without a fill, atomically with the news `{type: 'released'}`. Nothing happens if it is not in force.
   *
   * @returns whether it was in force.
   */
  release(namespace: string, key: string, token: L2LeaseToken, options?: L2CallOptions): Promise<boolean>;
}

export interface L2LeaseRequest {
  readonly key: string;
  /** The version of the entry that the caller read and cannot use, stale and damaged ones included; `undefined` for none. */
  readonly seen: number | undefined;
}

export type L2LeaseAnswer =
  | { readonly status: 'granted'; readonly token: L2LeaseToken }
  | {
      readonly status: 'held';
      /** Milliseconds after which the lease that is in force runs out unless it is renewed. Positive. */
      readonly remainingMs: number;
    }
  | { readonly status: 'changed'; readonly entry: NonNullable<L2Read> };

/**
 * `dead`: every earlier value is invalid (mode `delete`). `stale`: every earlier value is no longer fresh (mode `expire`).
 */
export type L2MarkMode = 'dead' | 'stale';

/** The generations of the last invalidation of each mode. A value of an earlier generation is dead, or stale. */
export interface L2Mark {
  readonly dead: number;
  readonly stale: number;
}

/**
 * Logical time: one ever-growing counter a namespace, the *generation*, and marks for tags and for the namespace itself.
 *
 * A value carries the generation that its node knew when its load began. It is dead (stale) iff the `dead` (`stale`) mark of
 * one of its tags, or of its namespace, is above that. What holds whatever is lost by eviction, flush or fail-over:
 *
 * - The counter never goes back below anything that a caller shows as `known`. A lost counter is created anew above `known`
 *   and above all that the store ever handed out (seeded from the store's own clock in microseconds), and the
 *   namespace's own `dead` mark with it: not knowing is dead.
 * - A tag's mark that does not exist reads as `undefined`; the caller treats it as `{dead: generation, stale: generation}`
 *   of the same answer. Since every lost mark was at or below the counter, that never revives anything.
 * - Numbers are safe integers, 1 or more.
 */
export interface L2LogicalTime {
  /**
   * Reads the counter and marks, as of one moment.
   *
   * With `ensureMs`: marks of these tags that do not exist are created at the present counter, and all of them are kept for
   * at least `ensureMs` more. To be called for the tags of a value before or with its write, with the value's `keepMs`.
   */
  marks(namespace: string, tags: readonly string[], options: L2MarksOptions): Promise<L2Marks>;

  /**
   * Invalidates tags (or, with `null`, the whole namespace): atomically advances the counter by one or more, raises the marks
   * that exist to the new number, and sends the news `{type: 'marks'}`.
   *
   * @returns the new generation.
   */
  advance(namespace: string, tags: readonly string[] | null, mode: L2MarkMode, options: L2TimeOptions): Promise<number>;
}

export interface L2TimeOptions extends L2CallOptions {
  /** The highest generation that the caller has met; 0 for none. */
  readonly known: number;
}

export interface L2MarksOptions extends L2TimeOptions {
  /** Creates missing marks and keeps all of the named ones for at least so many milliseconds. */
  readonly ensureMs?: number | undefined;
}

export interface L2Marks {
  /** The counter. At least the caller's `known`. */
  readonly generation: number;
  /** The namespace's own marks. */
  readonly namespace: L2Mark;
  /** Per tag, in input order. `undefined`: lost or never made. */
  readonly tags: readonly (L2Mark | undefined)[];
}

/**
 * The feed: news of what happens to followed namespaces, to every node, its own calls included. Of other namespaces
 * nothing is heard, except by a `reset` of all.
 *
 * While the feed is `alive`, news arrives in the order in which the store did the deeds of one key or of one namespace's marks,
 * each at least once. While it is `deaf`, anything may be missing. After `deaf` → `alive` nothing from the time
 * between can be relied on to arrive: whoever holds copies re-validates them.
 */
export interface L2Feed {
  /**
   * Follows a namespace. Resolves when everything that happens in it from now on will be heard, as long as the feed is
   * `alive`. Idempotent; lasts until `close`, through reconnects.
   */
  follow(namespace: string, options?: L2CallOptions): Promise<void>;
}

export type L2FeedState = 'alive' | 'deaf';

/** A moment in the store's own order of events, as a node knows it. Opaque, at most 64 characters; `''`: nothing is known. */
export type L2Moment = string;

/** For how long a store remembers that a key was deleted, expired or written, at least, in milliseconds. */
export const DELETION_MEMORY_MS = 60_000;

/**
 * Replay: what a node that could not reach the store does with the values that it was given meanwhile. Others may have reached
 * it: what they wrote must not be overwritten, what they invalidated must not come back, and what is older must not stay. All that
 * is decided by the store's own order of events, never by nodes' clocks.
 *
 * `delete` and `expire` leave a note of themselves for {@link DELETION_MEMORY_MS} (bookkeeping, which the namespace's entries and
 * their count do not show, and `purge` may leave), so that a value cannot come back over them. An older value than that is not
 * to be replayed; its key is to be deleted instead.
 *
 * What was written is remembered for as long, by the entry itself or, where its life is to end before that, by a note of when it was
 * written: a {@link L2.write} without a lease, a replay or a commit of a short life leaves one, a {@link L2.touch} that gives such a life
 * does, and so does a short-lived fill that takes an entry's place. Longer lives cost nothing. A fill leaves none of itself: what it
 * loaded was either invalidated by someone, who left a note, or is no newer than the source that the value was made from. What is evicted
 * or purged leaves no note either: a value may be stored over what was written later and lost like that.
 */
export interface L2Replay {
  /**
   * The last moment of the store, where it keeps `key`, that this node has heard of. Never a later one than that. Answered from what
   * is at hand, without asking the store; never throws once `open` was called; works while the store cannot be reached.
   */
  moment(namespace: string, key: string): L2Moment;

  /**
   * Stores values as if it had been done `since`, one by one atomically. Per key, the first of these that holds:
   *
   * 1. there is an entry, written after `since`, by {@link L2.write} without a lease or by a replay or a commit → it stays: `kept`;
   * 2. there is an entry by a fill after `since` (what was loaded may be older than this value, or newer), or the key was
   *    deleted or expired after `since`, or an entry written after `since` by a write, replay or commit has ended within
   *    {@link DELETION_MEMORY_MS} of that, by the life that it or a `touch` gave or by that of a fill in its place, or the store cannot
   *    tell, since `since` is `''`, from another life or another server of the store, or the entry is, or since what a `touch` or
   *    another fill brought to such an end was a fill → an entry that there is goes, with the news of a `delete`: `dropped`;
   * 3. else the value is stored, with the news of a `write`: `stored`.
   *
   * Leases of the keys are revoked in any case.
   */
  replay(namespace: string, entries: readonly L2ReplayWrite[], options?: L2CallOptions): Promise<L2Replayed[]>;
}

/** A value to be stored as of an earlier moment. */
export interface L2ReplayWrite extends L2Life {
  readonly key: string;
  readonly bytes: Uint8Array;
  /** {@link L2Replay.moment}, from before the value was written. */
  readonly since: L2Moment;
}

/** What became of it: see {@link L2Replay.replay}. */
export type L2Replayed =
  | { readonly status: 'stored'; readonly version: number }
  | { readonly status: 'kept' | 'dropped' };

/**
 * Transactions: several keys of one namespace read as of one moment, and changed all at once or not at all. Isolation is the
 * hierarchy's matter, by {@link L2Commit.expect}.
 */
export interface L2Transactions {
  /** As {@link L2.read}, for all keys as of one moment. */
  read(namespace: string, keys: readonly string[], options?: L2CallOptions): Promise<L2Read[]>;

  /**
   * If every key of `expect` is as it is expected: does all that is ordered, each with what {@link L2.write} and {@link L2.delete}
   * do beside (leases, news), as one atomic step. Else nothing happens. A key stands in a commit's `writes` and `deletes` once
   * at most. Up to 1,000 keys.
   *
   * @throws {@link L2NotColocatedError} where the store cannot do it for these keys, since they lie on different servers or slots.
   * Nothing is done then. So for `read`.
   */
  commit(namespace: string, commit: L2Commit, options?: L2CallOptions): Promise<L2Committed>;
}

export interface L2Commit {
  /** Versions that keys must still have; `undefined`: there must be no entry. */
  readonly expect: readonly { readonly key: string; readonly version: number | undefined }[];
  /** Not fills: `lease` is not allowed. */
  readonly writes: readonly L2Write[];
  readonly deletes: readonly string[];
}

export type L2Committed =
  | {
      readonly status: 'committed';
      /** The new entries' versions, in the order of {@link L2Commit.writes}. */
      readonly versions: readonly number[];
    }
  | {
      readonly status: 'conflict';
      /** The keys that are not as expected. */
      readonly keys: readonly string[];
    };

/** One message of the feed. */
export type L2News = L2NewsBody & {
  /** {@link L2CallOptions.correlationId} of the call that did it; absent where there was none, and in messages of older nodes. */
  readonly correlationId?: string | undefined;
};

/** What a message of the feed says. */
export type L2NewsBody =
  | {
      /** Entries changed: no copy of an earlier one is valid any more. */
      readonly type: 'changed';
      readonly namespace: string;
      readonly keys: readonly string[];
      /** `external`: by another program, by eviction, or unknown. */
      readonly cause: 'write' | 'fill' | 'delete' | 'expire' | 'touch' | 'external';
      /** {@link L2Host.origin} of the node that did it; `undefined` for `external`. */
      readonly origin: string | undefined;
    }
  | {
      /** A lease was given back without a fill: whoever waits for it may ask again. */
      readonly type: 'released';
      readonly namespace: string;
      readonly keys: readonly string[];
      readonly origin: string | undefined;
    }
  | {
      /** Tags (or, with `null`, the namespace) were invalidated. */
      readonly type: 'marks';
      readonly namespace: string;
      readonly tags: readonly string[] | null;
      readonly mode: L2MarkMode;
      readonly generation: number;
      readonly origin: string | undefined;
    }
  | {
      /** Anything may have changed, in one namespace or (`undefined`) in all: no copy is valid, no mark is known. */
      readonly type: 'reset';
      readonly namespace: string | undefined;
      readonly reason: string;
      readonly origin: string | undefined;
    };

export interface L2Health {
  readonly status: 'up' | 'down';
  /** How long the store took to answer, in milliseconds. */
  readonly latencyMs: number;
  /** The state of the feed; `undefined` where there is none. */
  readonly feed: L2FeedState | undefined;
  /** What is wrong, or facts about the store (its version, the space it uses), for people. */
  readonly detail: string;
}
