import { setTimeout as pause } from 'node:timers/promises';
import type { Checker, Shown } from './checker.js';
import { type City, formatPlace, type Place, type Weather } from './city.js';
import type { Database } from './database.js';
import type { Answer, JsonClient } from './http.js';
import type { Invalidation } from './invalidation.js';
import { type Random, Zipf } from './random.js';

/** What the driver works with. */
export interface Workload {
  /** The processes of the service. */
  readonly nodes: readonly JsonClient[];
  /** The source itself: writers change it behind the service's back, and so know what is true. */
  readonly source: Database;
  readonly checker: Checker;
  readonly random: Random;
  /** By row id minus 1: its country. */
  readonly countries: readonly string[];
  /** Ends the work. */
  readonly signal: AbortSignal;
}

const ZIPF_EXPONENT = 1.3;
const READERS = 24;
/** Clients think between two requests, so that the machine is busy but not choked (milliseconds, on average). */
const READER_PAUSE_MS = 8;
const WRITERS = 4;
const WRITER_PAUSE_MS = 60;
const CLEARS_PER_RUN = 2;
/** The share of changes that race with loads of the row as it was before. */
const RACING = 0.5;
export const BATCH_SIZE = 10;
/** Countries that are updated as a whole have no more cities than this. */
const SMALL_COUNTRY = 1_000;
/** A reader that looks for a change gives up after so long: what it saw until then is for the checker to judge. */
const CHASE_MS = 1_000;

/** Ways to invalidate, in the proportions in which they are used. */
const WAYS = ['tag', 'tag', 'tag', 'tag', 'tag-expire', 'delete', 'delete', 'expire', 'set', 'set', 'country'] as const;
type Way = (typeof WAYS)[number] | 'clear';

/** What was done so far. */
export interface Activity {
  requests: number;
  readonly writes: Record<Way, number>;
  readonly errors: string[];
  /** Rows that were changed, with their versions now. */
  readonly versions: Map<number, number>;
}

/** Reads at all nodes, and writes, until the signal aborts. */
export class Driver {
  readonly activity: Activity = {
    requests: 0,
    writes: { tag: 0, 'tag-expire': 0, delete: 0, expire: 0, set: 0, country: 0, clear: 0 },
    errors: [],
    versions: new Map(),
  };
  readonly #work: Workload;
  readonly #zipf: Zipf;
  readonly #sizes = new Map<string, number>();
  /** Which writer a country belongs to. */
  readonly #writers = new Map<string, number>();

