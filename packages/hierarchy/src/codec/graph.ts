/**
 * The graph encoding: whatever the plain one cannot bring back, spelled out in arrays and primitives, so that all that is
 * asked of msgpackr is what every MessagePack library can do.
 *
 * A node is a primitive, or an array `[tag, …]`. Objects are numbered in the order in which they are first met, parents
 * before children; a second meeting is `[Tag.reference, number]`. That keeps cycles and shared references, and needs no
 * table.
 */
export const Tag = {
  /** `[tag, number]` of an object met before. */
  reference: 0,
  /** `[tag, element…]` */
  array: 1,
  /** `[tag, length, index, element, …]`: an array with holes. */
  sparseArray: 2,
  /** `[tag, key, value, …]` */
  object: 3,
  /** `[tag, key, value, …]`: an object without a prototype. */
  nullObject: 4,
  /** `[tag, key, value, …]` */
  map: 5,
  /** `[tag, element…]` */
  set: 6,
  /** `[tag, milliseconds since 1970]`, NaN for an invalid date. */
  date: 7,
  /** `[tag, bytes]` */
  buffer: 8,
  /** `[tag, index in TYPED_ARRAYS, bytes]` */
  typedArray: 9,
  /** `[tag, bytes]` */
  arrayBuffer: 10,
  /** `[tag, bytes]` */
  dataView: 11,
  /** `[tag, source, flags, lastIndex]` */
  regexp: 12,
  /** `[tag, class name, property, enumerable, value, …]` */
  error: 13,
  /** `[tag]` */
  negativeZero: 14,
  /** `[tag, UTF-16LE bytes]`: a string that UTF-8 cannot carry. */
  utf16: 15,
} as const;

/** A primitive, or `[tag, …]`. */
export type GraphNode = unknown;
