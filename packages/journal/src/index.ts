export { JournalError, type JournalErrorCode } from './errors.js';
export { fileJournal } from './file-journal.js';
export type { FileJournalOptions, FsyncPolicy } from './options.js';
