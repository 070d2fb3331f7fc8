import { parseArgs } from 'node:util';

/** What the command line asks for. */
export interface Arguments {
  readonly quick: boolean;
  readonly check: boolean;
  /** Ids of scenarios; all of them where it is undefined. */
  readonly only: readonly string[] | undefined;
  /** Where CPU profiles go. */
  readonly profiles: string | undefined;
}

export const USAGE = `npm run bench [-- options]

  --quick          a minute or two instead of 10, and nothing is written: to see whether something is far off
  --only P1,P3     some scenarios, and nothing is written
  --check          fails if a ratio is 20 % worse than the committed one, in docs/benchmarks.json
  --traces         hit ratios of L1's policies instead, on the traces of the folder TIERWISE_TRACES or on a made-up one
  --profile DIR    each contestant's process leaves a CPU profile there, for Chrome's developer tools
`;

/** @throws TypeError for what there is not. */
export function parseArguments(args: readonly string[], known: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
      only: { type: 'string' },
      profile: { type: 'string' },
    },
  });
  const only = values.only?.split(',').map((id) => id.trim().toUpperCase());
  const unknown = only?.find((id) => !known.includes(id));
  if (unknown !== undefined) throw new TypeError(`there is no scenario ${unknown}: there are ${known.join(', ')}`);
  return { quick: values.quick, check: values.check, only, profiles: values.profile };
}
