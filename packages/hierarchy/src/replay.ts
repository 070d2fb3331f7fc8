import { DELETION_MEMORY_MS, type L2, type L2CallOptions, L2InvalidError, type L2ReplayWrite } from '@tierwise/l2';
import type { Clock } from './clock.js';
import type { Correlation } from './correlation.js';
import type { Events } from './events.js';
import type { JournalRecord } from './journal.js';
import { type L2Line, PURGE_LIMIT_MS, type SendOptions } from './l2-line.js';
import type { Outbox } from './outbox.js';
import type { PendingKey, PendingMark, PendingValue } from './pending.js';
import type { Space } from './space.js';
import type { ValueCodec } from './value-codec.js';

/** Keys in one command. */
const CHUNK_KEYS = 500;
/** Bytes of values in one command, unless a single one has more. */
const CHUNK_BYTES = 4 * 1024 * 1024;
/** Tags in one command. */
const CHUNK_TAGS = 100;
/** A value has to arrive in L2 so long before L2 forgets what was deleted. */
const MEMORY_MARGIN_MS = 10_000;

/** What was made up for. */
export interface ReplayCounts {
  /** Values that L2 took. */
  stored: number;
  /** Values that had to give way to a peer's. */
  kept: number;
  /** Values in whose place L2 has none now, since it could not be told whether they were the latest. */
  dropped: number;
  /** Keys that were deleted or expired. */
  deleted: number;
  /** Tags and namespaces that were invalidated. */
  invalidated: number;
}

export interface ReplayOptions {
  readonly l2: L2;
  readonly line: L2Line;
  readonly clock: Clock;
  readonly events: Events;
  readonly correlation: Correlation;
  readonly codec: ValueCodec;
  readonly outbox: Outbox;
  readonly spaces: ReadonlyMap<string, Space>;
}

/**
 * Sends what is pending to an L2 that is back: first what makes things invalid, which always holds, then values, which L2 takes
 * only where nothing happened to their keys meanwhile. It does not matter if any of it arrives twice.
 */
export class Replay {
  readonly #options: ReplayOptions;

  constructor(options: ReplayOptions) {
    this.#options = options;
  }

  /** Sends what is pending; what comes meanwhile may be left for the next time. @throws what L2 rejects with; the rest stays pending. */
  async once(counts: ReplayCounts): Promise<void> {
    const namespaces = [...this.#options.outbox.pending.namespaces.keys()];
    for (const namespace of namespaces) {
      await this.#marks(namespace, counts);
      await this.#deletions(namespace, counts);
    }
    for (const namespace of namespaces) await this.#values(namespace, counts);
  }

  async #marks(namespace: string, counts: ReplayCounts): Promise<void> {
    const { outbox } = this.#options;
    const marks = [...(outbox.pending.namespaces.get(namespace)?.marks.values() ?? [])];
    for (const mode of ['dead', 'stale'] as const) {
      const ofMode = marks.filter((mark) => mark.mode === mode);
      const whole = ofMode.filter(({ tag }) => tag === null);
      const tagged = ofMode.filter(({ tag }) => tag !== null);
      for (const chunk of [...chunks(whole, 1), ...chunks(tagged, CHUNK_TAGS)]) {
        await this.#options.correlation.eachAccount(chunk, (marks) => this.#advance(namespace, marks));
      }
      counts.invalidated += ofMode.length;
    }
  }

  async #advance(namespace: string, marks: readonly PendingMark[]): Promise<void> {
    const { l2, outbox, spaces } = this.#options;
    const [first] = marks;
    if (first === undefined) return;
    const { mode } = first;
    const tags = first.tag === null ? null : marks.flatMap(({ tag }) => tag ?? []);
    const { time } = l2;
    for (const mark of marks) mark.sending = true;
    let generation: number | undefined;
    try {
      const known = spaces.get(namespace)?.time.generation ?? 0;
      if (time === undefined)
        await this.#send('purge', () => l2.purge(namespace, this.#account), { namespace, limitMs: PURGE_LIMIT_MS });
      else {
        const about = { namespace, count: tags?.length ?? 0 };
        generation = await this.#send(
          'advance',
          () => time.advance(namespace, tags, mode, { known, ...this.#account }),
          about,
        );
      }
    } catch (error) {
      if (!(error instanceof L2InvalidError)) throw error;
      if (marks.length > 1) {
        for (const mark of marks) await this.#advance(namespace, [mark]);
        return;
      }
      this.#reportRefused(namespace, 'invalidate', undefined, error);
    }
    // It may have been created meanwhile.
    const space = spaces.get(namespace);
    if (generation !== undefined) space?.time.invalidated(tags, mode, generation);
    for (const mark of marks) {
      if (outbox.doneMark(namespace, mark)) space?.time.made(mark.tag, mode);
    }
    if (time === undefined) space?.fences.nextEpoch();
  }

