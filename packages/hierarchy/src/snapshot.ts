import type { Core } from './core.js';
import type { Entry } from './entry.js';
import { SnapshotError } from './errors.js';
import { nameOf, SnapshotGuard } from './snapshot-changes.js';
import { writeSnapshot } from './snapshot-file.js';
import type { SnapshotHeader, SnapshotRecord } from './snapshot-format.js';
import type { ValueCodec } from './value-codec.js';

/** What became of taking a snapshot. */
export interface SnapshotTaken {
  readonly file: string;
  /** How many entries are in it. */
  readonly entries: number;
  /** Its length. */
  readonly bytes: number;
}

/** Whether names are hidden, so that a snapshot must not spell keys. */
export function hidesNames(core: Core): boolean {
  return core.options.encryption?.hideNames !== undefined;
}

/** How often a snapshot with values is begun anew, since something changed while it was being written. */
const MAX_ATTEMPTS = 5;

/**
 * Writes down what L1 would answer with right now, in its order of use. With an L2 these are names alone: what is behind them then is
 * whatever L2 has when they are restored, and so no file can bring back what was invalidated meanwhile. Without an L2 it is the values.
 *
 * @returns also, for a snapshot with values, what keeps it true from now on.
 */
export async function takeSnapshot(
  core: Core,
  file: string,
  signal: AbortSignal | undefined,
): Promise<{ taken: SnapshotTaken; guard: SnapshotGuard | undefined }> {
  await core.codec.ready();
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    signal?.throwIfAborted();
    // What is held, as of this moment; what is done to it while the file is being written is not seen.
    const now = core.l1Clock.now();
    // Not looked up, which would be a use of each.
    const entries = core.l1
      .entries()
      .reverse()
      .filter((entry) => now < entry.answerUntil && entry.space.verdictOf(entry) === 'alive');
    const guard =
      core.guard === undefined
        ? new SnapshotGuard(core.events, file, new Set(entries.map(({ space, key }) => nameOf(space.name, key))))
        : undefined;
    try {
      const options = { signal, isTrue: () => guard?.isTrue !== false, onPlaced: () => guard?.written() };
      const bytes = await writeSnapshot(file, headerOf(core, entries.length), records(core, entries, now), options);
      if (bytes === undefined) continue;
      return { taken: { file, entries: entries.length, bytes }, guard };
    } catch (error) {
      guard?.stop();
      throw error;
    }
  }
  throw new SnapshotError('unwritable', file, 'what it holds changed whenever it was being written');
}

function headerOf(core: Core, count: number): SnapshotHeader {
  return {
    takenAt: Date.now(),
    count,
    namespace: core.options.namespace,
    overL2: core.guard !== undefined,
    sealed: core.options.encryption !== undefined,
    hidden: hidesNames(core),
  };
}

/** Lazily: a value is encoded when its turn to be written comes. */
function* records(core: Core, entries: readonly Entry[], now: number): Generator<SnapshotRecord> {
  for (const entry of entries) {
    const { space, key } = entry;
    const id = space.idOf(key);
    yield {
      namespace: space.name,
      id,
      name: hidesNames(core) ? sealName(core.codec, space.name, id, key) : NOTHING,
      value: core.guard === undefined ? packValue(core.codec, entry, id) : NOTHING,
      freshMs: entry.freshUntil - now,
      keepMs: entry.keepUntil - now,
      l1Ms: entry.answerUntil - now,
      ageMs: Math.max(0, now - entry.writtenAt),
    };
  }
}

const NOTHING = new Uint8Array();

function packValue(codec: ValueCodec, entry: Entry, id: string): Uint8Array {
  const { generation, tags, userTags } = entry;
  return codec.pack(codec.encode(entry.value()), { namespace: entry.space.name, key: id, generation, tags, userTags });
}

/** A key is sealed like a value, in a place of its own, so that neither passes for the other. */
function sealName(codec: ValueCodec, namespace: string, id: string, key: string): Uint8Array {
  const place = { namespace: namePlace(namespace), key: id };
  return codec.pack(codec.encode(key), { ...place, generation: 0, tags: [], userTags: [] });
}

/** @returns the user's key, or `undefined` for what cannot be opened or is another's. */
export function openName(codec: ValueCodec, namespace: string, id: string, name: Uint8Array): string | undefined {
  const opened = codec.unpack(name, { namespace: namePlace(namespace), key: id });
  if (!opened.ok) return undefined;
  try {
    const key = codec.decode(opened.payload);
    return typeof key === 'string' && codec.hideKey(key) === id ? key : undefined;
  } catch {
    return undefined;
  }
}

/** No namespace has control characters. */
function namePlace(namespace: string): string {
  return `\u0000name\u0000${namespace}`;
}
