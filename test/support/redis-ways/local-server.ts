import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { Missing, type ProvidedRedis, type Way } from './way.js';
import { within } from './within.js';

const PROGRAMS = ['redis-server', 'valkey-server'];
const START_LIMIT_MS = 10_000;

/**
 * Runs a server in a folder of its own and kills it once stdin ends, which the kernel sees to however this process comes
 * to its end: a run that is killed leaves nothing behind.
 */
const UNTIL_STDIN_ENDS = `
  exec 3<&0
  folder=$(mktemp -d)
  "$@" --dir "$folder" 3<&- </dev/null & server=$!
  exec 2>/dev/null
  { cat <&3; kill -9 $server; rm -rf "$folder"; } >/dev/null &
  wait $server`;

/** A server of our own, of a program on PATH: on a free loopback port, without persistence, ended by its pid. */
export const localServer: Way = async () => {
  const program = await onPath(PROGRAMS);
  return program === undefined ? new Missing(`neither ${PROGRAMS.join(' nor ')} is on PATH`) : startServer(program);
};

async function startServer(program: string): Promise<ProvidedRedis> {
  const port = await freePort();
  const settings = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const server = spawn('/bin/sh', ['-c', UNTIL_STDIN_ENDS, 'sh', program, ...settings], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const gone = new Promise<void>((resolve) => server.once('close', () => resolve()));
  const stop = async () => {
    server.stdin.end();
    await gone;
  };
  try {
    await within(START_LIMIT_MS, ready(server));
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `redis://127.0.0.1:${port}`, origin: program, stop };
}

/** Resolves once the server says that it accepts connections. */
async function ready(server: ChildProcess): Promise<void> {
  let log = '';
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.once('exit', () => reject(new Error(`the server ended at once:\n${log}`)));
    server.stdout?.setEncoding('utf8').on('data', (text: string) => {
      log += text;
      if (log.includes('Ready to accept connections')) resolve();
    });
  });
  server.stdout?.removeAllListeners('data').resume();
}

async function onPath(names: readonly string[]): Promise<string | undefined> {
  for (const name of names) {
    for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
      const file = join(directory || '.', name);
      const executable = await access(file, constants.X_OK).then(
        () => true,
        () => false,
      );
      if (executable) return file;
    }
  }
  return undefined;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
