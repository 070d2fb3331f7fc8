import type { L2MarkMode } from '@tierwise/l2';
import type { Clock } from './clock.js';
import type { Correlation } from './correlation.js';
import type { Events } from './events.js';
import type { Journal, JournalEntry, JournalRecord, JournalStats, JournalTrouble } from './journal.js';
import { type KeyOrder, Pending, type PendingKey, type PendingMark, type Ticket } from './pending.js';

/** Keys and invalidations that are kept at the most. Beyond, the fullest namespace's become one `clear` of it. */
const MAX_ITEMS = 10_000;
/** Bytes of values that are kept at the most. Beyond, the oldest become deletions. */
const MAX_BYTES = 64 * 1024 * 1024;

export interface OutboxOptions {
  /** What survives the process. Without one, what is pending is in memory only. */
  readonly journal: Journal | undefined;
  readonly clock: Clock;
  /** This machine's wall clock, in milliseconds: all that an earlier process' records can be compared with. */
  readonly wallNow: () => number;
  readonly events: Events;
  readonly correlation: Correlation;
  /** Whether values are sent later on; else their keys' deletions are. */
  readonly keepsValues: boolean;
  /** Whether L2 has logical time. Else nothing tells what was in a namespace before it is cleared from what came after. */
  readonly hasTime: boolean;
  /** Hears that there is something to be sent. */
  readonly onWork: () => void;
  /** Hears which invalidations this node has to apply by itself until L2 has them. */
  readonly onMarks: (namespace: string, tags: readonly string[] | null, mode: L2MarkMode) => void;
  readonly maxItems?: number;
  readonly maxBytes?: number;
}

/** What L2 has yet to be told. */
export interface OutboxStats {
  /** Keys and invalidations. */
  readonly items: number;
  /** Bytes of the values among them. */
  readonly bytes: number;
  /** Of the journal; `undefined` without one. */
  readonly journal: JournalStats | undefined;
}

