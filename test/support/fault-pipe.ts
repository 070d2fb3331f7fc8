import type { Socket } from 'node:net';

/** What is to be done to bytes that pass. */
export type Fault =
  /** Each chunk is held back for so many milliseconds: a slow line if always the same, jitter if not. The order of bytes stays. */
  | { readonly kind: 'delay'; readonly ms: () => number }
  /** So many bytes pass in a second, and no more. */
  | { readonly kind: 'throttle'; readonly bytesPerSecond: number }
  /** One bit is turned in about one of so many bytes; with `only`, in occurrences of these alone. `random`: from 0 to below 1. */
  | { readonly kind: 'corrupt'; readonly oneIn: number; readonly random: () => number; readonly only?: Buffer }
  /** So many bytes of each connection still pass; then it is reset, in the middle of whatever it was saying. */
  | { readonly kind: 'cut'; readonly afterBytes: number }
  /** Nothing passes, and nothing says so: a black hole if in one direction, a cable pulled out if in both. */
  | { readonly kind: 'silence' };

/** In pieces of so many milliseconds a throttled chunk passes. */
const PIECE_MS = 20;

type Parcel = { readonly due: number } & ({ readonly chunk: Buffer } | { readonly end: 'finish' | 'reset' });

/** One direction of a connection through a proxy. Keeps the order of what passes, its end included. */
export class Pipe {
  readonly #to: Socket;
  readonly #faults: () => readonly Fault[];
  readonly #onCut: () => void;
  readonly #queue: Parcel[] = [];
  /** When the last parcel is due: none that comes after it is due earlier. */
  #lastDue = 0;
  #isSilent = false;
  #timer: NodeJS.Timeout | undefined;
  /** Bytes that may pass, by the fault that cuts. */
  readonly #left = new WeakMap<Fault, number>();

  /** @param onCut is called when a fault says that the connection is to be reset now. */
  constructor(to: Socket, faults: () => readonly Fault[], onCut: () => void) {
    this.#to = to;
    this.#faults = faults;
    this.#onCut = onCut;
    to.on('close', () => clearTimeout(this.#timer));
  }

  pass(chunk: Buffer): void {
    const faults = this.#faults();
    const delayMs = delayOf(faults);
    this.#isSilent ||= faults.some(({ kind }) => kind === 'silence');
    if (this.#isSilent) return;
    const cutAt = this.#cutAt(faults, chunk.length);
    let whole = chunk.subarray(0, cutAt);
    for (const fault of faults) if (fault.kind === 'corrupt') whole = corrupted(whole, fault);
    const bytesPerMs = faults.reduce(
      (least, fault) => (fault.kind === 'throttle' ? Math.min(least, fault.bytesPerSecond / 1_000) : least),
      Number.POSITIVE_INFINITY,
    );
    const pieceLength = Math.max(1, Math.min(whole.length, Math.floor(bytesPerMs * PIECE_MS)));
    for (let at = 0; at < whole.length; at += pieceLength) {
      const piece = whole.subarray(at, at + pieceLength);
      const begin = Math.max(this.#lastDue, performance.now() + delayMs);
      this.#post({ due: begin + piece.length / bytesPerMs, chunk: piece });
    }
    if (cutAt < chunk.length) this.#post({ due: this.#lastDue, end: 'reset' });
  }

  /** The sender says no more. */
  finish(): void {
    this.#end('finish');
  }

  /** The sender was reset. */
  break(): void {
    this.#end('reset');
  }

  #end(end: 'finish' | 'reset'): void {
    const faults = this.#faults();
    this.#isSilent ||= faults.some(({ kind }) => kind === 'silence');
    if (!this.#isSilent) this.#post({ due: Math.max(this.#lastDue, performance.now() + delayOf(faults)), end });
  }

  /** How many of the next bytes may pass. */
  #cutAt(faults: readonly Fault[], length: number): number {
    let least = length;
    for (const fault of faults) {
      if (fault.kind !== 'cut') continue;
      const left = this.#left.get(fault) ?? fault.afterBytes;
      this.#left.set(fault, Math.max(0, left - length));
      if (left <= length) least = Math.min(least, left);
    }
    return least;
  }

  #post(parcel: Parcel): void {
    if (this.#to.destroyed) return;
    this.#lastDue = parcel.due;
    this.#queue.push(parcel);
    if (this.#queue.length === 1) this.#deliver();
  }

  #deliver(): void {
    for (;;) {
      const [parcel] = this.#queue;
      if (parcel === undefined || this.#to.destroyed) return;
      const waitMs = parcel.due - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#deliver(), waitMs);
        return;
      }
      this.#queue.shift();
      if ('chunk' in parcel) this.#to.write(parcel.chunk);
      else if (parcel.end === 'finish') this.#to.end();
      else this.#onCut();
    }
  }
}

function delayOf(faults: readonly Fault[]): number {
  return faults.reduce((sum, fault) => sum + (fault.kind === 'delay' ? fault.ms() : 0), 0);
}

function corrupted(chunk: Buffer, { oneIn, random, only }: Extract<Fault, { kind: 'corrupt' }>): Buffer {
  const isMeant = (at: number) =>
    only === undefined || chunk.subarray(Math.max(0, at - only.length + 1), at + only.length).includes(only);
  return Buffer.from(
    chunk.map((byte, at) => (isMeant(at) && random() * oneIn < 1 ? byte ^ (1 << Math.floor(random() * 8)) : byte)),
  );
}
