import type { Clock } from '@tierwise/hierarchy';

/** Different troubles that are told apart at once. Of more, the oldest is forgotten: its next line is written in full. */
const MAX_KINDS = 200;

interface Repeated {
  /** How often it came since the last line of it. */
  count: number;
  /** Writes the line of the last time that it came. */
  write: (repeated: number) => void;
  timer: unknown;
}

/** Lets one line of a kind of trouble through in an interval; what comes meanwhile is counted, and told in one line when it is over. */
export class Squash {
  readonly #clock: Pick<Clock, 'setTimer' | 'clearTimer'>;
  readonly #intervalMs: number;
  readonly #kinds = new Map<string, Repeated>();

  constructor(clock: Pick<Clock, 'setTimer' | 'clearTimer'>, intervalMs: number) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
  }

  /** @param write writes a line; is given how often it came since the last one, 0 if this is the first. */
  tell(kind: string, write: (repeated: number) => void): void {
    const known = this.#kinds.get(kind);
    if (known !== undefined) {
      known.count += 1;
      known.write = write;
      return;
    }
    for (const oldest of this.#kinds.keys()) {
      if (this.#kinds.size < MAX_KINDS) break;
      this.#end(oldest);
    }
    const begun: Repeated = { count: 0, write, timer: undefined };
    this.#kinds.set(kind, begun);
    this.#wait(kind, begun);
    write(0);
  }

  /** Writes what was counted. */
  close(): void {
    for (const kind of [...this.#kinds.keys()]) this.#end(kind);
  }

  #wait(kind: string, repeated: Repeated): void {
    repeated.timer = this.#clock.setTimer(() => {
      // An interval in which it did not come: it is over.
      if (repeated.count === 0) this.#kinds.delete(kind);
      else {
        this.#wait(kind, repeated);
        this.#flush(repeated);
      }
    }, this.#intervalMs);
  }

  #end(kind: string): void {
    const repeated = this.#kinds.get(kind);
    if (repeated === undefined) return;
    this.#clock.clearTimer(repeated.timer);
    this.#kinds.delete(kind);
    if (repeated.count > 0) this.#flush(repeated);
  }

  #flush(repeated: Repeated): void {
    const { count } = repeated;
    repeated.count = 0;
    try {
      repeated.write(count);
    } catch (error) {
      // In a timer, or in the middle of telling of something else, it would be nobody's.
      process.emitWarning(
        `the logger threw: ${error instanceof Error ? error.message : typeof error}`,
        'TierwiseWarning',
      );
    }
  }
}
