import type { Journal, JournalEntry, JournalHost, JournalRecord } from '../src/index.js';

/** What is on the disk of a {@link JournalDouble}, and so outlives it. */
export interface Disk {
  entries: JournalEntry[];
  lastNumber: number;
}

/** A journal in memory, for tests: what is on `disk` is there for the next one. */
export class JournalDouble implements Journal {
  readonly disk: Disk;
  host: JournalHost | undefined;
  closed = false;

  constructor(disk: Disk = { entries: [], lastNumber: 0 }) {
    this.disk = disk;
  }

  get ops(): string[] {
    return this.disk.entries.map(
      ({ record }) => `${record.op} ${record.op === 'invalidate' ? record.tags : record.key}`,
    );
  }

  async open(host: JournalHost): Promise<readonly JournalEntry[]> {
    this.host = host;
    return [...this.disk.entries];
  }

  async append(records: readonly JournalRecord[]): Promise<readonly number[]> {
    return records.map((record) => {
      this.disk.lastNumber += 1;
      this.disk.entries.push({ number: this.disk.lastNumber, record });
      return this.disk.lastNumber;
    });
  }

  settle(numbers: readonly number[]): void {
    this.disk.entries = this.disk.entries.filter(({ number }) => !numbers.includes(number));
  }

  stats() {
    return { records: this.disk.entries.length, inMemory: 0, bytes: 0, segments: 1, dropped: 0 };
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}
