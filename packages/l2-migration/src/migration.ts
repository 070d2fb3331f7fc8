import { randomUUID } from 'node:crypto';
import { type MigrationClock, pauseAwake } from './clock.js';
import { MigrationError } from './errors.js';
import type { MigrationPhase } from './phase.js';
import type { Known, PhaseWatch } from './phase-watch.js';
import { isPercentage, type MigrationRecord } from './record.js';
import type { RecordStore } from './record-store.js';
import type { Comparison, Difference, Sample } from './sample.js';
import type { MigrationReport, Tally } from './tally.js';

/** What a migration tells of. */
export interface MigrationEvents {
  /** This process has learnt of another phase or percentage, and acts upon it from now on. */
  readonly phase: { readonly phase: MigrationPhase; readonly percentage: number };
  /** A key that was compared is not the same in both stores. */
  readonly difference: Difference;
  /** An order failed in one of the stores. */
  readonly failure: { readonly side: 'from' | 'to'; readonly error: unknown };
}

/**
 * How a migration is operated. Orders may be given in any process that has one, by one operator at a time; all others follow by themselves.
 * Every order may be repeated: what it found half done it brings to its end.
 */
export interface Migration {
  /** The phase as this process knows it; `undefined` before it has learnt of it. */
  readonly phase: MigrationPhase | undefined;
  /** How much of the keys is at home in `to`, 0 to 100, as this process knows it. */
  readonly percentage: number;
  /** Asks for the phase now. @throws {@link MigrationError} `UNKNOWN` */
  refresh(): Promise<MigrationPhase>;
  /**
   * `from` → `joining` → `moving`, at 0 %: both stores take values from then on, and the old one goes on answering. Takes as long as two
   * phases last at least (see `MigrateL2Options.trustFor`).
   *
   * @throws {@link MigrationError} `PHASE`, `CONFLICT`, `UNKNOWN`, `SAME_STORE`
   */
  start(): Promise<void>;
  /** Moves so much of the keys to `to`, or back. All others follow within `askEvery`. @throws {@link MigrationError} `PERCENTAGE`, `PHASE`, `CONFLICT`, `UNKNOWN` */
  setPercentage(percentage: number): Promise<void>;
  /** Compares up to `sample` of the keys that this process used of late, and which are not the same. Default: 1,000. @throws {@link MigrationError} `PHASE` */
  compare(options?: { readonly sample?: number }): Promise<Comparison>;
  /** What this process counted. */
  report(): MigrationReport;
  /**
   * `moving` at 100 % → `leaving`: the new store serves alone, and the old one still hears of all that makes values invalid, so that there
   * is a way back.
   *
   * @throws {@link MigrationError} `PERCENTAGE`, `PHASE`, `CONFLICT`, `UNKNOWN`
   */
  leave(): Promise<void>;
  /**
   * `leaving` → `to`, after {@link Migration.leave} if that has not been done: the old store is not asked any more. There is no way back.
   *
   * @throws {@link MigrationError} `PERCENTAGE`, `PHASE`, `CONFLICT`, `UNKNOWN`
   */
  finish(): Promise<void>;
  /** Back to `from`, from wherever it is but `to`. @throws {@link MigrationError} `PHASE`, `CONFLICT`, `UNKNOWN` */
  rollBack(): Promise<void>;
  /** Listens to events of one type. @returns a function that takes the listener away again. */
  on<T extends keyof MigrationEvents>(type: T, listener: (event: MigrationEvents[T]) => void): () => void;
}

export interface OperatorParts {
  readonly clock: MigrationClock;
  readonly watch: PhaseWatch;
  readonly store: RecordStore;
  readonly sample: Sample;
  readonly tally: Tally;
  readonly on: Migration['on'];
  /** How long a phase lasts at least, in milliseconds. */
  readonly dwell: number;
}

const DEFAULT_SAMPLE = 1_000;
const BACK: Readonly<Partial<Record<MigrationPhase, MigrationPhase>>> = {
  leaving: 'moving',
  moving: 'joining',
  joining: 'from',
};

/** Carries an operator's orders out. */
export class Operator implements Migration {
  readonly #parts: OperatorParts;

  constructor(parts: OperatorParts) {
    this.#parts = parts;
  }

  get phase(): MigrationPhase | undefined {
    return this.#parts.watch.known?.record.phase;
  }

  get percentage(): number {
    return this.#parts.watch.known?.record.percentage ?? 0;
  }

