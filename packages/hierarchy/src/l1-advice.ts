import type { Entry, Stamp } from './entry.js';
import type { Events } from './events.js';
import type { Space } from './space.js';

/** What a larger L1 would come to, as far as was seen. */
export interface L1Advice {
  /** `larger`: twice the size would have answered at least one more read in a hundred, of late. */
  readonly size: 'enough' | 'larger';
  /** Of late: the part of all reads, 0 to 1, that L1 did not answer, and that one of twice the size would have. */
  readonly gain: number;
  /** The bounds to try: twice those that were in the way. */
  readonly maxEntries: number;
  readonly maxBytes: number;
}

export interface L1AdviserOptions {
  /** The bounds that were asked for, as they are now. */
  readonly options: { readonly maxEntries: number; readonly maxBytes: number };
  readonly now: () => number;
  /** How many entries L1 holds. */
  readonly held: () => number;
  /** All look-ups in L1 so far. */
  readonly lookUps: () => number;
  readonly events: Events;
}

/** What is left of an entry that had to go: how it would be judged, were it still there. */
interface Ghost {
  readonly stamp: Stamp;
  readonly answerUntil: number;
  readonly bytes: number;
}

/** It is thought about anew after so many entries had to go, or as many as L1 holds, whichever is more. */
const LEAST_EVICTIONS = 1_000;
/** The gain that is worth twice the memory. */
const WORTH_IT = 0.01;

/**
 * Remembers which entries L1 had to let go, as many as it may hold, without their values. An LRU of twice the size would still have them
 * (its entries are always those of the smaller one and the next ones in the order of use), so a read that misses one of these is a read
 * that it would have answered, unless the entry would not be fresh any more, or was invalidated. For `l1.policy: 'arc'` it is an estimate.
 */
export class L1Adviser {
  readonly #options: L1AdviserOptions;
  /** By namespace and id, the longest gone first. */
  readonly #ghosts = new Map<string, Ghost>();
  #bytes = 0;
  #advice: L1Advice | undefined;
  /** Since it was thought about last. */
  #seen = { entries: 0, bytes: 0, gained: 0 };
  #lookUpsBefore = 0;

  constructor(options: L1AdviserOptions) {
    this.#options = options;
  }

  get advice(): L1Advice | undefined {
    return this.#advice;
  }

  /** L1 had to let an entry go to keep a bound. */
  evicted({ space, id, stamp, answerUntil, bytes }: Entry, bound: 'entries' | 'bytes'): void {
    const { options, held } = this.#options;
    this.forget(space, id);
    this.#ghosts.set(nameOf(space, id), { stamp, answerUntil, bytes });
    this.#bytes += bytes;
    while (this.#ghosts.size > options.maxEntries || this.#bytes > options.maxBytes) this.#forgetOldest();
    this.#seen[bound] += 1;
    if (this.#seen.entries + this.#seen.bytes >= Math.max(LEAST_EVICTIONS, held())) this.#think();
  }

  /** L1 could not answer a read. */
  missed(space: Space, id: string): void {
    const ghost = this.forget(space, id);
    if (ghost === undefined || ghost.answerUntil <= this.#options.now()) return;
    if (space.verdictOf(ghost) === 'alive') this.#seen.gained += 1;
  }

  /** Something happened to a key: what L1 had of it would be gone by now. */
  forget(space: Space, id: string): Ghost | undefined {
    const name = nameOf(space, id);
    const ghost = this.#ghosts.get(name);
    if (ghost === undefined) return undefined;
    this.#ghosts.delete(name);
    this.#bytes -= ghost.bytes;
    return ghost;
  }

  /** All that L1 held is gone. */
  forgetAll(): void {
    this.#ghosts.clear();
    this.#bytes = 0;
  }

  /** L1 has other bounds: what was seen under the former ones says nothing about them. */
  rebound(): void {
    this.forgetAll();
    this.#begin();
    this.#advice = undefined;
  }

  #forgetOldest(): void {
    const [oldest] = this.#ghosts;
    if (oldest === undefined) return;
    this.#ghosts.delete(oldest[0]);
    this.#bytes -= oldest[1].bytes;
  }

  #begin(): void {
    this.#seen = { entries: 0, bytes: 0, gained: 0 };
    this.#lookUpsBefore = this.#options.lookUps();
  }

  #think(): void {
    const { options, lookUps, events } = this.#options;
    const { maxEntries, maxBytes } = options;
    const { entries, bytes, gained } = this.#seen;
    const reads = lookUps() - this.#lookUpsBefore;
    const gain = reads === 0 ? 0 : gained / reads;
    const size = gain >= WORTH_IT ? 'larger' : 'enough';
    const isChange = this.#advice?.size !== size && (this.#advice !== undefined || size === 'larger');
    const factor = (isInTheWay: boolean) => (size === 'larger' && isInTheWay ? 2 : 1);
    this.#advice = {
      size,
      gain,
      // A bound that had a tenth of the evictions is in the way as well.
      maxEntries: maxEntries * factor(entries >= bytes / 10),
      maxBytes: maxBytes * factor(bytes >= entries / 10),
    };
    this.#begin();
    if (isChange && events.wants('tuned')) {
      events.emit({ type: 'tuned', what: 'l1', before: { maxEntries, maxBytes }, advice: this.#advice });
    }
  }
}

/** No namespace's name has this character. */
function nameOf(space: Space, id: string): string {
  return `${space.name}\0${id}`;
}
