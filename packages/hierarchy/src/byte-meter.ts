/** What values weighed at each step of one way, in bytes. */
export interface WayFigures {
  readonly values: number;
  /** Encoded. */
  readonly encoded: number;
  /** After compression; the same as encoded for those that it does not pay for. */
  readonly compressed: number;
  /** Of the compressed: what was sealed. 0 without encryption. */
  readonly encrypted: number;
  /** With header, and seal or checksum: what L2 holds. */
  readonly packed: number;
}

/** Written to L2, and read from it. Bytes that could not be read are not counted. */
export interface ByteFigures {
  readonly written: WayFigures;
  readonly read: WayFigures;
}

class Way implements WayFigures {
  values = 0;
  encoded = 0;
  compressed = 0;
  encrypted = 0;
  packed = 0;

  add(encoded: number, compressed: number, packed: number, isSealed: boolean): void {
    this.values += 1;
    this.encoded += encoded;
    this.compressed += compressed;
    if (isSealed) this.encrypted += compressed;
    this.packed += packed;
  }
}

/** Weighs values on their way to L2 and from it. */
export class ByteMeter {
  readonly written = new Way();
  readonly read = new Way();

  figures(): ByteFigures {
    return { written: { ...this.written }, read: { ...this.read } };
  }
}
