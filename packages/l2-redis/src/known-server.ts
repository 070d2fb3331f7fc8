import { createHash } from 'node:crypto';
import type { L2Moment } from '@tierwise/l2';
import { RedisClock } from './clock.js';
import { stamperOf as stamperOfEntry, writtenMicros } from './envelope.js';

/** What a node's idea of Redis' time may lack by rounding, in microseconds. */
const CLOCK_ERROR_MICROS = 100;

/** What a node knows of one server: its clock, and the latest moment of its data that was heard of, over whichever connections. */
export class KnownServer {
  readonly clock: RedisClock;
  /** Names the server's process, and so its clock, in what scripts stamp there. 0 where Redis does not tell. */
  stamper = 0;
  /** Names one history of the server's data. Empty where Redis does not tell. */
  #life = '';
  /** The last microsecond heard of in that life. */
  #lastMicros = 0;

  /** @param now this node's monotonic clock, in milliseconds. */
  constructor(now: () => number) {
    this.clock = new RedisClock(now);
  }

  /** A life of its data begins, for this node: it has been met. */
  begin(run: string | undefined, micros: number): void {
    this.#life = run === undefined ? '' : createHash('sha1').update(run).digest('hex');
    this.#lastMicros = micros;
  }

  /** The last moment of this server that was heard of, in its own order of events. Empty where it cannot be told. */
  get moment(): L2Moment {
    return this.#life === '' ? '' : `${this.#life}:${this.#lastMicros}`;
  }

  /** Learns from an entry that was read when that was written. */
  heard(stored: Buffer): void {
    const micros = writtenMicros(stored);
    // Most entries are older than that, so this comes first.
    if (micros === undefined || micros <= this.#lastMicros) return;
    if (stamperOfEntry(stored) === this.stamper) this.hear(micros);
  }

  /** What is still to come is of a time from before the clock was set back, and so is no moment of this one. */
  hear(micros: number): void {
    const latest = this.clock.now() * 1_000 + CLOCK_ERROR_MICROS;
    if (micros <= latest && (micros > this.#lastMicros || this.#lastMicros > latest)) this.#lastMicros = micros;
  }
}
