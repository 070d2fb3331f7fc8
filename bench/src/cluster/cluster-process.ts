/** A Redis Cluster of three masters that is over when whoever started it is: in a process of its own, since a killed one cannot tidy up. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { startRedisCluster } from '@tierwise/test/support/redis-cluster';

const SELF = fileURLToPath(import.meta.url);
const MASTERS = 3;

export interface BenchCluster {
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  stop(): Promise<void>;
}

export async function startCluster(): Promise<BenchCluster> {
  const child = fork(SELF, ['serve'], { execArgv: [] });
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the cluster's process ended with ${code}: is redis-server on PATH?`);
  });
  ended.catch(() => {});
  const [nodes] = (await Promise.race([once(child, 'message'), ended])) as [BenchCluster['nodes']];
  return {
    nodes,
    stop: async () => {
      if (child.exitCode !== null) return;
      const gone = once(child, 'exit');
      child.disconnect();
      await gone;
    },
  };
}

async function serve(): Promise<void> {
  const cluster = await startRedisCluster({ masters: MASTERS });
  if (cluster === undefined) throw new Error('neither redis-server nor valkey-server is on PATH');
  process.once('disconnect', async () => {
    await cluster.stop();
    process.exit();
  });
  process.send?.(cluster.addresses);
}

if (process.argv[1] === SELF && process.argv[2] === 'serve') await serve();
