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

export class LogicalTime {
  #generation = 0;
  #dead = 0;
  #stale = 0;
  #floor = 0;
  #relied: boolean;
  #change = 0;
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
   * Whether a value of this generation with these tags is still valid, as far as this node knows.
   *
   * @param relied whether news of every new mark counts as heard of. Default: {@link LogicalTime.relied}.
   */
  judge(generation: number, tags: readonly string[], relied = this.#relied): Verdict {
    if (generation < this.#dead) return 'dead';
    let verdict: Verdict = generation < this.#stale ? 'stale' : 'alive';
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
