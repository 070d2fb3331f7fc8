const MAX_TEXT = 200;

/** What somebody else's code threw, in words, bounded. Never throws, though anything can be thrown: symbols, objects without a prototype. */
export function textOf(error: unknown): string {
  let text: string;
  try {
    text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  } catch {
    text = `something that cannot be shown (${typeof error})`;
  }
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}
