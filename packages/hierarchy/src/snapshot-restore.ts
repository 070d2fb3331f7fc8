import { unlink } from 'node:fs/promises';
import { untilAborted } from './abort.js';
import type { Core } from './core.js';
import { SnapshotError } from './errors.js';
import { checkKey, checkNamespace } from './names.js';
import { find } from './read.js';
import { hidesNames, openName } from './snapshot.js';
import type { Changes } from './snapshot-changes.js';
import { openSnapshot } from './snapshot-file.js';
import type { SnapshotHeader, SnapshotRecord } from './snapshot-format.js';
import type { Space } from './space.js';

/** What became of the entries of a snapshot. The counts add up to `total`. */
export interface SnapshotRestored {
  readonly file: string;
  readonly total: number;
  /** L1 has them now. */
  readonly restored: number;
  /** L1 had something newer under their keys already. */
  readonly held: number;
  /** Not restored, since they are no more: invalidated, expired, gone from L2, or L2 did not answer for them; or L1 had no room. */
  readonly gone: number;
  /** Not restored, since their bytes are damaged, or sealed with a key that is not there. */
  readonly damaged: number;
}

export interface RestoreOptions {
  readonly openSpace: (name: string) => Space;
  /** What is older is not restored, in milliseconds. */
  readonly ttlMs: number;
  readonly signal: AbortSignal | undefined;
  /** What was done on this node since the file was true: it is not undone. */
  readonly changes: Changes;
}

/** How many entries are under way at once: so many keys one read of L2 asks for. */
const BATCH = 256;

/**
 * Brings a snapshot back into L1, in its order of use.
 *
 * Nothing that was invalidated while no process was there to hear of it may come back to life. So with an L2 each key is read from L2, by
 * the very way of every other read (its flight, its fence, the marks of its tags): what L2 has now is what L1 gets, and where L2 has nothing or
 * does not answer, nothing is restored. Without an L2 nobody else can have invalidated anything: then the file's own values are used, as
 * much nearer to their end as time has passed, unless their keys or tags were touched on this node since; and the file is removed.
 */
export async function restoreSnapshot(core: Core, file: string, options: RestoreOptions): Promise<SnapshotRestored> {
  const { openSpace, signal, ttlMs, changes } = options;
  await core.codec.ready();
  signal?.throwIfAborted();
  const snapshot = await openSnapshot(file);
  try {
    const { header } = snapshot;
    checkOurs(core, file, header);
    const downMs = Date.now() - header.takenAt;
    if (downMs > ttlMs) throw new SnapshotError('expired', file, `it is older than ${ttlMs} ms`);
    if (!header.overL2) await consume(file);
    const restorer = new Restorer(core, openSpace, changes, downMs);
    const counts = { restored: 0, held: 0, gone: 0, damaged: 0 };
    const sum = () => ({ file, total: header.count, ...counts });
    let batch: (SnapshotRecord | undefined)[] = [];
    const settle = async () => {
      signal?.throwIfAborted();
      core.work.checkOpen();
      for (const fate of await untilAborted(restorer.bring(batch), signal)) counts[fate] += 1;
      batch = [];
      if (core.events.wants('restore')) core.events.emit({ type: 'restore', progress: sum() });
      // Gives others their turn, also where nothing had to be waited for.
      await new Promise((resolve) => setImmediate(resolve));
    };
    for await (const record of snapshot.records()) {
      batch.push(record);
      if (batch.length >= BATCH) await settle();
    }
    if (batch.length > 0) await settle();
    return sum();
  } finally {
    await snapshot.close();
  }
}

/**
 * A snapshot with values is restored once: what is changed from now on is not in it, so that to restore it again, after a crash, would
 * bring back what was invalidated.
 */
async function consume(file: string): Promise<void> {
  try {
    await unlink(file);
  } catch (error) {
    throw new SnapshotError('unreadable', file, 'it cannot be removed, and so could be restored twice', error);
  }
}