  constructor(work: Workload) {
    this.#work = work;
    this.#zipf = new Zipf(work.random, work.countries.length, ZIPF_EXPONENT);
    for (const country of work.countries) {
      this.#sizes.set(country, (this.#sizes.get(country) ?? 0) + 1);
      if (!this.#writers.has(country)) this.#writers.set(country, this.#writers.size % WRITERS);
    }
  }

  /** @param seconds - how long the signal will let it run, to spread what is rare */
  async run(seconds: number): Promise<void> {
    const readers = Array.from({ length: READERS }, () => this.#repeat(READER_PAUSE_MS, () => this.#read()));
    const writers = Array.from({ length: WRITERS }, (_, writer) =>
      this.#repeat(WRITER_PAUSE_MS, () => this.#write(writer)),
    );
    const clearing = this.#repeat((seconds * 1000) / (CLEARS_PER_RUN + 1), () => this.#clear(), true);
    await Promise.all([...readers, ...writers, clearing]);
  }

  /** Compares what the nodes show of the changed rows in the end with the rows themselves, asked from the source. */
  async audit(): Promise<number> {
    const ids = [...this.activity.versions.keys()].slice(-AUDITED);
    const places = ids.map((id) => this.#placeOf(id));
    const rows = await this.#work.source.query<{ id: number; celsius: number; version: number }>(
      'SELECT id, celsius, version FROM cities WHERE id = ANY($1)',
      [ids],
    );
    const truth = new Map(rows.map((row) => [row.id, row]));
    let compared = 0;
    for (const node of this.#work.nodes.keys()) {
      for (let from = 0; from < places.length; from += BATCH_SIZE) {
        const batch = places.slice(from, from + BATCH_SIZE);
        const first = batch[0];
        const shown = [...(await this.#weather(node, batch)), first && (await this.#city(node, first))];
        for (const row of shown) {
          if (row === undefined) continue;
          compared += 1;
          const { celsius, version } = truth.get(row.id) ?? {};
          if (row.celsius === celsius && row.version === version) continue;
          this.#work.checker.blame(
            `node ${node + 1} ended with version ${row.version} (${row.celsius} °C) of row ${row.id}, the source with ` +
              `version ${version} (${celsius} °C)`,
          );
        }
      }
    }
    return compared;
  }

  // Reading -------------------------------------------------------------------------------------------------------------

  async #read(): Promise<void> {
    const { random } = this.#work;
    const node = random.int(this.#work.nodes.length);
    const kind = random.next();
    if (kind < 0.75) await this.#city(node, this.#draw());
    else if (kind < 0.85) await this.#city(node, this.#draw(), '/cached');
    else
      await this.#weather(
        node,
        Array.from({ length: BATCH_SIZE }, () => this.#draw()),
      );
  }

  /** @returns what was shown, if it was up to date as far as the checker can tell. */
  async #city(node: number, place: Place, suffix = ''): Promise<City | undefined> {
    const began = performance.now();
    const { status, body } = await this.#send(node, 'GET', `/cities/${formatPlace(place)}${suffix}`);
    if (status === 204) return undefined;
    const city = body as City;
    this.#expect(city.id === place.id, `asked node ${node + 1} for row ${place.id}, got ${city.id}`);
    this.#work.checker.check({ node: node + 1, began, shown: rowsOf(city) });
    return city;
  }

  async #weather(node: number, places: readonly Place[]): Promise<Weather[]> {
    const began = performance.now();
    const { body } = await this.#send(node, 'GET', `/weather?places=${places.map(formatPlace).join(',')}`);
    const rows = body as Weather[];
    const right = rows.length === places.length && rows.every((row, index) => row.id === places[index]?.id);
    this.#expect(right, `a batch from node ${node + 1} came in another order`);
    this.#work.checker.check({ node: node + 1, began, shown: rows.map(shownItself) });
    return rows;
  }

  // Writing -------------------------------------------------------------------------------------------------------------

  /**
   * Changes a row in the source, then tells one node. A country's rows are changed by one writer, one after the other: two
   * services that write through at once would have to agree on an order among themselves, and no cache can do that for them.
   */
  async #write(writer: number): Promise<void> {
    const { random } = this.#work;
    let place = this.#draw();
    while (this.#writers.get(place.country) !== writer) place = this.#draw();
    let way = WAYS[random.int(WAYS.length)] ?? 'tag';
    if (way === 'country' && (this.#sizes.get(place.country) ?? 0) > SMALL_COUNTRY) way = 'tag';
    const racing = random.next() < RACING ? await this.#startLoads(place) : [];
    const changed =
      way === 'country' ? await this.#update('country', place.country) : await this.#update('id', place.id);
    await this.#invalidate(way, place, changed);
    await this.#chase(place);
    await Promise.all(racing);
  }

  /** Begins to load, at every node, what a row is before it changes: loads that are to be overtaken by the change. */
  async #startLoads(place: Place): Promise<Promise<unknown>[]> {
    await this.#invalidate('delete', place, new Map());
    const loads = [...this.#work.nodes.keys()].map((node) => this.#city(node, place));
    // Awaited later on; until then, a failure of theirs is nobody's yet.
    for (const load of loads) load.catch(() => {});
    return loads;
  }

  async #clear(): Promise<void> {
    // What had been told of by now; what is still on its way may or may not be cleared with it.
    const changed = new Map(this.activity.versions);
    await this.#invalidate('clear', undefined, changed);
  }

  async #update(column: 'id' | 'country', value: number | string): Promise<Map<number, number>> {
    const rows = await this.#work.source.query<{ id: number; version: number }>(
      `UPDATE cities SET celsius = $1, version = version + 1 WHERE ${column} = $2 RETURNING id, version`,
      [this.#work.random.int(400) / 10, value],
    );
    return new Map(rows.map(({ id, version }) => [id, version]));
  }

  async #invalidate(way: Way, place: Place | undefined, changed: ReadonlyMap<number, number>): Promise<void> {
    const { random, nodes, checker } = this.#work;
    const node = random.int(nodes.length);
    if (way === 'set' && place) await this.#send(node, 'PUT', `/cities/${formatPlace(place)}/cached`);
    else await this.#send(node, 'POST', '/invalidations', { by: way, ...place } as Invalidation);
    const asNeighbour = way === 'tag' || way === 'tag-expire' || way === 'country' || way === 'clear';
    checker.oblige({ node: node + 1, at: performance.now(), by: way, rows: changed, asNeighbour });
    for (const [id, version] of changed) this.activity.versions.set(id, version);
    this.activity.writes[way] += 1;
  }

  /** Reads what was just changed, at every node, until all show it: where something is amiss, this is where it shows. */
  async #chase(place: Place): Promise<void> {
    const wanted = this.activity.versions.get(place.id) ?? 0;
    const until = performance.now() + CHASE_MS;
    await Promise.all(
      [...this.#work.nodes.keys()].map(async (node) => {
        while (performance.now() < until && ((await this.#city(node, place))?.version ?? 0) < wanted);
      }),
    );
  }

  // Helpers -------------------------------------------------------------------------------------------------------------

  async #repeat(pauseMs: number, work: () => Promise<void>, pauseFirst = false): Promise<void> {
    const { signal, random } = this.#work;
    for (let round = 0; !signal.aborted; round += 1) {
      try {
        if (round > 0 || !pauseFirst) await work();
      } catch (error) {
        if (!signal.aborted) this.activity.errors.push(String(error));
      }
      const ms = pauseFirst ? pauseMs : pauseMs * 2 * random.next();
      await pause(ms, undefined, { signal }).catch(() => {});
    }
  }

  async #send(node: number, method: string, path: string, body?: unknown): Promise<Answer> {
    this.activity.requests += 1;
    const answer = await this.#work.nodes[node]?.send(method, path, body);
    if (answer !== undefined && answer.status < 300) return answer;
    throw new Error(
      `node ${node + 1} answered ${method} ${path} with ${answer?.status}: ${JSON.stringify(answer?.body)}`,
    );
  }

  #draw(): Place {
    return this.#placeOf(this.#zipf.draw());
  }

  #placeOf(id: number): Place {
    return { id, country: this.#work.countries[id - 1] ?? '' };
  }

  #expect(condition: boolean, otherwise: string): void {
    if (!condition) this.activity.errors.push(otherwise);
  }
}

/** So many of the changed rows, the latest, are compared in the end. */
const AUDITED = 1_000;

const shownItself = ({ id, version }: Weather): Shown => ({ id, version, asNeighbour: false });

function rowsOf(city: City): Shown[] {
  const neighbours = city.neighbours.map(({ id, version }) => ({ id, version, asNeighbour: true }));
  return [shownItself(city), ...neighbours];
}
