import { AsyncLocalStorage } from 'node:async_hooks';
import { type L2CallOptions, MAX_CORRELATION_LENGTH } from '@tierwise/l2';
import { textOf } from './error-text.js';
import { InvalidOptionError } from './errors.js';

/**
 * On whose account something is done: an id of a web request or a job, by which log lines of several nodes are found together. It goes with
 * the work into the background (refreshes, what is made up for after an outage), and with the feed to peers.
 */

/** What is known of the account that runs right now. `id: undefined`: it is known that there is none. */
const accounts = new AsyncLocalStorage<{ readonly id: string | undefined }>();

/**
 * Runs `work`, and all that comes of it, on the account of `id`.
 *
 * @param id whatever a client may have sent: what is no visible ASCII is replaced by `_`, what is beyond 64 characters is cut off.
 * `undefined` or `''`: on nobody's account.
 */
export function withCorrelationId<T>(id: string | undefined, work: () => T): T {
  return accounts.run({ id: cleaned(id) }, work);
}

/** How one hierarchy learns its correlation ids. */
export class Correlation {
  readonly #ask: (() => string | undefined) | undefined;
  #warned = false;

  /** @param ask the user's own source, for what runs outside of {@link withCorrelationId}. */
  constructor(ask: (() => string | undefined) | undefined) {
    this.#ask = ask;
  }

  /** On whose account the caller runs. Never throws. */
  current(): string | undefined {
    const account = accounts.getStore();
    return account === undefined ? this.#asked() : account.id;
  }

  /** For a call of L2 that the caller makes. */
  get callOptions(): L2CallOptions | undefined {
    return callOptions(this.current());
  }

  /** Runs `work` on the account of `id` and of nobody else: for what happens in somebody else's turn. */
  on<T>(id: string | undefined, work: () => T): T {
    // Where nobody has an id, there is none to be hidden, and no storage to be switched on.
    const isIdle = id === undefined && this.#ask === undefined && accounts.getStore() === undefined;
    return isIdle ? work() : accounts.run({ id }, work);
  }

  /**
   * Sends what was ordered on different accounts apart, since a command has one; but at once, so that an outage of many small orders
   * does not take long to make up for. Rejects when all have settled, if any did.
   */
  async eachAccount<T extends { readonly correlationId?: string | undefined }>(
    items: readonly T[],
    send: (items: readonly T[]) => Promise<void>,
  ): Promise<void> {
    const groups = new Map<string | undefined, T[]>();
    for (const item of items) {
      const group = groups.get(item.correlationId);
      if (group === undefined) groups.set(item.correlationId, [item]);
      else group.push(item);
    }
    const sent = [...groups].map(([id, group]) => this.on(id, () => send(group)));
    const failed = (await Promise.allSettled(sent)).find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  #asked(): string | undefined {
    if (this.#ask === undefined) return undefined;
    try {
      return cleaned(this.#ask());
    } catch (error) {
      if (!this.#warned) process.emitWarning(`the option correlationId threw: ${textOf(error)}`, 'TierwiseWarning');
      this.#warned = true;
      return undefined;
    }
  }
}

export function callOptions(correlationId: string | undefined): L2CallOptions | undefined {
  return correlationId === undefined ? undefined : { correlationId };
}

/** @throws {@link InvalidOptionError} */
export function checkCorrelationOption(ask: (() => string | undefined) | undefined): typeof ask {
  if (ask === undefined || typeof ask === 'function') return ask;
  throw new InvalidOptionError(`correlationId must be a function that answers an id or undefined, not ${typeof ask}`);
}

function cleaned(id: unknown): string | undefined {
  if (id === undefined || id === null || id === '') return undefined;
  return String(id)
    .slice(0, MAX_CORRELATION_LENGTH)
    .replace(/[^\x21-\x7e]/g, '_');
}