  get on(): Migration['on'] {
    return this.#parts.on;
  }

  async refresh(): Promise<MigrationPhase> {
    return (await this.#look()).record.phase;
  }

  async start(): Promise<void> {
    if ((await this.refresh()) === 'from') {
      if (await this.#parts.store.areOne(randomUUID())) {
        throw new MigrationError('ERR_TIERWISE_MIGRATION_SAME_STORE', 'from and to are one and the same store');
      }
      await this.#step('from', { phase: 'joining', run: randomUUID(), percentage: 0 });
    }
    if (this.phase === 'joining') await this.#step('joining', { phase: 'moving', percentage: 0 });
    this.#mustBe('moving');
  }

  async setPercentage(percentage: number): Promise<void> {
    if (!isPercentage(percentage)) {
      throw new MigrationError('ERR_TIERWISE_MIGRATION_PERCENTAGE', `a percentage is 0 to 100, not ${percentage}`);
    }
    await this.refresh();
    this.#mustBe('moving');
    if (this.percentage !== percentage) await this.#step('moving', { percentage });
  }

  async compare({ sample = DEFAULT_SAMPLE }: { readonly sample?: number } = {}): Promise<Comparison> {
    await this.refresh();
    this.#mustBe('moving');
    return this.#parts.sample.compare(sample);
  }

  report(): MigrationReport {
    return this.#parts.tally.report();
  }

  async leave(): Promise<void> {
    if ((await this.refresh()) === 'moving') {
      if (this.percentage < 100) {
        throw new MigrationError(
          'ERR_TIERWISE_MIGRATION_PERCENTAGE',
          `the old store is left at 100 %, not at ${this.percentage} %`,
        );
      }
      await this.#step('moving', { phase: 'leaving' });
    }
    this.#mustBe('leaving');
  }

  async finish(): Promise<void> {
    if ((await this.refresh()) === 'moving') await this.leave();
    if (this.phase === 'leaving') await this.#step('leaving', { phase: 'to' });
    this.#mustBe('to');
    // Whoever starts when the old store has gone has nothing else to go by.
    await this.#parts.store.copy((await this.#look()).record);
  }

  async rollBack(): Promise<void> {
    await this.refresh();
    for (let { phase } = this; phase !== undefined && phase !== 'from'; phase = this.phase) {
      const before = BACK[phase];
      if (before === undefined) this.#mustBe('moving');
      else await this.#step(phase, { phase: before, ...(before === 'from' ? { percentage: 0 } : {}) });
    }
  }

  /**
   * One change of the record. Another phase begins only when the record has stood unchanged for so long that nobody acts upon an earlier one any more, as far as this
   * process saw it: if it was lost and put back meanwhile, somebody may have gone by an older one.
   */
  async #step(expected: MigrationPhase, change: Partial<MigrationRecord>): Promise<void> {
    const { clock, watch, dwell, store } = this.#parts;
    for (;;) {
      const { record, since } = await this.#look();
      if (record.phase !== expected) {
        throw new MigrationError(
          'ERR_TIERWISE_MIGRATION_CONFLICT',
          `somebody else moved the migration on: it is ${record.phase}, not ${expected}`,
        );
      }
      const isPhase = change.phase !== undefined && change.phase !== expected;
      const leftMs = isPhase ? since + dwell - clock.now() : 0;
      if (leftMs > 0) {
        await pauseAwake(clock, leftMs);
        continue;
      }
      const next = { ...record, ...change, epoch: record.epoch + 1 };
      if (await watch.publish(next)) {
        // Two copies are harder to lose. That of `to` is seen to by `finish`.
        await store.copy(next).catch(() => {});
        return;
      }
      // It was changed, or is being changed right now.
      await pauseAwake(clock, 1);
    }
  }

  async #look(): Promise<Known> {
    const { watch } = this.#parts;
    const isKnown = await watch.ask();
    if (isKnown && watch.known !== undefined) return watch.known;
    throw new MigrationError(
      'ERR_TIERWISE_MIGRATION_UNKNOWN',
      'the phase of the migration is not known right now: the old store does not answer, or holds what cannot be read',
    );
  }

  #mustBe(phase: MigrationPhase): void {
    if (this.phase === phase) return;
    throw new MigrationError(
      'ERR_TIERWISE_MIGRATION_PHASE',
      this.phase === 'to'
        ? 'the migration is finished'
        : `the migration is ${this.phase}, and would have to be ${phase}`,
    );
  }
}
