/**
 * The checker. It knows nothing of caches: it is told what changed in the source, when the invalidation that followed had
 * resolved, when each read began and what it showed, and says which reads showed less than they had to.
 *
 * All times are of one clock, that of the process which made the calls and saw them end. So a read that began after an
 * invalidation's end by this clock did so in truth.
 *
 * The rule (law 1): a read that began after an invalidation had resolved shows at least the version that was invalidated
 * for. On the node that was asked to invalidate, from that moment on. On the other one as soon as it has heard of it; it is
 * allowed a grace for that, and how much of it was used is reported.
 */

/** What has to be seen from a moment on. */
export interface Obligation {
  /** The node that was asked to invalidate. */
  readonly node: number;
  /** When the invalidation had resolved, in milliseconds. */
  readonly at: number;
  /** In which way it was invalidated, for reports. */
  readonly by: string;
  /** The rows that had changed in the source, with the versions they had then. */
  readonly rows: Iterable<readonly [id: number, version: number]>;
  /** Whether values that show such a row as a neighbour were invalidated as well, or only the row's own. */
  readonly asNeighbour: boolean;
}

/** A read that was answered. */
export interface Read {
  readonly node: number;
  /** When it began, in milliseconds. */
  readonly began: number;
  readonly shown: Iterable<Shown>;
}

/** A row as a read showed it. */
export interface Shown {
  readonly id: number;
  readonly version: number;
  readonly asNeighbour: boolean;
}

interface Floor {
  readonly version: number;
  readonly node: number;
  readonly at: number;
  readonly by: string;
  readonly asNeighbour: boolean;
  readonly lag: Lag;
}

/** How late the other node was: when the last read began that still showed what had been invalidated. */
interface Lag {
  ms: number;
}

/** So many stale reads are told of in full. */
const EXAMPLES = 5;

export class Checker {
  readonly #graceMs: number;
  readonly #floors = new Map<number, Floor[]>();
  readonly #lags: Lag[] = [];
  readonly #examples: string[] = [];
  #rowsChecked = 0;
  #stale = 0;
  #late = 0;

  constructor(graceMs: number) {
    this.#graceMs = graceMs;
  }

  /** To be called in the order of the invalidations' ends. */
  oblige({ node, at, by, rows, asNeighbour }: Obligation): void {
    const lag = { ms: 0 };
    this.#lags.push(lag);
    for (const [id, version] of rows) {
      const floors = this.#floors.get(id) ?? [];
      this.#floors.set(id, floors);
      floors.push({ version, node, at, by, asNeighbour, lag });
    }
  }

  /** @returns whether the read showed all that it had to, and nothing that was excused by the grace. */
  check({ node, began, shown }: Read): boolean {
    let current = true;
    for (const row of shown) {
      this.#rowsChecked += 1;
      const missed = (this.#floors.get(row.id) ?? []).filter(
        (floor) => floor.version > row.version && began >= floor.at && (floor.asNeighbour || !row.asNeighbour),
      );
      if (missed.length === 0) continue;
      current = false;
      for (const { node: asked, at, lag } of missed) if (asked !== node) lag.ms = Math.max(lag.ms, began - at);
      const excuseless = missed.find(({ node: asked, at }) => asked === node || began - at > this.#graceMs);
      if (excuseless === undefined) this.#late += 1;
      else this.#report(node, began, row, excuseless);
    }
    return current;
  }

  /** Counts a difference to the source that was found in another way. */
  blame(what: string): void {
    this.#stale += 1;
    if (this.#examples.length < EXAMPLES) this.#examples.push(what);
  }

  get verdict(): Verdict {
    const lags = this.#lags.map(({ ms }) => ms).sort((a, b) => a - b);
    return {
      rowsChecked: this.#rowsChecked,
      stale: this.#stale,
      examples: this.#examples,
      invalidations: lags.length,
      late: this.#late,
      graceMs: this.#graceMs,
      p99LagMs: lags[Math.ceil(lags.length * 0.99) - 1] ?? 0,
      worstLagMs: lags.at(-1) ?? 0,
    };
  }

  #report(node: number, began: number, { id, version, asNeighbour }: Shown, floor: Floor): void {
    const after = (began - floor.at).toFixed(1);
    this.blame(
      `node ${node} showed version ${version} of row ${id}${asNeighbour ? ' as a neighbour' : ''} to a read that began ` +
        `${after} ms after version ${floor.version} was invalidated for by ${floor.by} on node ${floor.node}`,
    );
  }
}

/** What the checker found. */
export interface Verdict {
  /** Rows that were shown by reads, each of them checked. */
  readonly rowsChecked: number;
  /** How many of them were older than they were allowed to be. */
  readonly stale: number;
  /** The first of these, in words. */
  readonly examples: readonly string[];
  readonly invalidations: number;
  /** Rows shown by the other node that were older than the last invalidation, within the grace. */
  readonly late: number;
  readonly graceMs: number;
  /** Per invalidation: how long after its end the other node still began a read that showed what was before. 0 for most. */
  readonly p99LagMs: number;
  readonly worstLagMs: number;
}
