/**
 * The vitest globalSetup that provides a real Redis to every test, as `TIERWISE_TEST_REDIS_URL`.
 *
 * The ways are tried in this order: the server that `REDIS_URL` names, a container, a server program on PATH, Debian's
 * package. `TIERWISE_TEST_REDIS=url|container|local` allows one way only, so that a run which is meant to prove something
 * about containers cannot quietly prove something else.
 */
import { container } from './redis-ways/container.js';
import { debianPackage } from './redis-ways/debian-package.js';
import { givenUrl } from './redis-ways/given-url.js';
import { localServer } from './redis-ways/local-server.js';
import { serverVersion } from './redis-ways/version.js';
import { Missing, type ProvidedRedis, type Way } from './redis-ways/way.js';

const WAYS: Readonly<Record<string, readonly Way[]>> = {
  url: [givenUrl],
  container: [container],
  local: [localServer, debianPackage],
};

const HOW_TO_GET_ONE = `Ways to get a Redis for the tests:
  - set REDIS_URL to a server that the tests may write to: REDIS_URL=redis://localhost:6379 npm test
  - start a container engine (Docker, Podman): the tests bring up a container by themselves
  - put redis-server or valkey-server on PATH: the tests start it on a free port
  - on Debian, run as root: the tests install the package redis-server`;

export default async function setup(): Promise<() => Promise<void>> {
  const redis = await provideRedis(process.env['TIERWISE_TEST_REDIS'] || undefined);
  process.env['TIERWISE_TEST_REDIS_URL'] = redis.url;
  return redis.stop;
}

/** @param only - name of the one way that is allowed; all of them, in order, when left out. */
async function provideRedis(only?: string): Promise<ProvidedRedis> {
  const ways = only === undefined ? Object.values(WAYS).flat() : WAYS[only];
  if (!ways) throw new Error(`TIERWISE_TEST_REDIS must be one of ${Object.keys(WAYS).join(', ')}, not "${only}"`);
  const reasons: string[] = [];
  for (const way of ways) {
    const redis = await way(say);
    if (redis instanceof Missing) {
      reasons.push(`  - ${redis.reason}`);
      if (redis.surprising) say(redis.reason);
      continue;
    }
    try {
      say(`${await serverVersion(redis.url)} (${redis.origin}, ${withoutPassword(redis.url)})`);
      return redis;
    } catch (error) {
      await redis.stop();
      throw new Error(`The Redis at ${withoutPassword(redis.url)} (${redis.origin}) does not answer`, { cause: error });
    }
  }
  const forced = only === undefined ? '' : ` (TIERWISE_TEST_REDIS=${only} allows one way only)`;
  throw new Error(`There is no Redis to test with${forced}:\n${reasons.join('\n')}\n${HOW_TO_GET_ONE}`);
}

function say(line: string): void {
  process.stdout.write(`Redis for the tests: ${line}\n`);
}

function withoutPassword(url: string): string {
  const address = new URL(url);
  if (address.password) address.password = '***';
  return address.href;
}
