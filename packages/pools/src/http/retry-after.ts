/**
 * The header `Retry-After` (RFC 9110, 10.2.3), in milliseconds from now.
 *
 * @param wallClock - milliseconds since 1970, for the form that names a date.
 * @returns `undefined` if there is none, or none that makes sense.
 */
export function retryAfterMs(header: string | string[] | undefined, wallClock: () => number): number | undefined {
  if (typeof header !== 'string') return undefined;
  if (/^\s*\d+\s*$/.test(header)) return Number(header) * 1_000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - wallClock());
}
