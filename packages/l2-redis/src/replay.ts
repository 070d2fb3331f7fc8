import {
  checkWrite,
  type L2CallOptions,
  L2InvalidError,
  type L2Moment,
  type L2Replay,
  type L2Replayed,
  type L2ReplayWrite,
} from '@tierwise/l2';
import type { Context } from './context.js';
import { NAME } from './name.js';
import { REPLAY } from './scripts/replay.js';

/** A moment: a life of a server's data, by SHA-1, and a microsecond of its clock. */
const MOMENT = /^([0-9a-f]{40}):(\d{1,16})$/;

/** Per key, what {@link REPLAY} answers instead of a version. */
const KEPT = 0;
const DROPPED = -1;

/**
 * Replay in Redis. A moment is what a node last heard of the clock of the server that has the key, together with a name for the present
 * life of that server's data (its process and its replication id), since microseconds of two of them have no order. Entries and the notes
 * of deletions carry theirs, and the script compares.
 */
export class Replay implements L2Replay {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  moment(namespace: string, key: string): L2Moment {
    try {
      return this.#context.topology.momentOf(this.#context.names(namespace).entry(key));
    } catch {
      // What `colocate` throws is told by the calls that send something.
      return '';
    }
  }

  async replay(namespace: string, entries: readonly L2ReplayWrite[], options?: L2CallOptions): Promise<L2Replayed[]> {
    const names = this.#context.enter(options, namespace);
    for (const entry of entries) {
      checkWrite(NAME, entry);
      if (typeof entry.since !== 'string') throw new L2InvalidError(NAME, 'since must be a moment');
    }
    if (entries.length === 0) return [];
    const head = this.#context.newsHead(namespace, options);
    return this.#context.run('replay', options, (answered) =>
      this.#context.inGroups(
        entries,
        ({ key }) => names.entry(key),
        async (group) => {
          const { reply } = await this.#context.runInTime(
            'replay',
            answered,
            REPLAY,
            group.flatMap(({ key }) => [names.entry(key), names.lease(key), names.note(key)]),
            [
              ...head,
              ...group.flatMap(({ key, bytes, freshMs, keepMs, since }) => [
                freshMs,
                keepMs,
                ...partsOf(since),
                JSON.stringify(key),
                bytes,
              ]),
            ],
          );
          const replayed = reply.map(toReplayed);
          const changed = group.filter((_, i) => replayed[i]?.status !== 'kept').map(({ key }) => key);
          this.#context.recent.addEntries(namespace, changed, 'delete');
          return replayed;
        },
        ({ bytes }) => bytes.byteLength,
      ),
    );
  }
}

/** The life and the microsecond of a moment. Of one that is not ours, a life that no server has. */
function partsOf(moment: L2Moment): [life: string, micros: string] {
  const [, life = '', micros = '0'] = MOMENT.exec(moment) ?? [];
  return [life, micros];
}

function toReplayed(answer: unknown): L2Replayed {
  const version = Number(answer);
  if (version === KEPT) return { status: 'kept' };
  return version === DROPPED ? { status: 'dropped' } : { status: 'stored', version };
}
