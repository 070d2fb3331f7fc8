import type { Database } from './database.js';

/** Names a city in URLs: `BE-1234` is row 1234, in Belgium. */
export interface Place {
  readonly country: string;
  readonly id: number;
}

/** A city's weather: one row of the source. */
export interface Weather {
  readonly id: number;
  readonly name: string;
  readonly country: string;
  readonly celsius: number;
  /** Grows with every update of the row. */
  readonly version: number;
}

/** A city with its weather, and the weather of the five nearest cities of its country, of those within about 100 km. */
export interface City extends Weather {
  readonly lat: number;
  readonly lng: number;
  readonly neighbours: readonly Neighbour[];
}

/** A neighbour: as much of its row as its neighbours show. */
export interface Neighbour {
  readonly id: number;
  readonly name: string;
  readonly km: number;
  readonly celsius: number;
  readonly version: number;
}

export const formatPlace = ({ country, id }: Place): string => `${country}-${id}`;

/** @returns `undefined` for what names no place. */
export function parsePlace(text: string): Place | undefined {
  const [, country, id] = /^([A-Z]{2})-(\d{1,9})$/.exec(text) ?? [];
  return country === undefined ? undefined : { country, id: Number(id) };
}

export const cityKey = (id: number): string => `city:${id}`;
export const weatherKey = (id: number): string => `weather:${id}`;
export const placeTag = (id: number): string => `place:${id}`;
export const countryTag = (country: string): string => `country:${country}`;

export const weatherTags = ({ id, country }: Place): string[] => [placeTag(id), countryTag(country)];

/** A city dies with each row that it shows: its own and its neighbours'. Which these are is known once it is loaded. */
export const cityTags = (city: City): string[] => [
  ...weatherTags(city),
  ...city.neighbours.map(({ id }) => placeTag(id)),
];

/** Looks at every city of the country that is less than a degree of latitude away: this is what makes the source slow. */
const CITY = `
  SELECT c.id, c.name, c.country, c.lat, c.lng, c.celsius, c.version, near.neighbours
  FROM cities c CROSS JOIN LATERAL (
    SELECT coalesce(json_agg(n), '[]') AS neighbours FROM (
      SELECT o.id, o.name, o.celsius, o.version,
        round((111.2 * sqrt((o.lat - c.lat) ^ 2 + ((o.lng - c.lng) * cos(radians(c.lat))) ^ 2))::numeric, 1)::float8 AS km
      FROM cities o
      WHERE o.country = c.country AND o.lat BETWEEN c.lat - 0.9 AND c.lat + 0.9 AND o.id <> c.id
      ORDER BY (o.lat - c.lat) ^ 2 + ((o.lng - c.lng) * cos(radians(c.lat))) ^ 2, o.id LIMIT 5
    ) n
    WHERE n.km < 100
  ) near
  WHERE c.id = $1 AND c.country = $2`;

const WEATHER = 'SELECT id, name, country, celsius, version FROM cities WHERE id = ANY($1)';

/** Loads a city from the source; `undefined` if there is none. */
export async function loadCity(database: Database, { id, country }: Place): Promise<City | undefined> {
  return (await database.query<City>(CITY, [id, country]))[0];
}

/** Loads the weather of places from the source, in their order, with one query; `undefined` for each that is not there. */
export async function loadWeather(database: Database, places: readonly Place[]): Promise<(Weather | undefined)[]> {
  const rows = await database.query<Weather>(WEATHER, [places.map(({ id }) => id)]);
  return places.map(({ id, country }) => rows.find((row) => row.id === id && row.country === country));
}
