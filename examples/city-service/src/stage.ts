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
  /** Where they serve their metrics. */
  readonly metrics: string[] = [];
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
    const { origin } = await this.#processes.start('the source', './source.js', {});
    this.#source = new Database(origin);
    const [row] = await this.#source.query<{ codes: string }>(
      "SELECT string_agg(country, ',' ORDER BY id) AS codes FROM cities",
    );
    this.countries = row?.codes.split(',') ?? [];
  }

  async startNodes(): Promise<void> {
    const { redis, encrypt, loseEvery, metrics } = this.#options;
    const l2 = redis === undefined ? { dir: this.#makeDir() } : { redis };
    const key = () => randomBytes(32).toString('hex');
    const instructions: Omit<ServiceInstructions, 'metrics'> = {
      source: this.source.origin,
      l2,
      namespace: `tierwise-demo-${randomBytes(6).toString('hex')}`,
      encryption: encrypt ? { key: key(), nameKey: key() } : undefined,
      l1Entries: L1_ENTRIES,
      loseEvery,
    };
    const ready = await Promise.all(
      Array.from({ length: NODES }, (_, index) =>
        this.#processes.start<ServiceInstructions>(`node ${index + 1}`, './service.js', {
          ...instructions,
          metrics: metrics ? metrics + index : metrics,
        }),
      ),
    );
    this.nodes.push(...ready.map(({ origin }) => new JsonClient(origin)));
    this.metrics.push(...ready.flatMap((node) => node.metrics ?? []));
  }

  /** Ends all processes and removes what they left on disk. */
  async tearDown(): Promise<void> {
    await this.#processes.stop();
    for (const client of this.nodes) client.close();
    await this.#source?.close();
    if (this.#dir !== undefined) await rm(this.#dir, { recursive: true, force: true });
  }

  #makeDir(): string {
    this.#dir = mkdtempSync(join(tmpdir(), 'tierwise-demo-'));
    return this.#dir;
  }
}
