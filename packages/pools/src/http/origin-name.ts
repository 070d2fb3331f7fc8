/** An origin as undici's callers may write it, in one spelling. */
export function originName(origin: string | URL | undefined): string {
  return origin instanceof URL ? origin.origin : String(origin);
}
