const MAX_TEXT = 200;
/** How much of a longer one is looked at at all. */
const MAX_LOOKED_AT = 10_000;

/** What somebody else's code threw, in words, bounded, without the passwords of URLs. Never throws, though anything can be thrown: symbols, objects without a prototype. */
export function textOf(error: unknown): string {
  let text: string;
  try {
    text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  } catch {
    text = `something that cannot be shown (${typeof error})`;
  }
  // Cut only at the end: half a password is one, too.
  text = text.slice(0, MAX_LOOKED_AT).replace(/(\w:\/\/)\S*@/g, '$1***@');
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}
