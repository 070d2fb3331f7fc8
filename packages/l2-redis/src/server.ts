import type { Redis } from 'ioredis';
import type { Answered } from './calls.js';
import { chunksOf } from './chunks.js';
import { RedisClock } from './clock.js';
import type { Settings } from './options.js';
import { Replicas } from './replicas.js';
import type { Script } from './scripts/script.js';
import type { ScriptArgument, Timed } from './topology.js';

/** So many keys are looked at in one step of a SCAN. */
const SCAN_COUNT = 500;

/** How often a server is asked for its time when it is met. The quickest answer tells most. */
const CLOCK_SAMPLES = 3;

/** What `defineCommand` adds to a client: EVAL the first time on a connection, then EVALSHA, and EVAL again on NOSCRIPT. */
type ScriptMethod = (keyCount: number, ...args: (string | number | Buffer)[]) => Promise<unknown>;
type EvalMethod = {
  evalBuffer(lua: string, keyCount: number, ...args: (string | number | Buffer)[]): Promise<unknown>;
};

/** Who a server is. */
export interface Identity {
  /**
   * Changes when another server, or another history of data, stands behind an address: by a restart, a failover, a promotion.
   * `undefined` where Redis does not tell.
   */
  readonly run: string | undefined;
  readonly isMaster: boolean;
}

/** One Redis: how commands are sent to it, and what time it has. */
export class Server {
  readonly client: Redis;
  readonly clock: RedisClock;
  /** Names the server's clock in what scripts stamp there. 0 where all stamps that are met are of one clock. */
  stamper = 0;
  /** Whether the client is ours alone. */
  readonly #isOwn: boolean;
  readonly #replicas: Replicas | undefined;

  constructor(client: Redis, { now, waitReplicas }: Pick<Settings, 'now' | 'waitReplicas'>, isOwn: boolean) {
    this.client = client;
    this.clock = new RedisClock(now);
    this.#replicas = waitReplicas && new Replicas(client, waitReplicas);
    this.#isOwn = isOwn;
  }

  /** Learns who it is and what time it has. Whether it does answer, too. */
  async meet(): Promise<Identity> {
    // Without the right to ask for INFO, a server counts as a master that was never met before.
    const sections = Promise.all(
      ['server', 'replication'].map((section) => this.client.info(section).catch(nothingForReply)),
    );
    sections.catch(() => {});
    for (let i = 0; i < CLOCK_SAMPLES; i += 1) await this.#learnTime();
    await this.client.ping();
    const info = (await sections).join('\n');
    const fact = (name: string): string | undefined => new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1];
    const run = fact('run_id');
    return {
      run: run === undefined ? undefined : `${run} ${fact('master_replid')}`,
      isMaster: fact('role') !== 'slave',
    };
  }

  /** Reads strings, in pieces that do not block Redis. */
  async mget(keys: readonly string[], answered: Answered): Promise<(Buffer | null)[]> {
    this.#sendTogether();
    const pieces = chunksOf(keys).map((chunk) => answered(this.client.mgetBuffer(...chunk)));
    const [values] = await Promise.all([Promise.all(pieces), this.clock.isStale ? answered(this.#learnTime()) : 0]);
    return values.length === 1 ? (values[0] as (Buffer | null)[]) : values.flat();
  }

  /** Reads one string. */
  get(key: string, isAsking: boolean): Promise<Buffer | null> {
    this.#sendTogether();
    if (isAsking) this.#ask();
    if (this.clock.isStale) this.#learnTime().catch(() => {});
    return this.client.getBuffer(key);
  }

  /** Runs a script, and waits for replicas if it is to last and that is wanted. */
  run(script: Script, keys: readonly string[], args: readonly ScriptArgument[], isAsking = false): Promise<unknown> {
    const answer = this.#send(script, keys, args, isAsking);
    return this.#replicas === undefined ? answer : this.#replicas.have(script, answer);
  }

  #send(script: Script, keys: readonly string[], args: readonly ScriptArgument[], isAsking: boolean): Promise<unknown> {
    this.#sendTogether();
    const lua = script.lua(this.stamper);
    const all = args.map(toArgument);
    if (isAsking) {
      // EVAL in full: the right to ask counts for one command, and would be used up by one that finds no script.
      this.#ask();
      return (this.client as unknown as EvalMethod).evalBuffer(lua, keys.length, ...keys, ...all);
    }
    const methods = this.client as unknown as Record<string, ScriptMethod | undefined>;
    if (methods[script.name] === undefined) this.client.defineCommand(script.name, { lua });
    return (methods[`${script.name}Buffer`] as ScriptMethod).call(this.client, keys.length, ...keys, ...all);
  }

  async runTimed(
    script: Script,
    keys: readonly string[],
    args: readonly ScriptArgument[],
    isAsking = false,
  ): Promise<Timed> {
    const sentAt = this.clock.local();
    const [micros, ...reply] = (await this.run(script, keys, args, isAsking)) as unknown[];
    this.clock.learn(Number(micros), sentAt);
    return { reply, now: this.clock.now() };
  }

  async scan(cursor: string, pattern: string, prefixBytes: number): Promise<{ cursor: string; keys: Buffer[] }> {
    const [next, keys] = await this.client.scanBuffer(cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT);
    return { cursor: next.toString(), keys: keys.map((key) => key.subarray(prefixBytes)) };
  }

  unlink(keys: readonly Buffer[], isAsking = false): Promise<number> {
    this.#sendTogether();
    if (isAsking) this.#ask();
    return this.client.unlink(...keys);
  }

  /** The next command may go to a slot that is just moving here. */
  #ask(): void {
    this.client.asking().catch(() => {});
  }

  async #learnTime(): Promise<void> {
    this.#sendTogether();
    const sentAt = this.clock.local();
    const [seconds, micros] = await this.client.time();
    this.clock.learn(Number(seconds) * 1_000_000 + Number(micros), sentAt);
  }

  // ioredis writes each command by itself, which is a system call each. Corked, what is asked in one go leaves as one, which
  // made single reads a quarter faster. The order stays. A user's client is left to the user, who may have it pipeline.
  #sendTogether(): void {
    if (!this.#isOwn) return;
    const { stream } = this.client;
    if (stream === undefined || stream.writableCorked > 0) return;
    stream.cork();
    process.nextTick(() => stream.uncork());
  }
}

// ioredis takes bytes as a Buffer only, and would write another Uint8Array as text.
function toArgument(value: ScriptArgument): string | number | Buffer {
  return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : value;
}

function nothingForReply(error: Error): string {
  if (error.name === 'ReplyError') return '';
  throw error;
}
