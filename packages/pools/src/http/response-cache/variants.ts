import { digest } from './names.js';

/** Request headers, names in lower case. */
export type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** One of the responses kept for a URL: for which requests, and under which key. */
export interface Variant {
  readonly id: string;
  /** The request headers that decided, by the response's `Vary`. */
  readonly names: readonly string[];
  /** Of their values: those may be somebody's credentials. */
  readonly digest: string;
}

/** What is kept for a URL, the newest first. */
export interface Variants {
  readonly variants: readonly Variant[];
}

/** Of one URL. The oldest is forgotten first. */
const MAX_VARIANTS = 64;

export function variantOf(id: string, names: readonly string[], headers: Headers | undefined): Variant {
  const sorted = [...names].sort();
  return { id, names: sorted, digest: digestOf(sorted, headers) };
}

/** The variants that fit a request (RFC 9111, 4.1). */
export function fitting(index: Variants, headers: Headers | undefined): Variant[] {
  return index.variants.filter((variant) => variant.digest === digestOf(variant.names, headers));
}

/** `index` with one variant more, in the place of that which it replaces. */
export function withVariant(index: Variants | undefined, added: Variant): Variants {
  const others = (index?.variants ?? []).filter(
    ({ digest, names }) => digest !== added.digest || names.join() !== added.names.join(),
  );
  return { variants: [added, ...others].slice(0, MAX_VARIANTS) };
}

function digestOf(names: readonly string[], headers: Headers | undefined): string {
  return digest(JSON.stringify(names.map((name) => [name, headers?.[name] ?? null])));
}
