import type { Core } from './core.js';
import { HierarchyClosedError, InvalidOptionError, SnapshotError } from './errors.js';
import { type SnapshotTaken, takeSnapshot } from './snapshot.js';
import { Changes, type SnapshotGuard } from './snapshot-changes.js';
import { collectGarbage } from './snapshot-file.js';
import { checkFile } from './snapshot-options.js';
import { restoreSnapshot, type SnapshotRestored } from './snapshot-restore.js';
import { beforeSigterm } from './snapshot-sigterm.js';
import type { Space } from './space.js';

/** Changed keys that a hierarchy without an L2 remembers, so that no file brings back what was there before them. */
const MAX_CHANGES = 10_000;

/** The snapshots of one hierarchy: taken and restored when asked, when it starts, and when the process is told to end. */
export class Snapshots {
  readonly #core: Core;
  readonly #openSpace: (name: string) => Space;
  readonly #started: Promise<void>;
  #writing: Promise<unknown> = Promise.resolve();
  #forget = () => {};
  #isRestoring = false;
  /** By file. */
  readonly #guards = new Map<string, SnapshotGuard>();
  /** Since the hierarchy was created. */
  readonly #changes: Changes;

  constructor(core: Core, openSpace: (name: string) => Space) {
    this.#core = core;
    this.#openSpace = openSpace;
    this.#changes = new Changes(core, MAX_CHANGES);
    const { file, onSigterm } = core.options.snapshot;
    if (onSigterm && file !== undefined) this.#forget = beforeSigterm(() => this.#takeAtEnd(file));
    this.#started = file === undefined ? Promise.resolve() : core.work.track(this.#start(file));
  }

  /** Resolves when what was to be restored at the start is. Never rejects. */
  get started(): Promise<void> {
    return this.#started;
  }

  /** One at a time: a second one to the same file must not be overtaken by the first. */
  take(file: string | undefined, signal: AbortSignal | undefined): Promise<SnapshotTaken> {
    const target = this.#fileOf(file);
    const taken = this.#writing.then(async () => {
      const { taken, guard } = await takeSnapshot(this.#core, target, signal);
      // The file that the former one guarded is no more.
      this.#guards.get(target)?.stop();
      for (const [other, former] of this.#guards) {
        if (!former.isOver) continue;
        former.stop();
        this.#guards.delete(other);
      }
      if (guard !== undefined) this.#guards.set(target, guard);
      return taken;
    });
    this.#writing = taken.catch(() => {});
    return this.#core.work.track(taken);
  }

  restore(file: string | undefined, signal: AbortSignal | undefined): Promise<SnapshotRestored> {
    const { ttlMs } = this.#core.options.snapshot;
    const target = this.#fileOf(file);
    // What this very process wrote, and nothing has changed since, is true up to now.
    const isTrue = this.#guards.get(target)?.isTrue === true || this.#changes.isEmpty;
    const changes = isTrue ? new Changes(this.#core) : this.#changes;
    const options = { openSpace: this.#openSpace, ttlMs, signal, changes };
    const restored = restoreSnapshot(this.#core, target, options).finally(() => {
      if (isTrue) changes.close();
    });
    return this.#core.work.track(restored.then((result) => this.#tell(result)));
  }

  #tell(result: SnapshotRestored): SnapshotRestored {
    const { events } = this.#core;
    if (events.wants('restored')) events.emit({ type: 'restored', result });
    return result;
  }

  /** Is not asked by SIGTERM any more. */
  close(): void {
    this.#changes.close();
    this.#forget();
  }

  #fileOf(file: string | undefined): string {
    const target = file ?? this.#core.options.snapshot.file;
    if (target === undefined) throw new InvalidOptionError('no file was named, and there is no option snapshot.file');
    checkFile(target);
    return target;
  }

  async #start(file: string): Promise<void> {
    const { restoreOnStart, ttlMs } = this.#core.options.snapshot;
    if (restoreOnStart) {
      this.#isRestoring = true;
      await this.restore(file, undefined).catch((error: unknown) => {
        const expected =
          error instanceof HierarchyClosedError ||
          (error instanceof SnapshotError && (error.reason === 'missing' || error.reason === 'expired'));
        if (!expected) warn(`was not restored: ${error}`);
      });
      this.#isRestoring = false;
    }
    await collectGarbage(file, ttlMs, Date.now());
  }

  async #takeAtEnd(file: string): Promise<void> {
    // What is there now is more than what has been restored of it so far.
    if (this.#isRestoring) return;
    await this.take(file, undefined).catch((error: unknown) => warn(`was not taken: ${error}`));
  }
}

function warn(what: string): void {
  process.emitWarning(`the snapshot of L1 ${what}`, { type: 'TierwiseWarning', code: 'TIERWISE_SNAPSHOT' });
}
