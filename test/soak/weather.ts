import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../coherence/random.js';
import type { FaultProxy } from '../support/fault-proxy.js';
import type { TestRedisServer } from '../support/redis-server.js';

const LONGEST_CALM_MS = 3_000;
const LONGEST_FAULT_MS = 2_000;

/** How often which fault comes. */
const KINDS = { cut: 4, forsake: 2, refuse: 3, delay: 3, silence: 3, throttle: 1, freeze: 2, kill: 1 };

/** Has something go wrong with Redis now and then, until it is told to stop. Then all is well. */
export async function storm(
  proxies: readonly FaultProxy[],
  server: TestRedisServer,
  random: Random,
  isOn: () => boolean,
): Promise<number> {
  let count = 0;
  while (isOn()) {
    await sleep(random.between(0, LONGEST_CALM_MS));
    if (!isOn()) break;
    count += 1;
    const proxy = random.pick(proxies);
    const end = await begin(random.weighted(KINDS), proxy, server, random);
    await sleep(random.between(0, LONGEST_FAULT_MS));
    await end();
  }
  return count;
}

async function begin(
  kind: keyof typeof KINDS,
  proxy: FaultProxy,
  server: TestRedisServer,
  random: Random,
): Promise<() => unknown> {
  switch (kind) {
    case 'cut':
      proxy.cut();
      return () => {};
    case 'forsake':
      proxy.forsake();
      return () => {};
    case 'refuse':
      return proxy.refuse();
    case 'delay':
      return proxy.inject({ kind: 'delay', ms: () => random.between(0, 300) });
    case 'silence':
      return proxy.inject({ kind: 'silence' }, { direction: random.pick(['toServer', 'toClient']) });
    case 'throttle':
      return proxy.inject({ kind: 'throttle', bytesPerSecond: 20_000 });
    case 'freeze':
      server.freeze();
      return () => server.thaw();
    case 'kill':
      await server.kill();
      return () => server.restart();
  }
}
