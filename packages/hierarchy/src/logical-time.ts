import type { L2Mark, L2MarkMode, L2Marks } from '@tierwise/l2';

/**
 * What a node knows of a namespace's logical time (DESIGN §5, law 5): the generation, the namespace's own marks, and the marks
 * of the tags that it has met.
 *
 * Everything is merged by maximum, so the order and the repetition of news do not matter. The map of tags is bounded by
 * raising the *floor*: the number up to which marks may exist that this node does not know. A value of the floor's
 * generation or a later one is therefore judged without its tags' marks being known; an earlier one is `unknown`, and so is each
 * one without a feed to rely on. The floor only grows.
 */
export type Verdict = 'alive' | 'stale' | 'dead' | 'unknown';

/** Tags whose marks a node keeps. */
const MAX_TAGS = 100_000;

const NO_MARK: L2Mark = { dead: 0, stale: 0 };

export class LogicalTime {
  #generation = 0;
  #dead = 0;
  #stale = 0;
  #floor = 0;
  #relied: boolean;
  #change = 0;
  /** Counts this node's own invalidations that L2 does not know of yet; the last ones of all, and of each tag, by that count. */
  #deferrals = 0;
  #deferredAll: L2Mark = NO_MARK;
  readonly #deferredTags = new Map<string, L2Mark>();
  readonly #tags = new Map<string, L2Mark>();
  readonly #maxTags: number;

  /**
   * @param options.local there is no L2 that could know more: everything is known from the start. Else nothing is.
   */
  constructor(options: { readonly local: boolean; readonly maxTags?: number }) {
    this.#relied = options.local;
    this.#maxTags = options.maxTags ?? MAX_TAGS;
  }

  /** The highest generation met. What is loaded from now on carries it. */
  get generation(): number {
    return this.#generation;
  }

  /** Grows with every change that can alter a verdict, so that an entry judged since the last one needs no second look. */
  get change(): number {
    return this.#change;
  }

  /**
   * How many invalidations of this node's own L2 has not been told of when they were made. What a load or write notes when it begins
   * besides the generation: L2's numbers cannot tell values of before such an invalidation from those of after it.
   */
  get deferrals(): number {
    return this.#deferrals;
  }

