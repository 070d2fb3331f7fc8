import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { startProcess, startRedisServer, type TestRedisServer } from './redis-server.js';

/** After so many milliseconds of silence a server counts as down, and a replica takes over. */
const DOWN_AFTER_MS = 500;

/** A master waits for further replicas before it sends its data to the first one, five seconds unless told otherwise. */
const SYNC_AT_ONCE = ['--repl-diskless-sync-delay', '0'];

/** A master, a replica and the Sentinels that watch over them, all of a test's own and on loopback ports. */
export interface TestSentinels {
  readonly name: string;
  readonly addresses: readonly { host: string; port: number }[];
  /** The master of the beginning. */
  readonly master: TestRedisServer;
  readonly replica: TestRedisServer;
  /** The port of the present master, as the first Sentinel has it. */
  masterPort(): Promise<number>;
  stop(): Promise<void>;
}

/**
 * @param options `sentinels`: how many of them, a majority of whom must agree. Default: one, which elects itself at once, where
 * several may disagree for seconds on a busy machine.
 * @returns `undefined` where no server program is on PATH: the test is to be skipped, visibly.
 */
export async function startSentinels({ sentinels: count = 1 } = {}): Promise<TestSentinels | undefined> {
  const [master, replica] = await Promise.all([startRedisServer(...SYNC_AT_ONCE), startRedisServer(...SYNC_AT_ONCE)]);
  if (master === undefined || replica === undefined) return undefined;
  const follower = new Redis(replica.url);
  await follower.replicaof('127.0.0.1', master.port);
  await poll('the replica follows', async () => (await follower.info('replication')).includes('master_link_status:up'));
  follower.disconnect();
  const quorum = Math.floor(count / 2) + 1;
  const started = await Promise.all(Array.from({ length: count }, () => startSentinel(master.port, quorum)));
  const sentinels = started.filter((sentinel) => sentinel !== undefined);
  const admins = sentinels.map(({ url }) => new Redis(url));
  for (const admin of admins) admin.on('error', () => {});
  await poll('the Sentinels know of all', async () => {
    const replies = await Promise.all(admins.map((admin) => admin.call('SENTINEL', 'MASTER', 'main')));
    return replies.every((reply) => {
      const facts = reply as string[];
      const fact = (name: string): string | undefined => facts[facts.indexOf(name) + 1];
      return fact('num-slaves') === '1' && fact('num-other-sentinels') === `${count - 1}` && fact('flags') === 'master';
    });
  });
  return {
    name: 'main',
    addresses: sentinels.map(({ port }) => ({ host: '127.0.0.1', port })),
    master,
    replica,
    async masterPort() {
      const [admin] = admins as [Redis, ...Redis[]];
      const [, port] = (await admin.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'main')) as [string, string];
      return Number(port);
    },
    async stop() {
      for (const admin of admins) admin.disconnect();
      await Promise.all([...sentinels, master, replica].map((server) => server.stop()));
    },
  };
}

function startSentinel(masterPort: number, quorum: number): Promise<TestRedisServer | undefined> {
  return startProcess(async (port, folder) => {
    // It keeps what it learns in its file.
    const file = join(folder, 'sentinel.conf');
    const lines = [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${folder}`,
      `sentinel monitor main 127.0.0.1 ${masterPort} ${quorum}`,
      `sentinel down-after-milliseconds main ${DOWN_AFTER_MS}`,
      'sentinel failover-timeout main 3000',
    ];
    await writeFile(file, `${lines.join('\n')}\n`);
    return [file, '--sentinel'];
  }, 'Sentinel ID is');
}

async function poll(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const start = performance.now(); !(await isSo()); await delay(20)) {
    if (performance.now() - start > 20_000) throw new Error(`waited 20 s in vain: ${what}`);
  }
}