/** What is not this hierarchy's may have been invalidated by ways that this one knows nothing of. */
function checkOurs(core: Core, file: string, header: SnapshotHeader): void {
  const refuse = (why: string) => new SnapshotError('other', file, why);
  if (header.namespace !== core.options.namespace) {
    throw refuse(`it is of the namespace ${JSON.stringify(header.namespace)}`);
  }
  if (header.overL2 !== (core.guard !== undefined)) {
    throw refuse(
      header.overL2
        ? 'it was taken with an L2, and there is none now'
        : 'it was taken without an L2, and there is one now',
    );
  }
  if (header.hidden !== hidesNames(core)) {
    throw refuse(`names ${header.hidden ? 'are' : 'are not'} hidden in it, in contrast to the options`);
  }
}

type Fate = 'restored' | 'held' | 'gone' | 'damaged';

class Restorer {
  readonly #core: Core;
  readonly #openSpace: (name: string) => Space;
  readonly #changes: Changes;
  readonly #downMs: number;

  constructor(core: Core, openSpace: (name: string) => Space, changes: Changes, downMs: number) {
    this.#core = core;
    this.#openSpace = openSpace;
    this.#changes = changes;
    this.#downMs = downMs;
  }

  bring(batch: readonly (SnapshotRecord | undefined)[]): Promise<Fate[]> {
    return Promise.all(batch.map((record) => (record === undefined ? 'damaged' : this.#bringOne(record))));
  }

  async #bringOne(record: SnapshotRecord): Promise<Fate> {
    const { namespace, id } = record;
    let space: Space;
    let key: string | undefined;
    try {
      checkNamespace(namespace, this.#core.options.rules);
      space = this.#openSpace(namespace);
      key = hidesNames(this.#core) ? openName(this.#core.codec, namespace, id, record.name) : id;
      if (key === undefined) return 'damaged';
      checkKey(key, this.#core.options.rules);
    } catch {
      return 'damaged';
    }
    if (space.held(id) !== undefined) return 'held';
    return this.#core.guard === undefined ? this.#revive(space, key, record) : this.#reread(space, key, record);
  }

  /** By way of L2. */
  async #reread(space: Space, key: string, record: SnapshotRecord): Promise<Fate> {
    await find(space, key, this.#policy(record), undefined);
    return space.held(record.id) === undefined ? 'gone' : 'restored';
  }

  /** From the file itself. Synchronous, so that nothing can happen between its checks and its fill. */
  #revive(space: Space, key: string, record: SnapshotRecord): Fate {
    const { codec, clock } = this.#core;
    const { id, namespace, value } = record;
    // A clock that was set back says nothing of how long it was.
    const downMs = this.#downMs < 0 ? Number.POSITIVE_INFINITY : this.#downMs;
    if (record.freshMs - downMs <= 0 || this.#changes.has(namespace, key)) return 'gone';
    const opened = codec.unpack(value, { namespace, key: id });
    if (!opened.ok) return 'damaged';
    const now = clock.now();
    const token = space.fences.begin(id, 'read');
    try {
      const { entry, stored } = space.fill(
        id,
        token,
        {
          key,
          payload: opened.payload,
          // The numbers of another life of this process mean nothing; what was invalidated in this one does.
          generation: this.#changes.generation(namespace),
          tags: opened.tags,
          userTags: opened.userTags,
          version: 0,
          writtenAt: now - record.ageMs - downMs,
          freshUntil: now + record.freshMs - downMs,
          keepUntil: now + record.keepMs - downMs,
        },
        this.#policy({ ...record, l1Ms: record.l1Ms - downMs, freshMs: record.freshMs - downMs }),
      );
      entry.value();
      return stored ? 'restored' : 'gone';
    } catch {
      space.drop(id);
      return 'damaged';
    } finally {
      space.fences.end(id, token);
    }
  }

  /** L1's own ttl may have been shorter than the hierarchy's: it goes on where it was. */
  #policy({ l1Ms, freshMs }: SnapshotRecord) {
    const { policy } = this.#core.options;
    return l1Ms >= freshMs ? policy : { ...policy, l1TtlMs: Math.min(policy.l1TtlMs, Math.max(0, l1Ms)) };
  }
}
