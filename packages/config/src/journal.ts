import type { Journal } from '@tierwise/hierarchy';
import { importOptional } from './optional.js';
import type { TierwiseConfig } from './schema/index.js';
import { inPlainNumbers } from './units.js';

interface JournalPackage {
  fileJournal(options: object): Journal;
}

/** The journal that is configured: one on disk, `false` for none, `undefined` for the hierarchy's own, in memory. */
export async function journalOf(journal: TierwiseConfig['journal']): Promise<Journal | false | undefined> {
  if (journal === undefined || journal === false) return journal;
  const { enabled, memory, ...options } = journal;
  if (enabled === false || options.directory === undefined) return undefined;
  const { fileJournal } = await importOptional<JournalPackage>('@tierwise/journal', 'journal is configured', 'journal');
  return fileJournal({
    ...inPlainNumbers('journal', options),
    ...(memory && { memory: inPlainNumbers('journal.memory', memory) }),
  });
}
