/** undici's codes for requests that cannot be sent, whoever they are for. */
const MISTAKES = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED', 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH']);

/**
 * Whether an error is of the caller's making: a request that cannot be sent, a body that fails while it is sent, a handler that throws. It says
 * nothing of the origin, and would come again. What the network and undici say has a code.
 */
export function isCallersMistake(error: Error): boolean {
  const code: unknown = Reflect.get(error, 'code');
  if (typeof code !== 'string') return error.name !== 'HTTPParserError';
  return MISTAKES.has(code);
}
