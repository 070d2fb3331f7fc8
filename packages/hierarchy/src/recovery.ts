import { L2UnavailableError } from '@tierwise/l2';
import type { Breaker } from './breaker.js';
import type { Clock } from './clock.js';
import type { Correlation } from './correlation.js';
import type { Events } from './events.js';
import type { L2Line } from './l2-line.js';
import type { Outbox } from './outbox.js';
import type { Replay, ReplayCounts } from './replay.js';
import type { RecoveryTrace, Tracing } from './tracing.js';

/** Where an order failed though L2 is not known to be down, it is tried again after so long at first, in milliseconds. */
const FIRST_RETRY_MS = 100;
/** How often one try sends what has come since it began. Under load, a moment in which nothing is pending may never come. */
const PASSES = 3;

export interface RecoveryOptions {
  readonly clock: Clock;
  /** 0 to 1, for the jitter. */
  readonly random: () => number;
  readonly events: Events;
  readonly correlation: Correlation;
  readonly tracing: Tracing;
  readonly breaker: Breaker;
  readonly line: L2Line;
  readonly outbox: Outbox | undefined;
  readonly replay: Replay | undefined;
  /** Whether L2 has opened for this hierarchy. */
  readonly isOpen: () => boolean;
  /** Asks L2 whether it answers. */
  readonly probe: () => Promise<boolean>;
  /** How long the open breaker waits for its probe: at first, and at the most, in milliseconds. */
  readonly openForMs: number;
  readonly maxOpenForMs: number;
}

/**
 * The way back: while the breaker is open or anything is pending, tries again and again, less and less often, until L2
 * answers and has been told what it missed; what was ordered during that very try may follow after. Only then the breaker closes. It needs no
 * traffic and nobody's help; each try waits between half of its time and all of it, by chance, so that many nodes do not come back as one.
 */
export class Recovery {
  readonly #options: RecoveryOptions;
  #timer: unknown;
  #trying: Promise<void> | undefined;
  /** Tries that failed since all was well. */
  #failures = 0;
  #troubleSince: number | undefined;
  /** What was made up for since then. */
  #counts = noCounts();
  #closed = false;

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  /** There is something to be done, or it has become more urgent to wait. */
  wake(): void {
    if (this.#closed || this.#trying !== undefined || !this.#isNeeded) return;
    this.#troubleSince ??= this.#options.clock.now();
    if (this.#timer === undefined) this.#schedule();
  }

  /** The breaker has opened: L2 is given time. */
  breakerOpened(): void {
    this.#options.clock.clearTimer(this.#timer);
    this.#timer = undefined;
    this.wake();
  }

  /** There is no way back. */
  stop(): void {
    this.#options.clock.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#closed = true;
  }

  /** Tries a last time to send what is pending, for `limitMs` at the most. Nothing goes on afterwards. Never rejects. */
  async close(limitMs: number): Promise<void> {
    const { clock, outbox } = this.#options;
    const wasStopped = this.#closed;
    this.stop();
    if (wasStopped || (outbox?.pending.size ?? 0) === 0) return;
    let timer: unknown;
    const late = new Promise<void>((resolve) => {
      timer = clock.setTimer(resolve, limitMs);
    });
    await Promise.race([this.#trying ?? this.#try(), late]);
    clock.clearTimer(timer);
  }

  get #isNeeded(): boolean {
    const { breaker, outbox } = this.#options;
    return breaker.state !== 'closed' || (outbox?.pending.size ?? 0) > 0;
  }

  #schedule(): void {
    const { clock, random, breaker, openForMs, maxOpenForMs } = this.#options;
    const firstMs = breaker.state === 'closed' ? FIRST_RETRY_MS : openForMs;
    const ms = Math.min(firstMs * 2 ** this.#failures, maxOpenForMs);
    this.#timer = clock.setTimer(
      () => {
        this.#timer = undefined;
        this.#trying = this.#try().finally(() => {
          this.#trying = undefined;
          // What came while the last of the rest was being settled.
          if (this.#isNeeded) this.wake();
        });
      },
      ms * (1 - random() / 2),
    );
  }

  /** One try. Never rejects. */
  #try(): Promise<void> {
    const { tracing, outbox, correlation } = this.#options;
    // Not on the account of whoever happened to be the first to fail.
    return correlation.on(undefined, () => {
      if (!tracing.wants('recovery')) return this.#attempt();
      const pending = outbox?.pending.size ?? 0;
      const trace: RecoveryTrace = { kind: 'recovery', hierarchy: tracing.hierarchy, pending };
      return tracing.run(trace, () => this.#attempt(trace));
    });
  }

  async #attempt(trace?: RecoveryTrace): Promise<void> {
    const { breaker, outbox, replay } = this.#options;
    const isPending = () => (outbox?.pending.size ?? 0) > 0;
    breaker.tryOut();
    try {
      await outbox?.open();
      if (!this.#options.isOpen()) throw this.#options.line.notOpen();
      if (breaker.state === 'half-open') await this.#probe();
      for (let pass = 0; pass < PASSES && isPending(); pass += 1) await replay?.once(this.#counts);
      // What is still pending came since, is guarded key by key and tag by tag, and follows soon.
      breaker.close();
      this.#failures = 0;
      if (trace !== undefined)
        Object.assign(trace, { outcome: isPending() ? 'pending' : 'recovered', replayed: { ...this.#counts } });
      if (!isPending()) this.#report();
    } catch (error) {
      this.#failures = Math.min(this.#failures + 1, 30);
      breaker.reopen();
      if (trace !== undefined) Object.assign(trace, { outcome: 'failed', error, replayed: { ...this.#counts } });
      const { events } = this.#options;
      if (events.wants('l2-error')) events.emit({ type: 'l2-error', operation: 'recover', error });
    }
  }

  async #probe(): Promise<void> {
    const up = await this.#options.line.send('health', () => this.#options.probe(), { first: true });
    if (up !== true) throw new L2UnavailableError('L2', 'the probe found it down');
  }

  #report(): void {
    const { events, clock } = this.#options;
    const replayed = this.#counts;
    this.#counts = noCounts();
    const ms = clock.now() - (this.#troubleSince ?? clock.now());
    this.#troubleSince = undefined;
    if (events.wants('recovered')) events.emit({ type: 'recovered', ms, replayed });
  }
}

function noCounts(): ReplayCounts {
  return { stored: 0, kept: 0, dropped: 0, deleted: 0, invalidated: 0 };
}
