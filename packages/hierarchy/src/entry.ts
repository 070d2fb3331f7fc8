import type { Space } from './space.js';

/** What is known of a value besides itself. */
export interface Facts {
  /** The user's key. */
  readonly key: string;
  /** {@link LogicalTime.generation} when its load, its write or its read began. */
  readonly generation: number;
  /** {@link LogicalTime.deferrals} at that moment; 0 for what was read from L2. */
  readonly deferrals?: number;
  /** Its tags, as L2 knows them. */
  readonly tags: readonly string[];
  /** Its tags, as the user named them: the same array unless names are hidden. */
  readonly userTags: readonly string[];
  /** L2's version; 0 for a value that is not in L2. */
  readonly version: number;
  /** On this node's clock. */
  readonly writtenAt: number;
  /** On this node's clock: when it ceases to be fresh, in L2 as in L1. {@link Facts.writtenAt} for what was expired. */
  readonly freshUntil: number;
  /** On this node's clock: until when it may be served at all, stale. */
  readonly keepUntil: number;
}

/** What becomes an {@link Entry}. */
export interface Candidate extends Facts {
  /** The encoded value. */
  readonly payload: Uint8Array;
}

/** What L1 holds of a value: the value or its encoded form, and all that decides how long it may be served. */
export class Entry implements Facts {
  readonly space: Space;
  /** The fences' epoch in which it was stored: see `feed.ts`. */
  readonly epoch: number;
  readonly key: string;
  readonly generation: number;
  readonly deferrals: number;
  readonly tags: readonly string[];
  readonly userTags: readonly string[];
  readonly version: number;
  readonly writtenAt: number;
  readonly freshUntil: number;
  readonly keepUntil: number;
  /** Until when L1 answers with it without asking anyone. Never later than {@link Entry.freshUntil}. */
  answerUntil = 0;
  /** From when on a hit has it loaded anew behind. */
  refreshFrom = Number.POSITIVE_INFINITY;
  /** The encoded length, which is what L1 accounts. */
  readonly bytes: number;
  /** What {@link LogicalTime.change} was when the entry was last judged alive. */
  judgedAt = 0;

  /**
   * `payload`: encoded, to be decoded for each read. `shared`: decoded and frozen, the same for all readers. An entry starts
   * as `untried` payload and becomes one of the two with its first read.
   */
  #form: 'untried' | 'payload' | 'shared' = 'untried';
  /** The payload, or in the form `shared` the value. */
  #content: unknown;

  constructor(space: Space, epoch: number, facts: Facts, payload: Uint8Array, bytes = payload.byteLength) {
    this.space = space;
    this.epoch = epoch;
    this.key = facts.key;
    this.generation = facts.generation;
    this.deferrals = facts.deferrals ?? 0;
    this.tags = facts.tags;
    this.userTags = facts.userTags;
    this.version = facts.version;
    this.writtenAt = facts.writtenAt;
    this.freshUntil = facts.freshUntil;
    this.keepUntil = facts.keepUntil;
    this.bytes = bytes;
    this.#content = payload;
  }

  /** Whether it was expired by order, rather than grown old. */
  get isExpired(): boolean {
    return this.freshUntil <= this.writtenAt;
  }

  /** The same value with another life. */
  withLife(freshUntil: number, keepUntil: number): Entry {
    const entry = new Entry(this.space, this.epoch, { ...this, freshUntil, keepUntil }, NO_BYTES, this.bytes);
    entry.#form = this.#form;
    entry.#content = this.#content;
    return entry;
  }

  /** The value. Never throws once it has not. */
  value(): unknown {
    if (this.#form === 'shared') return this.#content;
    const { codec, copies } = this.space.core;
    const value = codec.decode(this.#content as Uint8Array);
    if (this.#form === 'untried') {
      const shareable = isPrimitive(value) || (!copies && codec.freeze(value));
      this.#form = shareable ? 'shared' : 'payload';
      if (shareable) this.#content = value;
    }
    return value;
  }
}

const NO_BYTES = new Uint8Array();

function isPrimitive(value: unknown): boolean {
  return (typeof value !== 'object' && typeof value !== 'function') || value === null;
}
