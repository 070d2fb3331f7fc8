import {
  checkNames,
  type L2,
  type L2CallOptions,
  L2ClosedError,
  type L2Feed,
  type L2Health,
  type L2Host,
  L2InUseError,
  type L2Leases,
  type L2Life,
  type L2LogicalTime,
  type L2Read,
  type L2Write,
  type L2Written,
} from '@tierwise/l2';
import { Calls } from './calls.js';
import { Entries } from './entries.js';
import { FeedOfBoth } from './feed.js';
import { Fills } from './fills.js';
import { healthOf } from './health.js';
import { LeasePairs } from './lease-pairs.js';
import { Leases } from './leases.js';
import { Listeners } from './listeners.js';
import { LogicalTime } from './logical-time.js';
import { type Migration, Operator } from './migration.js';
import { type MigrateL2Options, type Settings, settingsOf } from './options.js';
import type { Side } from './phase.js';
import { PhaseWatch } from './phase-watch.js';
import { Preparation } from './prepare.js';
import type { MigrationRecord } from './record.js';
import { RecordStore } from './record-store.js';
import { Sample } from './sample.js';
import { Tally } from './tally.js';

/** An L2 that is on its way from one store to another. */
export interface MigratingL2 extends L2 {
  /** How the way is operated. */
  readonly migration: Migration;
}

/**
 * A second tier that moves a running cluster from one store to another: it serves from the old one, writes to both, compares a sample,
 * moves over by percentage at run time, and finishes or rolls back, with all laws kept on the way.
 *
 * It has the capabilities that both stores have, but for replay and transactions, which belong to one store's order of events.
 *
 * @throws {@link MigrationError} `OPTION`
 */
export function migrateL2(options: MigrateL2Options): MigratingL2 {
  return new Migrating(settingsOf(options));
}

/** Wires the parts. */
class Migrating implements MigratingL2 {
  readonly name: string;
  readonly migration: Migration;
  readonly leases?: L2Leases;
  readonly time?: L2LogicalTime;
  readonly feed?: L2Feed;
  readonly #stores: Readonly<Record<Side, L2>>;
  readonly #clock: Settings['clock'];
  readonly #listeners = new Listeners();
  readonly #store: RecordStore;
  readonly #watch: PhaseWatch;
  readonly #calls: Calls;
  readonly #entries: Entries;
  #feed: FeedOfBoth | undefined;
  #closing: Promise<void> | undefined;

  constructor(settings: Settings) {
    const { from, to, clock } = settings;
    this.name = `migration:${from.name}>${to.name}`;
    const backend = this.name;
    const stores = { from, to };
    this.#stores = stores;
    this.#clock = clock;
    this.#store = new RecordStore(stores, settings.id);
    this.#watch = new PhaseWatch(
      backend,
      settings,
      this.#store,
      (record, isFirst) => this.#changed(record, isFirst),
      () => this.#feed?.refresh(),
    );
    const preparation = new Preparation(stores, this.#store);
    this.#calls = new Calls({
      ...{ backend, clock, limitMs: settings.callTimeout, watch: this.#watch },
      prepare: (namespace, record) => preparation.prepare(namespace, record),
    });
    const tally = new Tally((side, error) => this.#listeners.emit('failure', { side, error }));
    const sample = new Sample({
      ...{ stores, clock, random: settings.random, share: settings.compareShare, tally },
      onDifference: (difference) => this.#listeners.emit('difference', difference),
    });
    const pairs = new LeasePairs(clock);
    const calls = this.#calls;
    const fills = new Fills({ backend, stores, pairs, tally });
    this.#entries = new Entries({ backend, stores, calls, fills, sample, tally });
    if (from.leases && to.leases) this.leases = new Leases({ backend, stores, calls, pairs });
    if (from.time && to.time) this.time = new LogicalTime({ backend, stores, calls, preparation, tally });
    if (from.feed && to.feed) this.feed = { follow: (namespace, options) => this.#follow(namespace, options) };
    this.#meet = (namespace, generation) => preparation.meet(namespace, generation);
    this.migration = new Operator({
      ...{ clock, watch: this.#watch, store: this.#store, sample, tally, dwell: settings.dwell },
      on: (type, listener) => this.#listeners.on(type, listener),
    });
  }

  readonly #meet: (namespace: string, generation: number) => void;

  async open(host: L2Host): Promise<void> {
    if (this.#calls.isClosed) throw new L2ClosedError(this.name);
    if (this.#feed !== undefined) throw new L2InUseError(this.name);
    const feed = new FeedOfBoth({
      host,
      phase: () => ({ record: this.#watch.known?.record, isTrusted: this.#watch.isTrusted }),
      follow: async (side, namespace) => this.#stores[side].feed?.follow(namespace),
      clock: this.#clock,
      onRecordNews: () => void this.#watch.ask(),
      onGeneration: this.#meet,
      recordNamespace: this.#store.namespace,
    });
    this.#feed = feed;
    const opening = (['from', 'to'] as const).map((side) => this.#openStore(side, feed));
    const [old] = await Promise.allSettled(opening);
    const isKnown = await this.#watch.start();
    this.#calls.open();
    // The new store may be away, or the old one, as long as the phase does not need it: calls that do say so.
    if (!isKnown && old?.status === 'rejected') throw old.reason;
    if (!isKnown) await this.#watch.current();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#calls.close();
    this.#watch.close();
    this.#feed?.close();
    await Promise.all([this.#stores.from.close(), this.#stores.to.close()]);
  }

  read(namespace: string, keys: readonly string[], options?: L2CallOptions): Promise<L2Read[]> {
    return this.#entries.read(namespace, keys, options);
  }

  write(namespace: string, entries: readonly L2Write[], options?: L2CallOptions): Promise<L2Written[]> {
    return this.#entries.write(namespace, entries, options);
  }

  delete(namespace: string, keys: readonly string[], options?: L2CallOptions): Promise<boolean[]> {
    return this.#entries.delete(namespace, keys, options);
  }

  expire(namespace: string, keys: readonly string[], options?: L2CallOptions): Promise<boolean[]> {
    return this.#entries.expire(namespace, keys, options);
  }

  touch(namespace: string, keys: readonly string[], life: L2Life, options?: L2CallOptions): Promise<boolean[]> {
    return this.#entries.touch(namespace, keys, life, options);
  }

  purge(namespace: string, options?: L2CallOptions): Promise<number> {
    return this.#entries.purge(namespace, options);
  }

  health(options?: L2CallOptions): Promise<L2Health> {
    const feed = this.feed && (this.#feed?.state ?? 'deaf');
    const record = this.#calls.isOpen && this.#watch.isTrusted ? this.#watch.known?.record : undefined;
    return healthOf(this.#stores, record, feed, this.#clock, options);
  }

  async #openStore(side: Side, feed: FeedOfBoth): Promise<void> {
    const store = this.#stores[side];
    await store.open(feed.hostOf(side));
    // So that a change of the phase is heard of at once, rather than when it is asked for next.
    await store.feed?.follow(this.#store.namespace).catch(() => {});
  }

  async #follow(namespace: string, options: L2CallOptions | undefined): Promise<void> {
    this.#calls.enter(options);
    checkNames(this.name, 'namespace', [namespace]);
    await this.#calls.run('follow', namespace, options, async ({ duties }) => this.#feed?.follow(namespace, duties));
  }

  #changed(record: MigrationRecord, isFirst: boolean): void {
    const { phase, percentage } = record;
    if (!isFirst) this.#feed?.changed(record);
    this.#listeners.emit('phase', { phase, percentage });
  }
}
