import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from './database.js';
import { JsonClient } from './http.js';
import type { DemoOptions } from './options.js';
import type { Processes } from './processes.js';
import type { ServiceInstructions } from './service.js';

/** Two processes of the service. */
const NODES = 2;
/** Small, so that L2 has something to do as well. */
const L1_ENTRIES = 500;

/** What the demo plays on: the source, the service on one L2, and ways to talk to them. */
export class Stage {
  readonly #options: DemoOptions;
  readonly #processes: Processes;
  #dir: string | undefined;
  #source: Database | undefined;
  readonly nodes: JsonClient[] = [];
  /** By row id minus 1: its country. */
  countries: readonly string[] = [];

  constructor(options: DemoOptions, processes: Processes) {
    this.#options = options;
    this.#processes = processes;
  }

  get source(): Database {
    if (this.#source === undefined) throw new Error('the source has not been started');
    return this.#source;
  }

  /** What L2 is, in words. */
  get l2(): string {
    const { redis, encrypt } = this.#options;
    const sealed = encrypt ? ', encrypted' : '';
    if (redis === undefined) return `an embedded L2 (LMDB)${sealed}`;
    return `Redis at ${new URL(redis).host}${sealed}`;
  }

  async startSource(): Promise<void> {
    this.#source = new Database(await this.#processes.start('the source', './source.js', {}));
    const [row] = await this.#source.query<{ codes: string }>(
      "SELECT string_agg(country, ',' ORDER BY id) AS codes FROM cities",
    );
    this.countries = row?.codes.split(',') ?? [];
  }

  async startNodes(): Promise<void> {
    const { redis, encrypt, loseEvery } = this.#options;
    const l2 = redis === undefined ? { dir: this.#makeDir() } : { redis };
    const key = () => randomBytes(32).toString('hex');
    const instructions: ServiceInstructions = {
      source: this.source.origin,
      l2,
      namespace: `tierwise-demo-${randomBytes(6).toString('hex')}`,
      encryption: encrypt ? { key: key(), nameKey: key() } : undefined,
      l1Entries: L1_ENTRIES,
      loseEvery,
    };
    const origins = await Promise.all(
      Array.from({ length: NODES }, (_, index) =>
        this.#processes.start(`node ${index + 1}`, './service.js', instructions),
      ),
    );
    this.nodes.push(...origins.map((origin) => new JsonClient(origin)));
  }

  /** Ends all processes and removes what they left on disk. */
  async tearDown(): Promise<void> {
    await this.#processes.stop();
    for (const client of [...this.nodes, this.#source]) client?.close();
    if (this.#dir !== undefined) await rm(this.#dir, { recursive: true, force: true });
  }

  #makeDir(): string {
    this.#dir = mkdtempSync(join(tmpdir(), 'tierwise-demo-'));
    return this.#dir;
  }
}
