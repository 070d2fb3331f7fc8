import { JsonClient } from './http.js';

/** A client of the database that the source process keeps. */
export class Database {
  /** Where the source is. */
  readonly origin: string;
  readonly #client: JsonClient;

  constructor(origin: string) {
    this.origin = origin;
    this.#client = new JsonClient(origin);
  }

  async query<Row>(text: string, params: readonly unknown[] = []): Promise<Row[]> {
    return (await this.#client.ask('POST', '/query', { text, params })) as Row[];
  }

  close(): void {
    this.#client.close();
  }
}
