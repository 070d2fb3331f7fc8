import { L2TimeoutError } from '@tierwise/l2';
import { NAME } from './options.js';

/** One call of the contract: it ends with its work, by its signal, or at its time limit, whichever is first. */
export class Call {
  #over = false;

  /** Throws once nobody waits for the call any more, so that work which has not begun does not begin. */
  check(): void {
    if (this.#over) throw new Error('the call is over');
  }

  /** Runs the work. What it does after the call has ended is nobody's concern, its rejection included. */
  async run<T>(
    operation: string,
    limitMs: number,
    signal: AbortSignal | undefined,
    work: (call: Call) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    let timer: NodeJS.Timeout | undefined;
    let abort: (() => void) | undefined;
    try {
      return await new Promise<T>((resolve, reject) => {
        timer = setTimeout(() => reject(new L2TimeoutError(NAME, operation, limitMs)), limitMs);
        abort = () => reject(signal?.reason);
        signal?.addEventListener('abort', abort, { once: true });
        work(this).then(resolve, reject);
      });
    } finally {
      this.#over = true;
      clearTimeout(timer);
      if (abort !== undefined) signal?.removeEventListener('abort', abort);
    }
  }
}