  async #deletions(namespace: string, counts: ReplayCounts): Promise<void> {
    const { l2, outbox } = this.#options;
    for (const item of this.#keys(namespace)) {
      // Too old to be stored: L2 may have forgotten that it was deleted, or its own time is over.
      if (item.value !== undefined && this.#lifeOf(item.value) === undefined) {
        outbox.pending.giveValueUp(namespace, item.key);
      }
    }
    for (const op of ['delete', 'expire'] as const) {
      const items = this.#keys(namespace).filter((item) => item.op === op);
      for (const chunk of chunks(items, CHUNK_KEYS)) {
        const send = (items: readonly PendingKey[]) => {
          const keys = items.map(({ key }) => key);
          return this.#send(op, () => l2[op](namespace, keys, this.#account), { namespace, count: keys.length });
        };
        await this.#options.correlation.eachAccount(chunk, (items) => this.#eachOrAll(namespace, items, send, op));
        counts.deleted += chunk.length;
      }
    }
  }

  async #values(namespace: string, counts: ReplayCounts): Promise<void> {
    const { l2 } = this.#options;
    const { replay } = l2;
    if (replay === undefined) return;
    const items = this.#keys(namespace).filter((item) => item.value !== undefined);
    for (const chunk of chunks(items, CHUNK_KEYS, (item) => item.value?.bytes.byteLength ?? 0, CHUNK_BYTES)) {
      const send = async (items: readonly PendingKey[]) => {
        const entries = items.flatMap((item) => this.#entryOf(item) ?? []);
        await this.#ensureMarks(namespace, entries);
        const answers = await this.#send('replay', () => replay.replay(namespace, entries, this.#account), {
          ...{ namespace, count: entries.length },
        });
        for (const { status } of answers ?? []) counts[status] += 1;
        return answers;
      };
      await this.#options.correlation.eachAccount(chunk, (items) => this.#eachOrAll(namespace, items, send, 'set'));
    }
  }

  /** The marks of the values' tags have to last as long as they do. Those that are lost make them dead, which is safe. */
  async #ensureMarks(namespace: string, entries: readonly L2ReplayWrite[]): Promise<void> {
    const { l2, codec, spaces } = this.#options;
    const opened = entries.map(({ key, bytes }) => codec.unpack(bytes, { namespace, key }));
    const tags = [...new Set(opened.flatMap((value) => (value.ok ? value.tags : [])))];
    if (tags.length === 0) return;
    const known = spaces.get(namespace)?.time.generation ?? 0;
    const ensureMs = entries.reduce((most, { keepMs }) => Math.max(most, keepMs), 1);
    for (const chunk of chunks(tags, CHUNK_TAGS)) {
      const ask = () => l2.time?.marks(namespace, chunk, { known, ensureMs });
      await this.#send('marks', ask, { namespace, count: chunk.length });
    }
  }

  /** On whose account that which runs right now was ordered. */
  get #account(): L2CallOptions | undefined {
    return this.#options.correlation.callOptions;
  }

  /** Sends keys together; if L2 finds anything in it invalid, one by one, so that what is sound gets through. */
  async #eachOrAll(
    namespace: string,
    items: readonly PendingKey[],
    send: (items: readonly PendingKey[]) => Promise<unknown>,
    op: PendingKey['op'],
  ): Promise<void> {
    // From here on nobody knows whether it has taken effect, until L2 says so.
    for (const item of items) item.sending = true;
    try {
      await send(items);
      this.#done(namespace, items);
    } catch (error) {
      if (!(error instanceof L2InvalidError)) throw error;
      if (items.length > 1) {
        for (const item of items) await this.#eachOrAll(namespace, [item], send, op);
        return;
      }
      this.#refused(namespace, items, error, op);
    }
  }

  #done(namespace: string, items: readonly PendingKey[]): void {
    const { outbox, spaces } = this.#options;
    const space = spaces.get(namespace);
    for (const item of items) {
      // Whether what L1 holds is what L2 has now: asking L2 at the next read is cheaper than to be wrong.
      if (outbox.doneKey(namespace, item)) space?.invalidate(item.key);
    }
  }

  /** L2 will never take it: the rest must not wait for it. */
  #refused(namespace: string, items: readonly PendingKey[], error: unknown, op: PendingKey['op']): void {
    for (const item of items) {
      this.#reportRefused(namespace, op, item.key, error);
      if (item.value === undefined) this.#done(namespace, [item]);
      else this.#options.outbox.pending.giveValueUp(namespace, item.key);
    }
  }

  #reportRefused(namespace: string, op: JournalRecord['op'], id: string | undefined, error: unknown): void {
    const { events } = this.#options;
    if (events.wants('refused')) events.emit({ type: 'refused', namespace, op, id, error });
  }

  #send<T>(operation: string, run: () => Promise<T> | undefined, about: SendOptions): Promise<T | undefined> {
    return this.#options.line.send(operation, run, { ...about, first: true });
  }

  #keys(namespace: string): PendingKey[] {
    return [...(this.#options.outbox.pending.namespaces.get(namespace)?.keys.values() ?? [])];
  }

  #entryOf({ key, value }: PendingKey): L2ReplayWrite | undefined {
    if (value === undefined) return undefined;
    const life = this.#lifeOf(value) ?? { freshMs: 0, keepMs: 1 };
    return { key, bytes: value.bytes, since: value.since, ...life };
  }

  /** What remains of a value's life; `undefined`: it must not be stored any more. */
  #lifeOf({ freshMs, keepMs, at }: PendingValue): { freshMs: number; keepMs: number } | undefined {
    const agoMs = Math.ceil(this.#options.clock.now() - at);
    if (agoMs >= keepMs || agoMs >= DELETION_MEMORY_MS - MEMORY_MARGIN_MS) return undefined;
    return { freshMs: Math.max(0, freshMs - agoMs), keepMs: keepMs - agoMs };
  }
}

function* chunks<T>(
  items: readonly T[],
  most: number,
  sizeOf: (item: T) => number = () => 0,
  maxSize = Number.POSITIVE_INFINITY,
): Generator<T[]> {
  let chunk: T[] = [];
  let size = 0;
  for (const item of items) {
    if (chunk.length === most || (chunk.length > 0 && size + sizeOf(item) > maxSize)) {
      yield chunk;
      [chunk, size] = [[], 0];
    }
    chunk.push(item);
    size += sizeOf(item);
  }
  if (chunk.length > 0) yield chunk;
}
