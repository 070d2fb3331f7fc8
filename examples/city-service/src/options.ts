import { parseArgs } from 'node:util';

/** What the demo was asked for. */
export interface DemoOptions {
  /** The Redis to use as L2; the embedded L2 in a temporary directory if none. */
  readonly redis: string | undefined;
  readonly encrypt: boolean;
  readonly seconds: number;
  readonly seed: number;
  readonly graceMs: number;
  /** Where the first node serves its metrics, and the second one port above; 0: on any ports. `undefined`: not at all. */
  readonly metrics: number | undefined;
  /** Not for show: see `loseEvery` of the app. */
  readonly loseEvery: number;
}

export const USAGE = `npm run demo -- [options]
  --redis redis://host:port   use this Redis as L2; by default, an embedded one in a temporary directory
  --encrypt                   seal values, and hide the names of keys and tags
  --seconds N                 how long to drive the service (20)
  --seed N                    of the workload (random)
  --grace MS                  how late the other node may learn of an invalidation (100)
  --metrics PORT              serve metrics and health on this port (node 1) and the next (node 2); 0: any`;

/** @throws Error with what is wrong; `undefined` where help was asked for. */
export function parseOptions(args: readonly string[]): DemoOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      redis: { type: 'string' },
      encrypt: { type: 'boolean', default: false },
      seconds: { type: 'string', default: '20' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
      grace: { type: 'string', default: '100' },
      metrics: { type: 'string' },
      'lose-every': { type: 'string', default: '0' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  if (values.redis !== undefined && !/^rediss?:\/\//.test(values.redis)) {
    throw new Error('--redis must be a URL such as redis://localhost:6379');
  }
  return {
    redis: values.redis,
    encrypt: values.encrypt,
    seconds: numberOf('--seconds', values.seconds, 1, 3600),
    seed: numberOf('--seed', values.seed, 0, 2 ** 32 - 1),
    graceMs: numberOf('--grace', values.grace, 0, 60_000),
    metrics: values.metrics === undefined ? undefined : numberOf('--metrics', values.metrics, 0, 65_534),
    loseEvery: numberOf('--lose-every', values['lose-every'], 0, 1_000_000),
  };
}

function numberOf(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw new Error(`${name} must be a whole number from ${min} to ${max}, not ${JSON.stringify(text)}`);
}
