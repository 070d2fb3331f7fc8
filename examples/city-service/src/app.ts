import type { Hierarchy } from '@tierwise/hierarchy';
import fastify, { type FastifyInstance } from 'fastify';
import {
  type City,
  cityKey,
  cityTags,
  loadCity,
  loadWeather,
  type Place,
  parsePlace,
  type Weather,
  weatherKey,
  weatherTags,
} from './city.js';
import type { Database } from './database.js';
import { countFaults, type Faults } from './faults.js';
import { type Invalidation, invalidate } from './invalidation.js';
import { type TierFigures, TierWatch } from './tier-watch.js';

/** What `GET /figures` gives. */
export interface Figures extends TierFigures, Faults {
  /** Runs of a loader. */
  readonly loads: number;
}

export interface AppOptions {
  readonly cache: Hierarchy;
  readonly database: Database;
  /** To see the checker find something: one invalidation in so many is answered without being done. 0: none. */
  readonly loseEvery: number;
}

/** The service: cities and their weather, over HTTP. */
export function createApp({ cache, database, loseEvery }: AppOptions): FastifyInstance {
  // No connection is closed for idleness: a request that just sets out on it would be lost.
  const app = fastify({ keepAliveTimeout: 0, forceCloseConnections: true });
  const watch = new TierWatch(cache);
  const faults = countFaults(cache);
  let writes = 0;
  const isLost = () => {
    writes += 1;
    return loseEvery > 0 && writes % loseEvery === 0;
  };

  app.get<{ Params: { place: string } }>('/cities/:place', async (request) => {
    const place = placeOf(request.params.place);
    const [city] = await watch.read([cityKey(place.id)], async () => [
      await cache.getOrSet(cityKey(place.id), async ({ setTags }): Promise<City | undefined> => {
        const loaded = await loadCity(database, place);
        if (loaded !== undefined) setTags(cityTags(loaded));
        return loaded;
      }),
    ]);
    return city ?? fail(404, 'no such city');
  });

  /** Answers from the cache, or not at all. */
  app.get<{ Params: { place: string } }>('/cities/:place/cached', async (request, reply) => {
    const key = cityKey(placeOf(request.params.place).id);
    const [city] = await watch.read([key], async () => [await cache.get<City>(key)]);
    return city ?? reply.code(204).send();
  });

  app.get<{ Querystring: { places?: string } }>('/weather', async (request) => {
    const places = (request.query.places ?? '').split(',').map(placeOf);
    const byKey = new Map(places.map((place) => [weatherKey(place.id), place]));
    const wanted = (keys: readonly string[]) => keys.flatMap((key) => byKey.get(key) ?? []);
    const keys = places.map(({ id }) => weatherKey(id));
    return watch.read(keys, () =>
      cache.getOrSetMany<Weather>(keys, (missing) => loadWeather(database, wanted(missing)), {
        tags: (key) => wanted([key]).flatMap(weatherTags),
      }),
    );
  });

  /** Takes the row over into the cache, as the source has it now. */
  app.put<{ Params: { place: string } }>('/cities/:place/cached', async (request) => {
    const place = placeOf(request.params.place);
    const [city, [weather]] = await Promise.all([loadCity(database, place), loadWeather(database, [place])]);
    if (city === undefined || weather === undefined) return fail(404, 'no such city');
    if (!isLost()) {
      await Promise.all([
        cache.set(cityKey(city.id), city, { tags: cityTags(city) }),
        cache.set(weatherKey(city.id), weather, { tags: weatherTags(city) }),
      ]);
    }
    return city;
  });

  app.post<{ Body: Invalidation }>('/invalidations', async (request, reply) => {
    if (!isLost()) await invalidate(cache, request.body);
    return reply.code(204).send();
  });

  app.get('/figures', (): Figures => ({ ...watch.figures(), ...faults(), loads: cache.stats().loads.started }));

  return app;
}

function placeOf(text: string): Place {
  return parsePlace(text) ?? fail(400, 'a place looks like BE-1234');
}

function fail(statusCode: number, message: string): never {
  throw Object.assign(new Error(message), { statusCode });
}
