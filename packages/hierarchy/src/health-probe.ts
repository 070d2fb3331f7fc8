import { randomBytes } from 'node:crypto';
import { L2TimeoutError } from '@tierwise/l2';
import type { Core } from './core.js';
import { LATE } from './deadline.js';
import { textOf } from './error-text.js';
import type { FeedMeter } from './feed-meter.js';
import { diagnose } from './incident-signals.js';
import { UNANSWERED } from './l2-guard.js';
import { L2SkippedError } from './l2-line.js';

/** What came of asking L2. */
export type L2Probed =
  | {
      readonly status: 'up';
      readonly latencyMs: number;
      /** Whether news of the probe's own write arrived; `unknown` where there is no feed, or it is deaf. */
      readonly feed: 'heard' | 'late' | 'unknown';
      /** How long that was waited for, in milliseconds. */
      readonly waitedMs: number;
    }
  | {
      readonly status: 'down';
      readonly code: 'l2-down' | 'l2-not-open' | 'l2-silent' | 'l2-failing' | 'l2-wrong' | 'l2-read-only' | 'l2-full';
      readonly message: string;
    }
  | { readonly status: 'skipped' };

/**
 * Not shorter than L2's memory for deletions, so that the write leaves no note; long enough for any time limit, and gone soon after
 * a process that was killed in the middle of a probe. In milliseconds.
 */
const KEEP_MS = 60_000;
const BYTES = 16;
const KEY = 'probe';

/**
 * Asks L2 by what it is there for: writes something, reads it back, deletes it, and waits for the feed to tell of that.
 *
 * It breaks no law, since it happens in a namespace of its own, which belongs to this one hierarchy: its name has a control character,
 * which no user's name may have, and this node's origin. No other node follows it, no handle reads it, `clear` and `purge` do not touch
 * it. It is named like one below the hierarchy's own, so that a user of L2 who may only use those may do this as well.
 */
export class L2Probe {
  readonly #core: Core;
  readonly #meter: FeedMeter;
  readonly #namespace: string;
  #followed = false;
  #sentAt = 0;

  constructor(core: Core, meter: FeedMeter, origin: string) {
    this.#core = core;
    this.#meter = meter;
    this.#namespace = `${core.options.namespace}:\u0001health:${origin}`;
  }

  /** Takes no longer than L2's time limit. Never rejects. */
  async run(): Promise<L2Probed> {
    const { clock, deadlines, options } = this.#core;
    const silent: L2Probed = {
      status: 'down',
      code: 'l2-silent',
      message: `no answer within ${options.l2TimeoutMs} ms`,
    };
    const began = clock.now();
    const echo = this.#listen();
    let isOver = false;
    try {
      const asked = await deadlines.within(
        // close() waits for it: nothing is left of it afterwards.
        this.#core.work.track(this.#ask(() => isOver)),
        began + options.l2TimeoutMs,
      );
      if (asked === LATE) return silent;
      if (asked !== undefined) return asked;
      const latencyMs = clock.now() - began;
      if (!this.#followed || this.#core.feed.state !== 'alive') {
        return { status: 'up', latencyMs, feed: 'unknown', waitedMs: 0 };
      }
      const heard = await deadlines.within(echo.heard, began + options.l2TimeoutMs);
      const waitedMs = clock.now() - this.#sentAt;
      // Where L2 itself took most of the time, too little was left to say so.
      const isLate = this.#core.feed.state === 'alive' && latencyMs < options.l2TimeoutMs / 2;
      return { status: 'up', latencyMs, feed: heard !== LATE ? 'heard' : isLate ? 'late' : 'unknown', waitedMs };
    } catch (error) {
      return downBy(error) ?? silent;
    } finally {
      isOver = true;
      echo.stop();
    }
  }

  /** @returns what is wrong, if anything is. When it `isOver`, nothing more is sent. */
  async #ask(isOver: () => boolean): Promise<L2Probed | undefined> {
    const { guard, feed } = this.#core;
    if (guard === undefined) return undefined;
    if (!(await feed.opened())) {
      return { status: 'down', code: 'l2-not-open', message: textOf(guard.notOpen()) };
    }
    const namespace = this.#namespace;
    if (guard.hasFeed && !this.#followed) this.#followed = await guard.follow(namespace);
    if (isOver()) return undefined;
    const bytes = randomBytes(BYTES);
    this.#sentAt = this.#core.clock.now();
    await guard.write(namespace, { key: KEY, bytes, freshMs: KEEP_MS, keepMs: KEEP_MS }, undefined);
    if (isOver()) return undefined;
    const answers = await guard.read(namespace, [KEY]);
    if (answers === UNANSWERED || answers[0] === UNANSWERED)
      return { status: 'down', code: 'l2-failing', message: 'it does not answer a read' };
    if (isOver()) return undefined;
    await guard.delete(namespace, [KEY], undefined);
    const [read] = answers;
    const isRight = read?.status === 'found' && Buffer.compare(read.bytes, bytes) === 0;
    return isRight
      ? undefined
      : { status: 'down', code: 'l2-wrong', message: 'what was written is not what was read a moment later' };
  }

  /** Hears the feed tell of the probe's own write. */
  #listen(): { readonly heard: Promise<void>; readonly stop: () => void } {
    let stop = () => {};
    const heard = new Promise<void>((resolve) => {
      stop = this.#meter.onEcho((namespace) => {
        if (namespace !== this.#namespace) return;
        stop();
        this.#meter.measured(this.#core.clock.now() - this.#sentAt);
        resolve();
      });
    });
    return { heard, stop: () => stop() };
  }
}

function downBy(error: unknown): L2Probed {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const message = textOf(cause);
  if (cause instanceof L2SkippedError) {
    return { status: 'down', code: cause.reason === 'not-open' ? 'l2-not-open' : 'l2-down', message };
  }
  if (cause instanceof L2TimeoutError) return { status: 'down', code: 'l2-silent', message };
  const diagnosis = diagnose(cause);
  if (diagnosis === 'read-only' || diagnosis === 'full') return { status: 'down', code: `l2-${diagnosis}`, message };
  return { status: 'down', code: 'l2-failing', message };
}
