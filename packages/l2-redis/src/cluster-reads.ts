import type { Answered } from './calls.js';
import type { RedisTime } from './clock.js';
import type { ClusterRoute } from './cluster-route.js';
import type { ClusterServer } from './cluster-server.js';
import { goneAt, stamperOf } from './envelope.js';
import { PEEK } from './scripts/peek.js';
import type { Stored } from './topology.js';

/** So many keys are read together at most: their answers give a call its time anew as one. */
const MAX_TOGETHER = 100;

/** Keys that one server is asked for together. */
interface Part {
  readonly to: ClusterServer;
  readonly keys: string[];
  /** Where each of them stands in the batch. */
  readonly places: number[];
}

/** A call's batch under way. */
interface Reading {
  /** What was found, each in its place. */
  readonly stored: (Stored | null)[];
  readonly answered: Answered;
  /** When nothing is sent again any more, on the clock of `performance.now`. */
  readonly giveUpAt: number;
}

/**
 * Reads from a Cluster: each server is asked once, for all keys of a batch that it has. Only a key whose answer leaves something
 * open, since its slot has moved or another server's clock has stamped it, goes a way of its own.
 *
 * A server is asked by a `GET` for each key: keys of a batch rarely share a slot, and a command takes keys of one slot only. Where
 * users have keys share slots, it is asked by an `MGET` for each slot. That may be refused while a slot moves although each key alone
 * would not be, so what was refused is asked again key by key.
 */
export class ClusterReads {
  readonly #route: ClusterRoute;
  readonly #slotOf: (key: string) => number;
  readonly #isColocated: boolean;

  constructor(route: ClusterRoute, slotOf: (key: string) => number, isColocated: boolean) {
    this.#route = route;
    this.#slotOf = slotOf;
    this.#isColocated = isColocated;
  }

  async read(keys: readonly string[], answered: Answered): Promise<(Stored | null)[]> {
    const stored = new Array<Stored | null>(keys.length).fill(null);
    const reading = { stored, answered, giveUpAt: this.#route.giveUpAt() };
    await Promise.all(this.#partsOf(keys).map((part) => this.#readPart(part, reading)));
    return stored;
  }

  /** Throws when a server that is needed cannot be reached right now. */
  #partsOf(keys: readonly string[]): Part[] {
    const parts: Part[] = [];
    const latest = new Map<ClusterServer | number, Part>();
    for (let place = 0; place < keys.length; place += 1) {
      const key = keys[place] as string;
      const slot = this.#slotOf(key);
      const to = this.#route.nodes.ownerOf(slot);
      const sharer = this.#isColocated ? slot : to;
      let part = latest.get(sharer);
      if (part === undefined || part.keys.length >= MAX_TOGETHER) {
        part = { to, keys: [], places: [] };
        latest.set(sharer, part);
        parts.push(part);
      }
      part.keys.push(key);
      part.places.push(place);
    }
    return parts;
  }

  async #readPart({ to, keys, places }: Part, reading: Reading): Promise<void> {
    const { server } = to;
    const { stored, answered } = reading;
    const gets = this.#isColocated && keys.length > 1 ? undefined : server.getEach(keys);
    let values: (Buffer | null)[];
    try {
      values = await (gets === undefined ? server.mget(keys, answered) : answered(Promise.all(gets)));
    } catch (error) {
      // Of one key at least. What the others were answered stands.
      const replies = gets ?? keys.map(() => Promise.reject(error));
      await Promise.all(
        replies.map((reply, i) => this.#follow(reply, to, keys[i] as string, places[i] as number, reading)),
      );
      return;
    }
    let peeks: Promise<void>[] | undefined;
    let now: RedisTime | undefined;
    for (let i = 0; i < values.length; i += 1) {
      const bytes = values[i] as Buffer | null;
      const place = places[i] as number;
      if (bytes === null) continue;
      if (isStampedBy(to, bytes)) {
        server.known.heard(bytes);
        now ??= server.clock.now();
        stored[place] = { bytes, now };
      } else {
        peeks ??= [];
        peeks.push(this.#peek(keys[i] as string, place, reading));
      }
    }
    if (peeks !== undefined) await Promise.all(peeks);
  }

  /** Follows the reply for one key to where its slot is by now. */
  async #follow(
    reply: Promise<Buffer | null>,
    asked: ClusterServer,
    key: string,
    place: number,
    reading: Reading,
  ): Promise<void> {
    const { stored, answered, giveUpAt } = reading;
    let from = asked;
    const get = (to: ClusterServer, isAsking: boolean): Promise<Buffer | null> => {
      from = to;
      return to.server.get(key, isAsking);
    };
    const bytes = await answered(
      reply
        .catch((error: unknown) => this.#route.sendAgain(this.#slotOf(key), get, { to: asked, error, giveUpAt }))
        .catch(noneForOtherType),
    );
    if (bytes === null) return;
    if (!isStampedBy(from, bytes)) return this.#peek(key, place, reading);
    from.server.known.heard(bytes);
    stored[place] = { bytes, now: from.server.clock.now() };
  }

  /**
   * An entry's life is stamped by the clock of the server that wrote it. Replication and the moving of slots bring entries to
   * servers with other clocks, and those are asked what of the life remains, since they keep it by themselves.
   */
  async #peek(key: string, place: number, { stored, answered }: Reading): Promise<void> {
    const peeked = this.#route.send(this.#slotOf(key), ({ server }, isAsking) => server.run(PEEK, [key], [], isAsking));
    const [bytes, remaining] = (await answered(peeked)) as [Buffer | null, number];
    // Who remains for ever was not written by us, or is damaged, which its bytes tell.
    if (bytes !== null) stored[place] = { bytes, now: goneAt(bytes) - Math.max(0, Number(remaining)) };
  }
}

function isStampedBy({ server }: ClusterServer, bytes: Buffer): boolean {
  return stamperOf(bytes) === server.stamper;
}

/** A value of another type is none of ours. `MGET` says so by itself, `GET` fails. */
function noneForOtherType(error: unknown): null {
  if (error instanceof Error && error.name === 'ReplyError' && error.message.startsWith('WRONGTYPE ')) return null;
  throw error;
}
