/** Where there is no terminal, progress is a line every so often (milliseconds). */
const PLAIN_MS = 2_000;
const LIVE_MS = 150;

/** Shows how far the work is: one line that changes on a terminal, a line now and then elsewhere. */
export class Progress {
  readonly #out: NodeJS.WriteStream;
  readonly #timer: NodeJS.Timeout;
  #line: () => string = () => '';
  #shown = '';

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
    this.#timer = setInterval(() => this.#show(), out.isTTY ? LIVE_MS : PLAIN_MS);
  }

  /** Goes over to another kind of line. */
  next(line: () => string): void {
    this.#line = line;
    this.#show();
  }

  /** Prints a line that stays. */
  print(line: string): void {
    this.#out.write(`${this.#out.isTTY ? '\r\x1b[K' : ''}${line}\n`);
  }

  end(): void {
    clearInterval(this.#timer);
    if (this.#out.isTTY) this.#out.write('\r\x1b[K');
  }

  #show(): void {
    const line = this.#line();
    if (line === this.#shown) return;
    this.#shown = line;
    if (this.#out.isTTY) this.#out.write(`\r\x1b[K${line.slice(0, (this.#out.columns ?? 80) - 1)}`);
    else this.#out.write(`${line}\n`);
  }
}

/** A bar of 10 characters. */
export function bar(share: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * 10);
  return '━'.repeat(full) + '╌'.repeat(10 - full);
}
