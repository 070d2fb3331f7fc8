import { AsyncResource } from 'node:async_hooks';
import type { L1Entry, SlotMap } from '@tierwise/l1';
import { detached } from './detached.js';
import type { Space } from './space.js';

/** What is known of a value besides itself. */
interface Facts {
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

/**
 * Where a value stands in logical time: whatever decides whether it was invalidated. Values that began at the same moment share one, and
 * so they share what was found out about it last.
 */
export class Stamp {
  readonly space: Space;
  /** The fences' epoch in which it was stored: see `feed.ts`. */
  readonly epoch: number;
  readonly generation: number;
  readonly deferrals: number;
  readonly tags: readonly string[];
  readonly userTags: readonly string[];
  /** What {@link LogicalTime.change} was when it was last judged alive. */
  judgedAt = -1;

  constructor(space: Space, epoch: number, { generation, deferrals = 0, tags, userTags }: StampFacts) {
    this.space = space;
    this.epoch = epoch;
    this.generation = generation;
    this.deferrals = deferrals;
    this.tags = tags;
    this.userTags = userTags;
  }

  /** Whether another one would be the same. Those of tagged values are not compared. */
  is(epoch: number, { generation, deferrals = 0, tags, userTags }: StampFacts): boolean {
    return (
      this.generation === generation &&
      this.epoch === epoch &&
      this.deferrals === deferrals &&
      tags.length + userTags.length + this.tags.length === 0
    );
  }
}

export type StampFacts = Pick<Facts, 'generation' | 'deferrals' | 'tags' | 'userTags'>;

/**
 * What L1 holds of a value: the value or its encoded form, and all that decides how long it may be served.
 *
 * There are many of these, so what can be shared is in the {@link Stamp}, and times are whole milliseconds, rounded down: V8 keeps a whole
 * number in its place, and any other in an object of its own.
 */
export class Entry implements Facts, L1Entry<Entry> {
  // What a hit looks at comes first: side by side it is one or two lines of the processor's cache instead of three.
  readonly stamp: Stamp;
  /** Until when L1 answers with it without asking anyone. Never later than {@link Entry.freshUntil}. */
  answerUntil = 0;
  /** From when on a hit has it loaded anew behind. 0: never. */
  refreshFrom = 0;
  /** L1's own: its order of use. */
  newer: Entry | undefined = undefined;
  older: Entry | undefined = undefined;
  /**
   * Encoded, to be decoded for each read (`payload`); or decoded and frozen, the same for all readers (`shared`, and from the first hit on
   * a promise of it, which they share as well). An entry starts as `untried` payload and becomes one of the two with its first read.
   */
  #form: 'untried' | 'payload' | 'shared' | Promise<unknown> = 'untried';
  /** The payload, or the shared value. */
  #content: unknown;

  /** Until when L1 holds it: it may be answered, stale, after {@link Entry.answerUntil}. Set before L1 is given it. */
  deadline = 0;
  /** The encoded length, which is what L1 accounts. */
  readonly bytes: number;
  /** The key as L1 and L2 know it: itself, or its keyed hash. */
  readonly id: string;
  readonly key: string;
  readonly version: number;
  readonly writtenAt: number;
  readonly freshUntil: number;
  readonly keepUntil: number;

  constructor(id: string, stamp: Stamp, facts: Life, payload: Uint8Array, bytes = payload.byteLength) {
    this.stamp = stamp;
    this.#content = payload;
    this.bytes = bytes;
    this.id = id;
    this.key = facts.key;
    this.version = facts.version;
    this.writtenAt = Math.floor(facts.writtenAt);
    this.freshUntil = Math.floor(facts.freshUntil);
    this.keepUntil = Math.floor(facts.keepUntil);
  }

  get space(): Space {
    return this.stamp.space;
  }

  get home(): SlotMap<Entry> {
    return this.stamp.space.home;
  }

  get generation(): number {
    return this.stamp.generation;
  }

  get deferrals(): number {
    return this.stamp.deferrals;
  }

  get tags(): readonly string[] {
    return this.stamp.tags;
  }

  get userTags(): readonly string[] {
    return this.stamp.userTags;
  }

  /** Whether it was expired by order, rather than grown old. */
  get isExpired(): boolean {
    return this.freshUntil <= this.writtenAt;
  }

  /** The same value with another life. */
  withLife(freshUntil: number, keepUntil: number): Entry {
    const { id, stamp, key, version, writtenAt, bytes } = this;
    const entry = new Entry(id, stamp, { key, version, writtenAt, freshUntil, keepUntil }, NO_BYTES, bytes);
    entry.#form = this.#form;
    entry.#content = this.#content;
    return entry;
  }

  /** The value. Never throws once it has not. */
  value(): unknown {
    const form = this.#form;
    return typeof form === 'object' || form === 'shared' ? this.#content : this.#decode(form);
  }

  /** A promise of the value, which readers share as they share the value. */
  answer(): Promise<unknown> {
    if (typeof this.#form === 'object') return this.#form;
    const value = this.value();
    if (this.#form !== 'shared') return Promise.resolve(value);
    this.#form = NOBODYS.runInAsyncScope(promiseOf, undefined, value);
    return this.#form;
  }

  #decode(form: 'untried' | 'payload'): unknown {
    const { codec, copies } = this.space.core;
    const value = codec.decode(this.#content as Uint8Array);
    if (form === 'untried') {
      const shareable = isPrimitive(value) || (!copies && codec.freeze(value));
      this.#form = shareable ? 'shared' : 'payload';
      this.#content = shareable ? value : detached(this.#content as Uint8Array);
    }
    return value;
  }
}

type Life = Pick<Facts, 'key' | 'version' | 'writtenAt' | 'freshUntil' | 'keepUntil'>;

const NO_BYTES = new Uint8Array();

/** In Node 20 and 22 a promise keeps what stood in every AsyncLocalStorage when it was made: some request, for as long as the entry lives. */
const NOBODYS = new AsyncResource('tierwise');

function promiseOf(value: unknown): Promise<unknown> {
  return Promise.resolve(value);
}

function isPrimitive(value: unknown): boolean {
  return (typeof value !== 'object' && typeof value !== 'function') || value === null;
}
