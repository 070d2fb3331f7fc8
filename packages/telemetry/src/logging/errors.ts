import type { Redaction } from '../redaction.js';

/** An error, as log lines show it: never the object itself, whose fields may hold keys and values. */
export interface LoggedError {
  readonly type: string;
  readonly code?: string;
  readonly message?: string;
  readonly cause?: LoggedError;
}

/** How many causes of causes are shown. */
const MAX_DEPTH = 3;

/** @param names keys that the message may speak of. */
export function loggedError(error: unknown, redaction: Redaction, names: readonly string[], depth = 0): LoggedError {
  if (!(error instanceof Error)) return { type: typeof error };
  const { code, key } = error as { code?: unknown; key?: unknown };
  const all = typeof key === 'string' ? [...names, key] : names;
  return {
    type: error.name,
    ...(typeof code === 'string' || typeof code === 'number' ? { code: String(code) } : {}),
    message: redaction.text(String(error.message), all),
    ...(error.cause instanceof Error && depth < MAX_DEPTH
      ? { cause: loggedError(error.cause, redaction, all, depth + 1) }
      : {}),
  };
}
