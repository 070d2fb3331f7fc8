import { randomUUID } from 'node:crypto';
import { L2ClosedError, L2UnavailableError } from '@tierwise/l2';
import { type MigrationClock, pause } from './clock.js';
import type { Settings } from './options.js';
import type { MigrationRecord } from './record.js';
import type { Reading, RecordStore } from './record-store.js';

/** The record as the old store has it, and since when this process knows it so. */
export interface Known {
  readonly record: MigrationRecord;
  /** The old store's version of it; `undefined` where only the new store's copy is known. */
  readonly version: number | undefined;
  readonly since: number;
}

/** Before the phase is asked for again by a call that needs it, in milliseconds. */
const RETRY_MS = 20;

/**
 * Knows the phase, or knows that it does not (law 5). What was read is relied on for `trustFor` from when it was asked for; it is asked for
 * again in good time. A record that got lost, or an older one that a failover brought back, is put right by whoever knows better.
 *
 * `to` is for good: who knows it need not ask any more, and so the old store can go.
 */
export class PhaseWatch {
  readonly #backend: string;
  readonly #settings: Settings;
  readonly #store: RecordStore;
  readonly #clock: MigrationClock;
  readonly #onChange: (record: MigrationRecord, isFirst: boolean) => void;
  readonly #onTrust: () => void;
  #known: Known | undefined;
  #trustedUntil = Number.NEGATIVE_INFINITY;
  #asking: Promise<boolean> | undefined;
  #timer: unknown;
  #lapse: unknown;
  #closed = false;

  /**
   * @param onChange hears of a new record before anyone acts upon it, and whether it is the first one.
   * @param onTrust hears that {@link PhaseWatch.isTrusted} may have changed.
   */
  constructor(
    backend: string,
    settings: Settings,
    store: RecordStore,
    onChange: (record: MigrationRecord, isFirst: boolean) => void,
    onTrust: () => void,
  ) {
    this.#backend = backend;
    this.#settings = settings;
    this.#store = store;
    this.#clock = settings.clock;
    this.#onChange = onChange;
    this.#onTrust = onTrust;
  }

  /** The last record met, trusted or not. */
  get known(): Known | undefined {
    return this.#known;
  }

  /** Whether it may be acted upon now. */
  get isTrusted(): boolean {
    return !this.#closed && this.#clock.now() < this.#trustedUntil;
  }

  /** Begins to ask. @returns whether the phase is known now. */
  start(): Promise<boolean> {
    this.#schedule();
    return this.ask();
  }

  close(): void {
    this.#closed = true;
    this.#clock.clearTimer(this.#timer);
    this.#clock.clearTimer(this.#lapse);
  }

  /** The record that may be acted upon, at once if there is one. */
  async current(): Promise<MigrationRecord> {
    // So that a call says why it failed before its time is over.
    const until = this.#clock.now() + this.#settings.callTimeout / 2;
    for (;;) {
      if (this.#closed) throw new L2ClosedError(this.#backend);
      if (this.#known !== undefined && this.isTrusted) return this.#known.record;
      if (await this.ask()) continue;
      if (this.#clock.now() >= until) {
        throw new L2UnavailableError(this.#backend, 'the phase of the migration is not known right now');
      }
      await pause(this.#clock, RETRY_MS);
    }
  }

  /** Asks now, together with whoever asks at the same time. Never rejects. @returns whether the phase is known now. */
  ask(): Promise<boolean> {
    this.#asking ??= this.#ask()
      .catch(() => false)
      .finally(() => {
        this.#asking = undefined;
      });
    return this.#asking;
  }

  /** Replaces the record, if it is still the one that is known. @returns whether it was replaced. */
  async publish(next: MigrationRecord): Promise<boolean> {
    const asked = this.#clock.now();
    const version = await this.#store.replace(next, this.#known?.version);
    if (version === undefined) return false;
    this.#accept(next, version, asked);
    return true;
  }

  async #ask(): Promise<boolean> {
    const asked = this.#clock.now();
    const [own, copy] = await this.#readBoth();
    if (own.isForeign) return false;
    const best = [own.record, copy.record, this.#known?.record].reduce(later, undefined);
    if (best === undefined) return own.answered && copy.answered && this.#put(firstRecord(), own, asked);
    if (best.phase === 'to') {
      this.#accept(best, own.version, asked);
      // Who starts when the old store has gone finds it in the new one.
      if (copy.answered && copy.record?.epoch !== best.epoch) await this.#store.copy(best).catch(() => {});
      return true;
    }
    if (!own.answered) return false;
    if (own.record?.epoch !== best.epoch) return this.#put(best, own, asked);
    this.#accept(best, own.version, asked);
    return true;
  }

  /** The copy is waited for no longer than until it is time to ask again: it matters only where the record itself got lost. */
  async #readBoth(): Promise<[own: Reading, copy: Reading]> {
    const unknown: Reading = { answered: false, record: undefined, version: undefined, isForeign: false };
    let timer: unknown;
    const late = new Promise<Reading>((resolve) => {
      timer = this.#clock.setTimer(() => resolve(unknown), this.#settings.askEvery);
    });
    const copy = Promise.race([this.#store.read('to'), late]);
    const both: [Reading, Reading] = [await this.#store.read('from'), await copy];
    this.#clock.clearTimer(timer);
    return both;
  }

  async #put(record: MigrationRecord, seen: Reading, asked: number): Promise<boolean> {
    const version = await this.#store.replace(record, seen.version);
    if (version === undefined) return false;
    this.#accept(record, version, asked);
    return true;
  }

  #accept(record: MigrationRecord, version: number | undefined, asked: number): void {
    const before = this.#known;
    if (this.#closed || (before !== undefined && record.epoch < before.record.epoch)) return;
    const isSame = before?.record.epoch === record.epoch && before.version === version;
    this.#known = isSame ? before : { record, version, since: this.#clock.now() };
    const isForGood = record.phase === 'to';
    this.#trustedUntil = Math.max(
      this.#trustedUntil,
      isForGood ? Number.POSITIVE_INFINITY : asked + this.#settings.trustFor,
    );
    if (before?.record.epoch !== record.epoch) this.#onChange(record, before === undefined);
    this.#onTrust();
    this.#watchLapse();
  }

  #watchLapse(): void {
    this.#clock.clearTimer(this.#lapse);
    const leftMs = this.#trustedUntil - this.#clock.now();
    if (!Number.isFinite(leftMs)) return;
    this.#lapse = this.#clock.setTimer(() => this.#onTrust(), Math.max(0, leftMs) + 1);
  }

  #schedule(): void {
    if (this.#closed || this.#trustedUntil === Number.POSITIVE_INFINITY) return;
    this.#timer = this.#clock.setTimer(() => {
      void this.ask().then(() => this.#schedule());
    }, this.#settings.askEvery);
  }
}

function later(a: MigrationRecord | undefined, b: MigrationRecord | undefined): MigrationRecord | undefined {
  return a === undefined || (b !== undefined && b.epoch > a.epoch) ? b : a;
}

function firstRecord(): MigrationRecord {
  return { epoch: 1, run: randomUUID(), phase: 'from', percentage: 0 };
}
