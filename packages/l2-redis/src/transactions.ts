import {
  checkNames,
  checkWrite,
  type L2CallOptions,
  type L2Commit,
  type L2Committed,
  L2NotColocatedError,
  type L2Read,
  type L2Transactions,
} from '@tierwise/l2';
import type { RedisTime } from './clock.js';
import type { Context } from './context.js';
import { decodeLiving } from './envelope.js';
import { invalid } from './invalid.js';
import { type Keys, namesOfWrites } from './keys.js';
import { NAME } from './name.js';
import { COMMIT, SNAPSHOT } from './scripts/transaction.js';

/** A script that writes so many keys blocks Redis for some milliseconds. */
const MAX_KEYS = 1_000;

/** So many slots are named in an error. */
const MAX_NAMED = 3;

/** Transactions in Redis: each call is one script, which Redis runs whole or, where something is not as expected, not at all. */
export class Transactions implements L2Transactions {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  async read(namespace: string, keys: readonly string[], options?: L2CallOptions): Promise<L2Read[]> {
    const names = this.#context.enter(options, namespace, keys);
    this.#checkPlaces(names, keys);
    if (keys.length === 0) return [];
    return this.#context.run('read', options, async (answered) => {
      const { reply, now } = await this.#context.runTimed(answered, SNAPSHOT, keys.map(names.entry), []);
      return reply.map((each) => toRead(each as Snapshot, now));
    });
  }

  async commit(namespace: string, commit: L2Commit, options?: L2CallOptions): Promise<L2Committed> {
    const names = this.#context.enter(options, namespace);
    const { expect, writes, deletes } = commit;
    checkCommit(commit);
    const changed = [...writes.map(({ key }) => key), ...deletes];
    this.#checkPlaces(names, [...expect.map(({ key }) => key), ...changed]);
    if (expect.length + changed.length === 0) return { status: 'committed', versions: [] };
    const keys = [
      ...expect.map(({ key }) => names.entry(key)),
      ...namesOfWrites(names, writes),
      ...deletes.flatMap((key) => [names.entry(key), names.lease(key), names.note(key)]),
    ];
    const args = [
      ...this.#context.newsHead(namespace, options),
      expect.length,
      writes.length,
      deletes.length,
      ...expect.map(({ version }) => version ?? ''),
      ...writes.flatMap(({ key, bytes, freshMs, keepMs }) => [freshMs, keepMs, JSON.stringify(key), bytes]),
      ...deletes.map((key) => JSON.stringify(key)),
    ];
    return this.#context.run('commit', options, async (answered) => {
      const { reply } = await this.#context.runInTime('commit', answered, COMMIT, keys, args);
      const [isDone, ...rest] = reply.map(Number);
      if (isDone === 0) {
        return { status: 'conflict', keys: [...new Set(rest.map((index) => expect[index]?.key ?? ''))] };
      }
      this.#context.recent.addEntries(namespace, changed, 'delete');
      return { status: 'committed', versions: rest };
    });
  }

  /** Throws where one script may not touch all of these. */
  #checkPlaces(names: Keys, keys: readonly string[]): void {
    const places = new Map(keys.map((key) => [this.#context.topology.slotOf(names.entry(key)), key]));
    if (places.size < 2) return;
    const named = [...places].slice(0, MAX_NAMED).map(([slot, key]) => `${JSON.stringify(key)} in ${slot}`);
    const more = places.size > MAX_NAMED ? `, and ${places.size - MAX_NAMED} more` : '';
    throw new L2NotColocatedError(
      NAME,
      `the keys of a transaction must share a slot of the Cluster, but ${named.join(', ')}${more}: put them into one group by the option colocate`,
    );
  }
}

function checkCommit({ expect, writes, deletes }: L2Commit): void {
  for (const write of writes) {
    checkWrite(NAME, write);
    if (write.lease !== undefined) throw invalid('a commit has no fills: lease is not allowed');
  }
  checkNames(NAME, 'key', [...expect.map(({ key }) => key), ...deletes]);
  const stranger = expect.find(({ version }) => version !== undefined && !Number.isSafeInteger(version));
  if (stranger !== undefined) throw invalid(`an expected version must be one, not ${String(stranger.version)}`);
  const changed = [...writes.map(({ key }) => key), ...deletes];
  if (new Set([...changed, ...expect.map(({ key }) => key)]).size > MAX_KEYS) {
    throw invalid(`a commit may have up to ${MAX_KEYS} keys`);
  }
  if (new Set(changed).size < changed.length) throw invalid('a commit changes a key once at most');
}

/** What {@link SNAPSHOT} answers for a key. */
type Snapshot = readonly [] | readonly [stored: Buffer, gone: unknown];

function toRead([stored, gone]: Snapshot, now: RedisTime): L2Read {
  return stored === undefined ? undefined : decodeLiving(stored, now, Number(gone));
}
