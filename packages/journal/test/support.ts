import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Journal, JournalEntry, JournalRecord, JournalTrouble } from '@tierwise/hierarchy';
import { onTestFinished } from 'vitest';

/** A directory that is gone after the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'tierwise-journal-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export function deletion(key: string, at = 1): JournalRecord {
  return { op: 'delete', namespace: 'n', key, at };
}

export function setting(key: string, bytes: Uint8Array, at = 1): JournalRecord {
  return { op: 'set', namespace: 'n', key, bytes, freshMs: 1_000, keepMs: 2_000, since: 'moment', at };
}

/** The keys of entries, in order. */
export function keysOf(entries: readonly JournalEntry[]): readonly string[] {
  return entries.map(({ record }) => ('key' in record ? record.key : `tags ${record.tags}`));
}

/** A host that remembers, and can be waited for. */
export class RecordingHost {
  readonly troubles: JournalTrouble[] = [];
  readonly #waiting = new Set<() => void>();

  readonly onTrouble = (trouble: JournalTrouble): void => {
    this.troubles.push(trouble);
    for (const check of this.#waiting) check();
  };

  get types(): readonly string[] {
    return this.troubles.map((trouble) => trouble.type);
  }

  of<T extends JournalTrouble['type']>(type: T): readonly (JournalTrouble & { readonly type: T })[] {
    return this.troubles.filter((trouble): trouble is JournalTrouble & { readonly type: T } => trouble.type === type);
  }

  /** All that was given up, in order. */
  get dropped(): readonly JournalEntry[] {
    return this.of('dropped').flatMap((trouble) => trouble.entries);
  }

  /** Resolves when it has heard of that. */
  heard(type: JournalTrouble['type']): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (!this.types.includes(type)) return;
        this.#waiting.delete(check);
        resolve();
      };
      this.#waiting.add(check);
      check();
    });
  }
}

/** Opens it, and closes it after the test at the latest. */
export async function opened(
  journal: Journal,
): Promise<{ readonly journal: Journal; readonly host: RecordingHost; readonly found: readonly JournalEntry[] }> {
  const host = new RecordingHost();
  onTestFinished(() => journal.close());
  return { journal, host, found: await journal.open(host) };
}
