import { join } from 'node:path';
import { L2UnavailableError } from '@tierwise/l2';
import { open, type RootDatabase } from 'lmdb';
import type { Location } from './location.js';
import type { LogBounds } from './news-log.js';
import { NAME } from './options.js';
import { Tables } from './tables.js';
import { type Actor, Transaction } from './transaction.js';

/** A slot for each process and thread that reads at one moment; a slot takes 64 bytes of the lock file. */
const MAX_READERS = 1024;

/** The stores that are open in this process, or still closing, by real path. */
const stores = new Map<string, { readonly store: Store; users: number; closing: Promise<void> | undefined }>();

/**
 * Opens the store at a location, or joins those who have it open in this process. Two environments of one process on
 * one file would wait for each other's write lock for ever, so that all nodes of a process share one. Each caller calls
 * {@link releaseStore} once.
 *
 * @throws L2UnavailableError (as a rejection)
 */
export async function acquireStore(location: Location): Promise<Store> {
  const { path } = location;
  for (;;) {
    const known = stores.get(path);
    if (known === undefined) break;
    if (known.closing === undefined) {
      known.users += 1;
      return known.store;
    }
    await known.closing;
  }
  const store = new Store(location);
  stores.set(path, { store, users: 1, closing: undefined });
  return store;
}

/** Gives a store back; the last one to do so closes it. */
export async function releaseStore(store: Store): Promise<void> {
  const known = stores.get(store.path);
  if (known?.store !== store) return;
  known.users -= 1;
  if (known.users > 0) return;
  known.closing = store.close().finally(() => stores.delete(store.path));
  await known.closing;
}

/** One LMDB environment: snapshots to read, transactions to write. */
export class Store {
  readonly path: string;
  readonly #root: RootDatabase<Buffer, Buffer>;
  readonly #tables: Tables;

  /** To be used through {@link acquireStore}, but in tests. */
  constructor({ path, waitsForDisk }: Location, logBounds?: LogBounds) {
    this.path = path;
    try {
      this.#root = open<Buffer, Buffer>({
        path,
        noSubdir: false,
        encoding: 'binary',
        keyEncoding: 'binary',
        maxDbs: 16,
        maxReaders: MAX_READERS,
        overlappingSync: false,
        noSync: !waitsForDisk,
        // Otherwise the binding makes a promise that nobody can see, and whose rejection nobody can handle when a
        // commit fails.
        eventTurnBatching: false,
      });
    } catch (error) {
      throw unavailable('the store cannot be opened', error);
    }
    try {
      this.#tables = new Tables(this.#root, logBounds);
      this.read((tables) => tables.readCounters());
    } catch (error) {
      this.#root.close().catch(() => {});
      throw unavailable('the store cannot be opened', error);
    }
  }

  /** The file that every commit writes to, by whatever process. */
  get dataFile(): string {
    return join(this.path, 'data.mdb');
  }

  /** Reads from the newest snapshot. `look` must not wait. */
  read<T>(look: (tables: Tables) => T): T {
    try {
      // LMDB's binding keeps one snapshot for the rest of a turn of the event loop; other processes have gone on since.
      this.#root.resetReadTxn();
      return look(this.#tables);
    } catch (error) {
      throw unavailable('the store cannot be read', error);
    }
  }

  /**
   * Runs a deed in a write transaction, along with others of the same turn, and resolves once it is committed. It waits
   * for the lock off the event loop's thread: a process that froze in the middle of its own transaction costs the
   * others time limits, but not their event loops.
   */
  async write<T>(actor: Actor, deed: (txn: Transaction) => T): Promise<T> {
    try {
      let lastNumber = 0;
      const result = await this.#root.transaction(() => {
        const txn = new Transaction(this.#tables, actor);
        const answer = deed(txn);
        txn.finish();
        lastNumber = txn.counters.lastNumber;
        return answer;
      });
      actor.hear?.(lastNumber);
      return result;
    } catch (error) {
      throw unavailable('the store cannot be written', await reasonOf(error));
    }
  }

  /** Copies what is in use, as of one moment, into a file `data.mdb` in an empty folder. Off the event loop's thread. */
  async copyTo(folder: string): Promise<void> {
    await this.#root.backup(folder, true);
  }

  /** Resolves when the file is closed; waits for transactions that are under way. */
  async close(): Promise<void> {
    await this.#root.close();
  }
}

function unavailable(message: string, cause: unknown): L2UnavailableError {
  if (cause instanceof L2UnavailableError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new L2UnavailableError(NAME, `${message}: ${reason}`, { cause });
}

/** The binding hides the reason of a failed commit behind a promise, whose rejection must not go unhandled either. */
async function reasonOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error && 'commitError' in error)) return error;
  try {
    await error.commitError;
    return error;
  } catch (reason) {
    return reason;
  }
}
