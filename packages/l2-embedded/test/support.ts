import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { L2FeedState, L2Host, L2News } from '@tierwise/l2';
import { onTestFinished } from 'vitest';
import { noteOf } from '../src/deletions.js';
import { ENTRY, LEASE, MARK, NOTE } from '../src/expiry-index.js';
import { leaseGoneAt } from '../src/lease-table.js';
import { markGoneAt } from '../src/logical-time.js';
import { decodeRecord } from '../src/record.js';
import type { Store } from '../src/store.js';
import type { Table, Tables } from '../src/tables.js';

/** A directory that is removed after the test. */
export function temporaryDirectory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'tierwise-embedded-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** A clock that is moved by hand. */
export function handClock(start = 1_800_000_000_000) {
  let now = start;
  return {
    now: () => now,
    advance(ms: number) {
      now += ms;
    },
  };
}

/** A host that keeps what it hears. */
export function listeningHost(origin: string) {
  const news: L2News[] = [];
  const states: L2FeedState[] = [];
  const waiting = new Set<() => void>();
  const heard = () => {
    for (const check of waiting) check();
  };
  const host: L2Host = {
    origin,
    onNews(message) {
      news.push(message);
      heard();
    },
    onFeedState(state) {
      states.push(state);
      heard();
    },
  };
  /** Resolves as soon as the condition holds; asks after each piece of news. */
  const until = (condition: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const check = () => {
        if (!condition()) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      check();
    });
  return { ...host, news, states, until };
}

/** Everything that must add up in a store, whoever was killed when. Throws what does not. */
export function findContradictions(store: Store): string[] {
  return store.read((tables) => [
    ...contradictionsOfEntries(tables),
    ...contradictionsOfIndex(tables, 'lease', LEASE, tables.leases, leaseGoneAt),
    ...contradictionsOfIndex(tables, 'mark', MARK, tables.marks, markGoneAt),
    ...contradictionsOfNotes(tables),
    ...contradictionsOfLog(tables),
  ]);
}

function contradictionsOfEntries(tables: Tables): string[] {
  const found: string[] = [];
  const rows = new Map<string, number>();
  for (const row of tables.expiry.soonest(ENTRY, Number.MAX_SAFE_INTEGER, 1e9)) {
    const key = row.key.toString('hex');
    if (rows.has(key)) found.push(`entry ${key} has two rows`);
    rows.set(key, row.goneAt);
  }
  let bytes = 0;
  let entries = 0;
  for (const { key, value } of tables.entries.getRange({})) {
    bytes += key.length + value.length;
    entries += 1;
    const record = decodeRecord(value);
    const name = key.toString('hex');
    if ('damage' in record) found.push(`entry ${name} is damaged: ${record.damage}`);
    else if (rows.get(name) !== record.goneAt) found.push(`entry ${name} has no row at ${record.goneAt}`);
    rows.delete(name);
  }
  for (const key of rows.keys()) found.push(`a row without the entry ${key}`);
  const counters = tables.readCounters();
  if (counters.bytes !== bytes) found.push(`${counters.bytes} bytes are counted, there are ${bytes}`);
  if (counters.entries !== entries) found.push(`${counters.entries} entries are counted, there are ${entries}`);
  return found;
}

function contradictionsOfIndex(
  tables: Tables,
  what: string,
  kind: typeof LEASE | typeof MARK,
  table: Table,
  goneAtOf: (bytes: Buffer) => number,
): string[] {
  const first = new Map<string, number>();
  for (const row of tables.expiry.soonest(kind, Number.MAX_SAFE_INTEGER, 1e9)) {
    const key = row.key.toString('hex');
    first.set(key, Math.min(first.get(key) ?? row.goneAt, row.goneAt));
  }
  const found: string[] = [];
  for (const { key, value } of table.getRange({})) {
    const row = first.get(key.toString('hex'));
    if (row === undefined || row > goneAtOf(value)) found.push(`${what} ${key.toString('hex')} would never be swept`);
  }
  return found;
}

function contradictionsOfNotes(tables: Tables): string[] {
  const rows = tables.expiry.soonest(NOTE, Number.MAX_SAFE_INTEGER, 1e9);
  const found = rows.flatMap(({ key, goneAt }) =>
    noteOf(tables, key)?.goneAt === goneAt ? [] : [`a row at ${goneAt} without the note ${key.toString('hex')}`],
  );
  const notes = [...tables.deletions.getKeys({})].length;
  if (notes !== rows.length) found.push(`${notes} notes have ${rows.length} rows`);
  const counted = tables.readCounters().notes;
  if (counted !== notes) found.push(`${counted} notes are counted, there are ${notes}`);
  return found;
}

function contradictionsOfLog(tables: Tables): string[] {
  const { logFirst, logNext } = tables.readCounters();
  for (let number = logFirst; number < logNext; number++) {
    if (tables.log.read(number) === undefined) return [`message ${number} of the log is missing`];
  }
  return tables.log.read(logFirst - 1) === undefined ? [] : ['the log keeps more than it knows of'];
}
