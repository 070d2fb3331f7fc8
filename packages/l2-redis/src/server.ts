import type { Redis } from 'ioredis';
import type { Answered } from './calls.js';
import { chunksOf, MAX_ITEMS } from './chunks.js';
import type { RedisClock } from './clock.js';
import { KnownServer } from './known-server.js';
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

/** One Redis over one connection: how commands are sent to it, and what time it has. */
export class Server {
  readonly client: Redis;
  /** What is known of it. Connections to one server may share it, see `pooled.ts`. */
  known: KnownServer;
  /** Whether what is sent may wait for the end of the turn, to leave as one. */
  readonly #isOwn: boolean;
  readonly #replicas: Replicas | undefined;

  constructor(client: Redis, { now, waitReplicas }: Pick<Settings, 'now' | 'waitReplicas'>, isOwn: boolean) {
    this.client = client;
    this.known = new KnownServer(now);
    this.#replicas = waitReplicas && new Replicas(client, waitReplicas);
    this.#isOwn = isOwn;
  }

  get clock(): RedisClock {
    return this.known.clock;
  }

  get stamper(): number {
    return this.known.stamper;
  }

  /** Learns who it is and what time it has. Whether it does answer, too. */
  async meet(): Promise<Identity> {
    // Without the right to ask for INFO, a server counts as a master that was never met before.
    const sections = Promise.all(
      ['server', 'replication'].map((section) => this.client.info(section).catch(nothingForReply)),
    );
    sections.catch(() => {});
    let micros = 0;
    for (let i = 0; i < CLOCK_SAMPLES; i += 1) micros = await this.#askTime();
    await this.client.ping();
    const info = (await sections).join('\n');
    const fact = (name: string): string | undefined => new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1];
    const process = fact('run_id');
    const run = process === undefined ? undefined : `${process} ${fact('master_replid') ?? ''}`;
    const isMaster = fact('role') !== 'slave';
    this.known.stamper = process === undefined ? 0 : stamperOf(process);
    if (isMaster) this.known.begin(run, micros);
    return { run, isMaster };
  }

  /** Reads strings, in pieces that do not block Redis. */
  mget(keys: readonly string[], answered: Answered): Promise<(Buffer | null)[]> {
    this.#sendTogether();
    if (keys.length <= MAX_ITEMS && !this.clock.isStale) return answered(this.client.mgetBuffer(...keys));
    return this.#mgetMore(keys, answered);
  }

  async #mgetMore(keys: readonly string[], answered: Answered): Promise<(Buffer | null)[]> {
    const pieces = chunksOf(keys).map((chunk) => answered(this.client.mgetBuffer(...chunk)));
    const [values] = await Promise.all([Promise.all(pieces), this.clock.isStale ? answered(this.#askTime()) : 0]);
    return values.length === 1 ? (values[0] as (Buffer | null)[]) : values.flat();
  }

  /** Reads strings by a command each, all of which leave together. */
  getEach(keys: readonly string[]): Promise<Buffer | null>[] {
    this.#sendTogether();
    if (this.clock.isStale) this.#askTime().catch(() => {});
    return keys.map((key) => this.client.getBuffer(key));
  }

  /** Reads one string. */
  get(key: string, isAsking: boolean): Promise<Buffer | null> {
    this.#sendTogether();
    if (isAsking) this.#ask();
    if (this.clock.isStale) this.#askTime().catch(() => {});
    return this.client.getBuffer(key);
  }

  /** Runs a script, and waits for replicas if it is to last and that is wanted. */
  run(script: Script, keys: readonly string[], args: readonly ScriptArgument[], isAsking = false): Promise<unknown> {
    return this.#run(script, keys, args, '', isAsking);
  }

  #run(
    script: Script,
    keys: readonly string[],
    args: readonly ScriptArgument[],
    notAfter: string | number,
    isAsking: boolean,
  ): Promise<unknown> {
    const answer = this.#send(script, keys, [...args, notAfter, this.stamper], isAsking);
    return this.#replicas === undefined ? answer : this.#replicas.have(script, answer);
  }

  #send(script: Script, keys: readonly string[], args: readonly ScriptArgument[], isAsking: boolean): Promise<unknown> {
    this.#sendTogether();
    const { name, lua } = script;
    const all = args.map(toArgument);
    if (isAsking) {
      // EVAL in full: the right to ask counts for one command, and would be used up by one that finds no script.
      this.#ask();
      return (this.client as unknown as EvalMethod).evalBuffer(lua, keys.length, ...keys, ...all);
    }
    const methods = this.client as unknown as Record<string, ScriptMethod | undefined>;
    if (methods[name] === undefined) this.client.defineCommand(name, { lua });
    return (methods[`${name}Buffer`] as ScriptMethod).call(this.client, keys.length, ...keys, ...all);
  }

  /** Runs a script whose answer begins with the time, see `topology.ts`. */
  async runTimed(
    script: Script,
    keys: readonly string[],
    args: readonly ScriptArgument[],
    deadline: number,
    isAsking = false,
  ): Promise<Timed> {
    const sentAt = this.clock.local();
    // Rather too early than too late: who gave up must be able to rely on it.
    const notAfter = Math.floor((this.clock.earliest() + deadline - performance.now()) * 1_000);
    const [micros, ...reply] = (await this.#run(script, keys, args, notAfter, isAsking)) as unknown[];
    this.clock.learn(Number(micros), sentAt);
    this.known.hear(Number(micros));
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

  async #askTime(): Promise<number> {
    this.#sendTogether();
    const sentAt = this.clock.local();
    const [seconds, rest] = await this.client.time();
    const micros = Number(seconds) * 1_000_000 + Number(rest);
    this.clock.learn(micros, sentAt);
    return micros;
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

/** 32 bits of what names a server, which is random. 0 stands for no server in particular. */
export function stamperOf(id: string): number {
  return Number.parseInt(id.slice(0, 8), 16) || 1;
}

// ioredis takes bytes as a Buffer only, and would write another Uint8Array as text.
function toArgument(value: ScriptArgument): string | number | Buffer {
  return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : value;
}

function nothingForReply(error: Error): string {
  if (error.name === 'ReplyError') return '';
  throw error;
}
