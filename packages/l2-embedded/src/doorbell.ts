import { type FSWatcher, watch } from 'node:fs';

/**
 * Wakes a process when another one has committed, without asking again and again.
 *
 * Every commit of LMDB is a `pwrite` to its data file, and inotify rings for each of them in the kernel: also for a
 * writer that is killed right afterwards. The bell may ring microseconds before the commit is visible, so that it is
 * answered twice more,
 * {@link RECHECK_MS} after the last ring.
 *
 * A bell is not believed in before it has rung once (the node that opens a store commits something, so that a bell that
 * works rings at once); until then, where there is none, and on systems whose bell is not known to ring for every
 * write, the store is looked at in intervals.
 */
export interface DoorbellOptions {
  /** The file that every commit writes to. */
  readonly file: string;
  /** Looks whether there is news. Called from events of its own, never from within a call. */
  readonly onRing: () => void;
  /** How often to look where nothing rings, in milliseconds. */
  readonly pollInterval: number;
  /** Replaced in tests. */
  readonly watchFile?: WatchFile | undefined;
  /** Replaced in tests. */
  readonly platform?: NodeJS.Platform | undefined;
}

/** As `fs.watch`. */
type WatchFile = (file: string, options: { persistent: false }, onChange: () => void) => FSWatcher;

/**
 * How long after a ring, and then after that, to look again, in milliseconds: the second is for a writer that lost the
 * processor.
 */
const RECHECK_MS = [2, 50] as const;

export class Doorbell {
  readonly #options: DoorbellOptions;
  #watcher: FSWatcher | undefined;
  #poll: NodeJS.Timeout | undefined;
  #recheck: NodeJS.Timeout | undefined;

  constructor(options: DoorbellOptions) {
    this.#options = options;
    this.#startPolling();
    try {
      const watchFile: WatchFile = options.watchFile ?? watch;
      this.#watcher = watchFile(options.file, { persistent: false }, () => this.#rung());
      this.#watcher.on('error', () => this.#loseWatcher());
    } catch {
      // No inotify left (EMFILE, ENOSPC), or none at all: polling goes on.
    }
  }

  /** Whether the store is looked at in intervals. */
  get polls(): boolean {
    return this.#poll !== undefined;
  }

  close(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    clearInterval(this.#poll);
    this.#poll = undefined;
    clearTimeout(this.#recheck);
    this.#recheck = undefined;
  }

  #rung(): void {
    if (this.#watcher === undefined) return;
    if ((this.#options.platform ?? process.platform) === 'linux') {
      clearInterval(this.#poll);
      this.#poll = undefined;
    }
    this.#options.onRing();
    this.#lookAgain(0);
  }

  #lookAgain(stage: number): void {
    const delay = RECHECK_MS[stage];
    clearTimeout(this.#recheck);
    if (delay === undefined) return;
    this.#recheck = setTimeout(() => {
      this.#options.onRing();
      this.#lookAgain(stage + 1);
    }, delay).unref();
  }

  #loseWatcher(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#startPolling();
  }

  #startPolling(): void {
    this.#poll ??= setInterval(() => this.#options.onRing(), this.#options.pollInterval).unref();
  }
}
