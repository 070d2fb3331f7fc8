import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A Redis of a test's own, to be frozen and killed. On a loopback port, without persistence. */
export interface TestRedisServer {
  readonly url: string;
  readonly port: number;
  /** Of the running process. */
  readonly pid: number;
  /** Stops it in its tracks (`SIGSTOP`): connections stay open, nothing answers. */
  freeze(): void;
  /** Undoes {@link freeze}. */
  thaw(): void;
  /** Kills it (`SIGKILL`), and with it all that it held. Resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again, empty, on the same port, after a {@link kill}. */
  restart(): Promise<void>;
  /** Ends it for good. Idempotent. */
  stop(): Promise<void>;
}

const PROGRAMS = ['redis-server', 'valkey-server'];
const START_LIMIT_MS = 10_000;

/**
 * Starts a server of this test's own.
 *
 * @param args more arguments, such as `--requirepass x`.
 * @returns `undefined` where no server program is on PATH: the test is to be skipped, visibly.
 */
export async function startRedisServer(...args: string[]): Promise<TestRedisServer | undefined> {
  return startProcess(
    async (port, folder) => ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--dir', folder, ...args],
    'Ready to accept connections',
  );
}

/**
 * Starts the server program in whatever role.
 *
 * @param argsOf its arguments, given a free port and a folder of its own.
 * @param sign what it prints when it is ready.
 * @returns `undefined` where no server program is on PATH.
 */
export async function startProcess(
  argsOf: (port: number, folder: string) => Promise<string[]>,
  sign: string,
): Promise<TestRedisServer | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'tierwise-redis-'));
  const port = await freePort();
  for (const program of PROGRAMS) {
    const start = async () => run(program, await argsOf(port, folder), sign);
    const process = await start();
    if (process !== undefined) return new Server(port, folder, process, start);
  }
  await rm(folder, { recursive: true });
  return undefined;
}

class Server implements TestRedisServer {
  readonly port: number;
  readonly #folder: string;
  readonly #start: () => Promise<ChildProcess | undefined>;
  #process: ChildProcess;

  constructor(port: number, folder: string, process: ChildProcess, start: () => Promise<ChildProcess | undefined>) {
    this.port = port;
    this.#folder = folder;
    this.#process = process;
    this.#start = start;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  freeze(): void {
    this.#process.kill('SIGSTOP');
  }

  thaw(): void {
    this.#process.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await gone;
  }

  async restart(): Promise<void> {
    const process = await this.#start();
    if (process === undefined) throw new Error('the server cannot be started again');
    this.#process = process;
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Resolves once the server is ready; with `undefined` when there is no such program. */
async function run(program: string, args: readonly string[], sign: string): Promise<ChildProcess | undefined> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  // If the test's process ends early, its server does not outlive it.
  const end = () => child.kill('SIGKILL');
  process.once('exit', end);
  child.once('exit', () => process.off('exit', end));
  return new Promise((resolve, reject) => {
    let log = '';
    const timer = setTimeout(() => {
      end();
      reject(new Error(`${program} was not ready within ${START_LIMIT_MS} ms:\n${log}`));
    }, START_LIMIT_MS);
    const settle = (outcome: () => void) => {
      clearTimeout(timer);
      outcome();
    };
    child.once('error', (error: NodeJS.ErrnoException) =>
      settle(() => (error.code === 'ENOENT' ? resolve(undefined) : reject(error))),
    );
    child.once('exit', () => settle(() => reject(new Error(`${program} ended at once:\n${log}`))));
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      log += text;
      if (log.includes(sign)) settle(() => resolve(child));
    });
  });
}

/** A loopback port that nobody listens on right now. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
