/** The number of seconds that a directive of a `Cache-Control` names. */
export function cacheControlOf(header: string | string[] | undefined, directive: string): number | undefined {
  if (header === undefined) return undefined;
  for (const part of String(header).split(',')) {
    const [name, value] = part.split('=', 2);
    if (name?.trim().toLowerCase() === directive && value !== undefined && /^\s*\d+\s*$/.test(value))
      return Number(value);
  }
  return undefined;
}
