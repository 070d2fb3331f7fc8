import type { Redis } from 'ioredis';
import { chunksOf } from './chunks.js';
import { type Connection, commandConnection } from './connection.js';
import type { Settings } from './options.js';
import type { Script } from './scripts/script.js';
import type { Topology, TopologyListener } from './topology.js';

/** So many keys are looked at in one step of a SCAN. */
const SCAN_COUNT = 500;

/** What `defineCommand` adds to a client: EVAL the first time on a connection, then EVALSHA, and EVAL again on NOSCRIPT. */
type ScriptMethod = (keyCount: number, ...args: (string | number | Buffer)[]) => Promise<unknown>;

/** One Redis, by a connection of ours or by a user's client. */
export class StandaloneTopology implements Topology {
  readonly #client: Redis;
  readonly #own: Connection | undefined;
  #stopListening = () => {};

  constructor(settings: Settings) {
    this.#own = settings.client === undefined ? commandConnection(settings) : undefined;
    this.#client = settings.client ?? (this.#own as Connection).client;
  }

  get keyPrefix(): string {
    return String(this.#client.options.keyPrefix ?? '');
  }

  get db(): number {
    return this.#client.options.db ?? 0;
  }

  get isReady(): boolean {
    return this.#client.status === 'ready';
  }

  get lastError(): Error | undefined {
    return this.#own?.lastError();
  }

  connect({ onReady, onLost }: TopologyListener): void {
    const client = this.#client;
    let wasReady = false;
    const ready = (): void => {
      wasReady = true;
      onReady();
    };
    // Comes for attempts that failed as well.
    const close = (): void => {
      if (wasReady) onLost();
      wasReady = false;
    };
    client.on('ready', ready).on('close', close);
    this.#stopListening = () => client.off('ready', ready).off('close', close);
    if (client.status === 'ready') ready();
    // A failed attempt is followed by others; what it failed by is heard by the error listener.
    if (client.status === 'wait') client.connect().catch(() => {});
  }

  async close(): Promise<void> {
    this.#stopListening();
    await this.#own?.close();
  }

  group<T>(items: readonly T[], _keyOf: (item: T) => string, bytesOf?: (item: T) => number): T[][] {
    return chunksOf(items, bytesOf);
  }

  mget(keys: readonly string[]): Promise<(Buffer | null)[]> {
    this.#sendTogether();
    return this.#client.mgetBuffer(...keys);
  }

  run(script: Script, keys: readonly string[], args: readonly (string | number | Uint8Array)[]): Promise<unknown> {
    this.#sendTogether();
    const methods = this.#client as unknown as Record<string, ScriptMethod | undefined>;
    if (methods[script.name] === undefined) this.#client.defineCommand(script.name, { lua: script.lua });
    const method = methods[`${script.name}Buffer`] as ScriptMethod;
    return method.call(this.#client, keys.length, ...keys, ...args.map(toArgument));
  }

  async time(): Promise<number> {
    this.#sendTogether();
    const [seconds, micros] = await this.#client.time();
    return Number(seconds) * 1_000_000 + Number(micros);
  }

  async scan(cursor: string, pattern: string): Promise<{ cursor: string; keys: Buffer[] }> {
    const [next, keys] = await this.#client.scanBuffer(cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT);
    const prefixBytes = Buffer.byteLength(this.keyPrefix);
    return { cursor: next.toString(), keys: keys.map((key) => key.subarray(prefixBytes)) };
  }

  unlink(keys: readonly Buffer[]): Promise<number> {
    return this.#client.unlink(...keys);
  }

  publish(channel: string, message: string): Promise<unknown> {
    return this.#client.publish(channel, message);
  }

  ping(): Promise<unknown> {
    return this.#client.ping();
  }

  info(section: string): Promise<string> {
    return this.#client.info(section);
  }

  // ioredis writes each command by itself, which is a system call each. Corked, what is asked in one go leaves as one, which
  // made single reads a quarter faster. The order stays. A user's client is left to the user, who may have it pipeline.
  #sendTogether(): void {
    if (this.#own === undefined) return;
    const { stream } = this.#client;
    if (stream.writableCorked > 0) return;
    stream.cork();
    process.nextTick(() => stream.uncork());
  }
}

// ioredis takes bytes as a Buffer only, and would write another Uint8Array as text.
function toArgument(value: string | number | Uint8Array): string | number | Buffer {
  return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : value;
}
