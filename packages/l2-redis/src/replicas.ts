import { L2UnavailableError } from '@tierwise/l2';
import type { Redis } from 'ioredis';
import { NAME } from './name.js';
import type { WaitReplicasOptions } from './place-options.js';
import { DELETE } from './scripts/delete.js';
import { EXPIRE } from './scripts/expire.js';
import { ADVANCE } from './scripts/logical-time.js';
import { REPLAY } from './scripts/replay.js';
import type { Script } from './scripts/script.js';
import { COMMIT } from './scripts/transaction.js';
import { WRITE } from './scripts/write.js';

/** What must not be lost. A lost lease costs a load, and a lost touch an early end. */
const LASTING: ReadonlySet<Script> = new Set([WRITE, DELETE, EXPIRE, ADVANCE, REPLAY, COMMIT]);

/**
 * Has writes wait for replicas, by `WAIT`. What was sent over one connection in one turn of the event loop shares one, since Redis
 * lets a connection wait for all that came before.
 */
export class Replicas {
  readonly #client: Redis;
  readonly #options: WaitReplicasOptions;
  #scheduled: Promise<void> | undefined;

  constructor(client: Redis, options: WaitReplicasOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** Resolves with the answer of a script that was just sent, when as many replicas as wanted have it. */
  async have<T>(script: Script, answer: Promise<T>): Promise<T> {
    if (!LASTING.has(script)) return answer;
    const [value] = await Promise.all([answer, this.#wait()]);
    return value;
  }

  #wait(): Promise<void> {
    this.#scheduled ??= new Promise<void>((resolve, reject) => {
      process.nextTick(() => {
        this.#scheduled = undefined;
        this.#ask().then(resolve, reject);
      });
    });
    return this.#scheduled;
  }

  async #ask(): Promise<void> {
    const { count, timeoutMs } = this.#options;
    const reached = await this.#client.wait(count, timeoutMs);
    if (reached < count) {
      throw new L2UnavailableError(NAME, `only ${reached} of ${count} replicas had it within ${timeoutMs} ms`);
    }
  }
}