/**
 * The orders that could not reach L2 (law 7): kept in memory, bounded, and in the journal if there is one. When they are sent is the
 * matter of `recovery.ts`, how, that of `replay.ts`.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  #pending = new Pending();
  #opened: Promise<void> | undefined;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  get pending(): Pending {
    return this.#pending;
  }

  /** Reads what earlier processes left. To be awaited before L2 is believed. Never rejects. */
  open(): Promise<void> {
    this.#opened ??= this.#open();
    return this.#opened;
  }

  /** Whether L2 does not know the latest of a key, so that nothing may be read from it or filled into it, nor overtake what is pending. */
  isPending(namespace: string, key: string): boolean {
    if (this.#pending.has(namespace, key)) return true;
    return !this.#options.hasTime && this.#pending.hasMarks(namespace);
  }

  /** Takes orders in. They count at once. @returns a promise for their being in the journal. */
  defer(namespace: string, orders: readonly KeyOrder[]): Promise<void> {
    const clearing = this.#pending.clearingOf(namespace);
    // As safe as what it is covered by.
    if (clearing !== undefined) return clearing.ticket.written ?? Promise.resolve();
    const { keepsValues, correlation } = this.#options;
    const correlationId = correlation.current();
    const records: JournalRecord[] = [];
    const tickets: Ticket[] = [];
    const replaced: Ticket[] = [];
    for (const order of orders) {
      const ticket: Ticket = { open: 1 };
      const value = keepsValues ? order.value : undefined;
      const before = this.#pending.addKey(namespace, { ...order, value, correlationId }, ticket);
      if (before !== undefined) replaced.push(before);
      tickets.push(ticket);
      records.push(this.#recordOf(namespace, order.key));
    }
    const written = this.#write(records, tickets, replaced);
    this.#keepBounds();
    this.#options.onWork();
    return written;
  }

  /** As {@link Outbox.defer}, for an invalidation of tags or, with `null`, of the namespace. */
  deferMarks(namespace: string, tags: readonly string[] | null, mode: L2MarkMode): Promise<void> {
    const ticket: Ticket = { open: tags?.length ?? 1 };
    const correlationId = this.#options.correlation.current();
    const replaced = this.#pending.addMarks(namespace, tags, mode, ticket, correlationId);
    this.#options.onMarks(namespace, tags, mode);
    const at = this.#options.wallNow();
    const written = this.#write([{ op: 'invalidate', namespace, tags, mode, at }], [ticket], replaced);
    this.#keepBounds();
    this.#options.onWork();
    return written;
  }

  /** A namespace is opened: hears what is pending of it. */
  introduce(namespace: string, hear: (tags: readonly string[] | null, mode: L2MarkMode) => void): void {
    const marks = this.#pending.namespaces.get(namespace)?.marks;
    for (const { tag, mode } of marks?.values() ?? []) hear(tag === null ? null : [tag], mode);
  }

  /** L2 has it. @returns whether nothing newer is pending for the same. */
  doneKey(namespace: string, item: PendingKey): boolean {
    const done = this.#pending.doneKey(namespace, item);
    if (done) this.#settle([item.ticket]);
    return done;
  }

  doneMark(namespace: string, item: PendingMark): boolean {
    const done = this.#pending.doneMark(namespace, item);
    if (done) this.#settle([item.ticket]);
    return done;
  }

  stats(): OutboxStats {
    const { size, bytes } = this.#pending;
    return { items: size, bytes, journal: this.#options.journal?.stats() };
  }

  async close(): Promise<void> {
    await this.#options.journal?.close();
  }

  async #open(): Promise<void> {
    const { journal } = this.#options;
    if (journal === undefined) return;
    this.#putFirst(await journal.open({ onTrouble: (trouble) => this.#onTrouble(trouble) }));
  }

  /** What earlier processes left is older than all that is pending. */
  #putFirst(entries: readonly JournalEntry[]): void {
    const later = this.#pending;
    this.#pending = new Pending();
    for (const entry of entries) this.#takeUp(entry, { open: 1, number: entry.number });
    for (const [namespace, { keys, marks }] of later.namespaces) {
      for (const { tag, mode, ticket, correlationId } of marks.values()) {
        const tags = tag === null ? null : [tag];
        this.#settle(this.#pending.addMarks(namespace, tags, mode, ticket, correlationId));
      }
      for (const item of keys.values()) {
        // What is on its way to L2 right now is sent once more, and may arrive twice.
        const inDoubt = item.inDoubt || (item.op === 'set' && item.sending);
        const before = this.#pending.addKey(namespace, { ...item, inDoubt }, item.ticket);
        if (before !== undefined) this.#settle([before]);
      }
    }
    this.#keepBounds();
    if (this.#pending.size > 0) this.#options.onWork();
  }

  /** A record of an earlier process, or one that the journal gives up. */
  #takeUp({ record }: JournalEntry, ticket: Ticket): void {
    const { namespace } = record;
    if (record.op === 'invalidate') {
      const { tags, mode } = record;
      ticket.open = tags?.length ?? 1;
      this.#settle(this.#pending.addMarks(namespace, tags, mode, ticket));
      this.#options.onMarks(namespace, tags, mode);
      return;
    }
    if (this.#pending.clearingOf(namespace) !== undefined) {
      this.#settle([ticket]);
      return;
    }
    const before = this.#pending.addKey(namespace, { ...this.#orderOf(record), inDoubt: false }, ticket);
    if (before !== undefined) this.#settle([before]);
  }

  #orderOf(record: Exclude<JournalRecord, { op: 'invalidate' }>): Omit<KeyOrder, 'inDoubt'> {
    const { op, key } = record;
    if (op !== 'set') return { op, key };
    const agoMs = this.#options.wallNow() - record.at;
    // A clock that was set back says nothing about how long ago it was: too long, then.
    if (agoMs < 0 || !this.#options.keepsValues) return { op: 'delete', key };
    const { bytes, freshMs, keepMs, since } = record;
    return { op, key, value: { bytes, freshMs, keepMs, since, at: this.#options.clock.now() - agoMs } };
  }

  /** What is pending for a key, as the journal keeps it. */
  #recordOf(namespace: string, key: string): JournalRecord {
    const at = this.#options.wallNow();
    const { op, value } = this.#pending.namespaces.get(namespace)?.keys.get(key) ?? { op: 'delete' as const };
    if (op !== 'set') return { op, namespace, key, at };
    if (value === undefined) return { op: 'delete', namespace, key, at };
    const { bytes, freshMs, keepMs, since } = value;
    return { op, namespace, key, bytes, freshMs, keepMs, since, at: at - (this.#options.clock.now() - value.at) };
  }

  /** @param replaced what is not needed any more as soon as these records are safe. */
  #write(records: readonly JournalRecord[], tickets: readonly Ticket[], replaced: readonly Ticket[]): Promise<void> {
    const written = this.#append(records, tickets, replaced);
    for (const ticket of tickets) ticket.written = written;
    return written;
  }

  async #append(records: readonly JournalRecord[], tickets: readonly Ticket[], replaced: readonly Ticket[]) {
    const { journal } = this.#options;
    if (journal === undefined) return;
    await this.open();
    const numbers = await journal.append(records);
    for (const [index, ticket] of tickets.entries()) {
      const number = numbers[index];
      if (number === undefined) continue;
      ticket.number = number;
      // Sent before it was written.
      if (ticket.open === 0) journal.settle([number]);
    }
    this.#settle(replaced);
  }

  #settle(tickets: readonly Ticket[]): void {
    const numbers: number[] = [];
    for (const ticket of tickets) {
      ticket.open -= 1;
      if (ticket.open === 0 && ticket.number !== undefined) numbers.push(ticket.number);
    }
    if (numbers.length > 0) this.#options.journal?.settle(numbers);
  }

  #keepBounds(): void {
    const { maxItems = MAX_ITEMS, maxBytes = MAX_BYTES, events } = this.#options;
    let values = 0;
    for (const [namespace, { keys }] of this.#pending.bytes > maxBytes ? this.#pending.namespaces : []) {
      for (const key of keys.keys()) {
        if (this.#pending.bytes <= maxBytes) break;
        this.#pending.giveValueUp(namespace, key);
        values += 1;
      }
    }
    if (values > 0 && events.wants('outbox')) events.emit({ type: 'outbox', what: 'values-given-up', keys: values });
    if (this.#pending.size <= maxItems) return;
    const sizeOf = ({ keys, marks }: { keys: { size: number }; marks: { size: number } }) => keys.size + marks.size;
    const [fullest] = [...this.#pending.namespaces].sort(([, a], [, b]) => sizeOf(b) - sizeOf(a));
    if (fullest === undefined) return;
    const [namespace, { keys }] = fullest;
    if (events.wants('outbox')) events.emit({ type: 'outbox', what: 'cleared', namespace, keys: keys.size });
    // Not waited for by anyone: until it is written, what it replaces is in the journal.
    void this.deferMarks(namespace, null, 'dead');
  }

  #onTrouble(trouble: JournalTrouble): void {
    const { events } = this.#options;
    if (events.wants('journal')) events.emit({ type: 'journal', trouble });
    if (trouble.type === 'recovered') this.#putFirst(trouble.entries ?? []);
    if (trouble.type !== 'dropped') return;
    for (const entry of trouble.entries) this.#rescue(entry);
    if (this.#pending.size > 0) this.#options.onWork();
  }

  /** What the journal gives up stays in memory, as far as it takes no room: values become deletions. */
  #rescue({ number, record }: JournalEntry): void {
    const { namespace } = record;
    const pending = this.#pending.namespaces.get(namespace);
    if (record.op === 'invalidate') {
      const known = (record.tags ?? [null]).every((tag) =>
        pending?.marks.has(tag === null ? record.mode : `${record.mode}:${tag}`),
      );
      if (!known) this.#takeUp({ number, record }, { open: 1 });
      return;
    }
    const item = pending?.keys.get(record.key);
    if (item === undefined) {
      const op = record.op === 'expire' ? 'expire' : 'delete';
      this.#takeUp({ number, record: { op, namespace, key: record.key, at: record.at } }, { open: 1 });
    } else if (item.op === 'set' && item.ticket.number === number) {
      this.#pending.giveValueUp(namespace, record.key);
    }
  }
}
