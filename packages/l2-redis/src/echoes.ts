/** What Redis has to be asked before an invalidation counts as an echo. */
export interface EchoesParts {
  /** Reads the versions that stand under keys now: 0 for none, `undefined` for bytes that are not ours. */
  readonly readVersions: (entries: readonly EntryName[]) => Promise<readonly (number | undefined)[]>;
  /** Resolves when everything that was announced before has been heard. */
  readonly catchUp: () => Promise<unknown>;
  /** Passes on that entries were changed by another program. */
  readonly tell: (namespace: string, keys: readonly string[]) => void;
  /** So many keys are remembered at most. Those beyond it count as changed by others, which is safe. */
  readonly max: number;
}

export interface EntryName {
  readonly namespace: string;
  readonly key: string;
}

/** An invalidation that may be the echo of a deed of this node. */
interface Suspect extends EntryName {
  /** What this node's last deed left behind. */
  readonly version: number;
}

/** What is remembered of one namespace. */
class Watched {
  /** What this node's deeds left behind, by key, of those that Redis has not told of yet. */
  announced = new Map<string, number>();
  readonly suspects = new Map<string, Suspect>();
}

/**
 * Tells the echo of this node's own deeds from what other programs did (`tracking: true`).
 *
 * Redis collects the keys that were changed in one turn of its event loop and tells of each of them once, at the end of the
 * turn, whoever changed it and how often. So an invalidation that follows a deed of ours may be just its echo, or hide a
 * foreign change of the same turn; neither counting nor waiting can tell. But the deed's own message comes before it, in the
 * same connection and since it was sent within the turn, and says which version the deed left behind. Hence:
 *
 * - not announced by this node since the last invalidations: by others. Passed on at once.
 * - announced: a *suspect*. The version that now stands under the key is read. If it is the announced one, nothing happened
 *   since the deed. (What was changed before the deed, in the same turn, the deed has overwritten.)
 * - another version stands there: either a foreign change, or a later deed that was not heard of yet. After everything that
 *   was announced before the look has been heard, a key that is still a suspect was changed by others.
 * - a later deed of any node ends the suspicion: for it there is a message and an invalidation of its own.
 *
 * Whether a deed's reply comes before its echo or after plays no role, since replies are not looked at. When in doubt (a look
 * that fails, a lost feed, no room), the key is passed on: that costs a look into L2, while the opposite would keep an old value.
 */
export class Echoes {
  readonly #parts: EchoesParts;
  readonly #watched = new Map<string, Watched>();
  /** Suspects that wait for their look. */
  #waiting: Suspect[] = [];
  #isLooking = false;

  constructor(parts: EchoesParts) {
    this.#parts = parts;
  }

  /** How many keys are remembered. 0 when nothing is under way. */
  get size(): number {
    let size = 0;
    for (const { announced, suspects } of this.#watched.values()) size += announced.size + suspects.size;
    return size;
  }

  /** Hears of a deed, of this node or another. To be called for each message, in order. */
  announced(namespace: string, keys: readonly string[], versions: readonly number[] | undefined, isOwn: boolean): void {
    const watched = this.#watchedOf(namespace);
    for (const [index, key] of keys.entries()) {
      watched.suspects.delete(key);
      const version = versions?.[index];
      if (isOwn && version !== undefined && watched.announced.size < this.#parts.max)
        watched.announced.set(key, version);
      else watched.announced.delete(key);
    }
  }

  /** Hears which keys of a namespace were changed, all those of one turn of Redis at once. */
  invalidated(namespace: string, keys: readonly string[]): void {
    const watched = this.#watchedOf(namespace);
    // Deeds that changed nothing, such as the removal of nothing, are announced and not invalidated. They end here.
    const { announced } = watched;
    watched.announced = new Map();
    const foreign: string[] = [];
    for (const key of keys) {
      const version = announced.get(key);
      if (version === undefined || watched.suspects.size >= this.#parts.max) {
        watched.suspects.delete(key);
        foreign.push(key);
      } else {
        const suspect = { namespace, key, version };
        watched.suspects.set(key, suspect);
        this.#waiting.push(suspect);
      }
    }
    if (foreign.length > 0) this.#parts.tell(namespace, foreign);
    if (this.#waiting.length > 0) void this.#look();
  }

  /** Something was or may have been missed: no suspicion can be settled any more. */
  lose(): void {
    const suspects = [...this.#watched.values()].flatMap((watched) => [...watched.suspects.values()]);
    this.#watched.clear();
    this.#tell(suspects);
  }

  /** One look at a time, so that the busier it gets the more suspects share one. Never rejects. */
  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    // The invalidations of other namespaces that came in the same piece are looked at together.
    await new Promise(process.nextTick);
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.filter((suspect) => this.#isOpen(suspect));
      this.#waiting = [];
      if (batch.length > 0) await this.#settle(batch);
    }
    this.#isLooking = false;
  }

  async #settle(batch: readonly Suspect[]): Promise<void> {
    let doubtful: readonly Suspect[] = batch;
    try {
      const versions = await this.#parts.readVersions(batch);
      doubtful = batch.filter((suspect, index) => versions[index] !== suspect.version);
      for (const [index, suspect] of batch.entries()) if (versions[index] === suspect.version) this.#close(suspect);
      if (doubtful.length > 0) await this.#parts.catchUp();
    } catch {
      // Not known is foreign.
    }
    this.#tell(doubtful.filter((suspect) => this.#close(suspect)));
  }

  #isOpen(suspect: Suspect): boolean {
    return this.#watched.get(suspect.namespace)?.suspects.get(suspect.key) === suspect;
  }

  /** @returns whether it was open. */
  #close(suspect: Suspect): boolean {
    return this.#isOpen(suspect) && this.#watchedOf(suspect.namespace).suspects.delete(suspect.key);
  }

  #tell(suspects: readonly Suspect[]): void {
    for (const namespace of new Set(suspects.map((suspect) => suspect.namespace))) {
      const keys = suspects.filter((suspect) => suspect.namespace === namespace).map(({ key }) => key);
      this.#parts.tell(namespace, keys);
    }
  }

  #watchedOf(namespace: string): Watched {
    let watched = this.#watched.get(namespace);
    if (watched === undefined) {
      watched = new Watched();
      this.#watched.set(namespace, watched);
    }
    return watched;
  }
}