  /**
   * Whether a value of this generation with these tags is still valid, as far as this node knows.
   *
   * @param relied whether news of every new mark counts as heard of. Default: {@link LogicalTime.relied}.
   * @param deferrals {@link LogicalTime.deferrals} of this node's own load or write; 0 for what comes from elsewhere, of which nobody
   * knows when it began.
   */
  judge(generation: number, tags: readonly string[], relied = this.#relied, deferrals = 0): Verdict {
    if (generation < this.#dead || deferrals < this.#deferredAll.dead) return 'dead';
    let verdict: Verdict = generation < this.#stale || deferrals < this.#deferredAll.stale ? 'stale' : 'alive';
    for (const tag of this.#deferredTags.size > 0 ? tags : []) {
      const mark = this.#deferredTags.get(tag) ?? NO_MARK;
      if (deferrals < mark.dead) return 'dead';
      if (deferrals < mark.stale) verdict = 'stale';
    }
    for (const tag of tags) {
      const mark = this.#tags.get(tag);
      if (mark === undefined) {
        if (!relied || generation < this.#floor) verdict = 'unknown';
      } else if (generation < mark.dead) {
        return 'dead';
      } else if (generation < mark.stale && verdict === 'alive') {
        verdict = 'stale';
      }
    }
    return verdict;
  }

  /** News of an invalidation: of tags or, with `null`, of the namespace. */
  invalidated(tags: readonly string[] | null, mode: L2MarkMode, generation: number): void {
    this.#generation = Math.max(this.#generation, generation);
    if (tags === null) {
      if (mode === 'dead') this.#dead = Math.max(this.#dead, generation);
      else this.#stale = Math.max(this.#stale, generation);
    }
    // Of a tag that was not known, the other mode's mark may be anything up to the floor.
    for (const tag of tags ?? []) {
      const mark = this.#tags.get(tag) ?? { dead: this.#floor, stale: this.#floor };
      this.#remember(tag, { ...mark, [mode]: Math.max(mark[mode], generation) });
    }
    if (tags === null) this.#change += 1;
  }

  /** An answer of L2 to a question for the marks of `tags`. A mark that L2 does not have counts as one at its counter. */
  learned(tags: readonly string[], marks: L2Marks): void {
    const { generation, namespace } = marks;
    this.#generation = Math.max(this.#generation, generation);
    if (namespace.dead > this.#dead || namespace.stale > this.#stale) this.#change += 1;
    this.#dead = Math.max(this.#dead, namespace.dead);
    this.#stale = Math.max(this.#stale, namespace.stale);
    // An answer from before the floor has been overtaken: of what happened up to the floor it may know nothing.
    const least = generation < this.#floor ? this.#floor : 0;
    for (const [index, tag] of tags.entries()) {
      const { dead, stale } = marks.tags[index] ?? { dead: generation, stale: generation };
      this.#remember(tag, { dead: Math.max(dead, least), stale: Math.max(stale, least) });
    }
  }

  /** Advances on this node alone, where logical time is its own. */
  advance(tags: readonly string[] | null, mode: L2MarkMode): void {
    this.invalidated(tags, mode, this.#generation + 1);
  }

  /**
   * An invalidation of which nobody knows whether it reached L2. What this node has is dead for it, and so is what it loads from
   * now on, until L2's counter is known to have gone on: the number belongs to L2, and must not be used to stamp values.
   *
   * @param before the generation when the invalidation began. If it has grown since, by the news of that very one perhaps, what
   * was loaded after that lives.
   */
  doubt(tags: readonly string[] | null, mode: L2MarkMode, before: number): void {
    const generation = this.#generation;
    this.invalidated(tags, mode, before + 1);
    this.#generation = generation;
  }

  /**
   * An invalidation that L2 will be told of later. Until then this node alone holds to it: whatever it does not know to have begun
   * afterwards is dead (or stale), in whatever generation a peer may have put it into L2.
   */
  defer(tags: readonly string[] | null, mode: L2MarkMode): void {
    this.#deferrals += 1;
    this.#change += 1;
    if (tags === null) {
      // The end of everything is the newest of all, and what L2 will be told in their place.
      const others = mode === 'dead' ? NO_MARK : this.#deferredAll;
      this.#deferredAll = { ...others, [mode]: this.#deferrals };
      if (mode === 'dead') this.#deferredTags.clear();
    }
    for (const tag of tags ?? []) {
      this.#deferredTags.set(tag, { ...(this.#deferredTags.get(tag) ?? NO_MARK), [mode]: this.#deferrals });
    }
  }

  /** L2 has been told of what was deferred last of a tag or, with `null`, of the namespace: from now on its mark decides. */
  made(tag: string | null, mode: L2MarkMode): void {
    this.#change += 1;
    if (tag === null) {
      this.#deferredAll = { ...this.#deferredAll, [mode]: 0 };
      return;
    }
    const mark = { ...(this.#deferredTags.get(tag) ?? NO_MARK), [mode]: 0 };
    if (mark.dead === 0 && mark.stale === 0) this.#deferredTags.delete(tag);
    else this.#deferredTags.set(tag, mark);
  }

  /** Whether news of every new mark can be relied on. If not, a verdict holds only for marks just asked for. */
  get relied(): boolean {
    return this.#relied;
  }

  /**
   * Begins to rely on the feed: whatever happens after the counter stood at `floor` will be heard of, or was. What happened
   * before is unknown unless asked for, so marks met earlier are kept only as far as they are above it.
   */
  relyFrom(floor: number): void {
    this.#floor = Math.max(this.#floor, floor);
    for (const [tag, { dead, stale }] of this.#tags) {
      if (dead <= this.#floor && stale <= this.#floor) this.#tags.delete(tag);
      else this.#tags.set(tag, { dead: Math.max(dead, this.#floor), stale: Math.max(stale, this.#floor) });
    }
    this.#relied = true;
    this.#change += 1;
  }

  /** Stops to rely on the feed, since news may have been missed. Marks met so far stay as lower bounds. */
  distrust(): void {
    this.#relied = false;
    this.#change += 1;
  }

  #remember(tag: string, mark: L2Mark): void {
    const known = this.#tags.get(tag);
    if (known !== undefined && known.dead >= mark.dead && known.stale >= mark.stale) return;
    this.#change += 1;
    // Taken out first, so that the map's order is from the least recently changed to the most.
    this.#tags.delete(tag);
    this.#tags.set(tag, {
      dead: Math.max(mark.dead, known?.dead ?? 0),
      stale: Math.max(mark.stale, known?.stale ?? 0),
    });
    if (this.#tags.size <= this.#maxTags) return;
    const [oldest] = this.#tags;
    if (oldest === undefined) return;
    this.#tags.delete(oldest[0]);
    this.#floor = Math.max(this.#floor, oldest[1].dead, oldest[1].stale);
  }
}
