/** Stable codes of a journal's errors, for programs. */
export type JournalErrorCode =
  | 'ERR_TIERWISE_INVALID_OPTION'
  | 'ERR_TIERWISE_JOURNAL_IN_USE'
  | 'ERR_TIERWISE_JOURNAL_GONE'
  | 'ERR_TIERWISE_JOURNAL_TIMEOUT';

/**
 * What goes wrong with a journal in files. Only a wrong option is ever thrown; the others are told to the host, as the
 * `error` of `failing`, just as the errors of the file system are.
 */
export class JournalError extends Error {
  readonly code: JournalErrorCode;

  constructor(code: JournalErrorCode, message: string) {
    super(message);
    this.name = 'JournalError';
    this.code = code;
  }
}

/** The `code` of an error of the system, such as `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
