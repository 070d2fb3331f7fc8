import { atLength, type Layer } from './layers.js';
import { type ConfigProblem, unknownName } from './problems.js';
import { OPTION_LIST, type OptionInfo } from './schema/reference.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Says which file to read. */
export const FILE_VARIABLE = 'TIERWISE_CONFIG';

/** Variables of the older system that mean nothing here, and why. */
export const RETIRED: ReadonlyMap<string, string> = new Map([
  ['ROBUST_CACHE_MAX_ITEMS', 'second tiers are bounded by bytes: l2.embedded.maxBytes, or Redis’ maxmemory'],
  ['SHARD_IMBALANCE_THRESHOLD', 'there are no shards to be balanced within a process'],
  ['SHARD_BALANCE_INTERVAL', 'there are no shards to be balanced within a process'],
  ['MIN_CLEANUP_INTERVAL', 'the clean-up of L1 finds its own pace'],
  ['MAX_CLEANUP_INTERVAL', 'the clean-up of L1 finds its own pace'],
  ['LATENCY_THRESHOLD', 'the clean-up of L1 finds its own pace'],
  ['INSERT_THRESHOLD', 'the clean-up of L1 finds its own pace'],
  ['MIGRATION_USE_NEW_CACHE', 'moving from one L2 to another is done by @tierwise/l2-migration'],
]);

/** Whoever sets a variable of these, and means none that there is, has misspelt it. */
const OWN_PREFIXES = ['TIERWISE_', 'CACHE_HIERARCHY_', 'ROBUST_CACHE_', 'REDIS_POOL_'];

/** For tests of Tierwise's own. */
const FOREIGN_PREFIXES = ['TIERWISE_TEST_'];

/** What the environment says. */
export interface EnvironmentReading {
  /** By the variables of the older system. */
  readonly legacy: Layer;
  /** By those that follow from an option's path. */
  readonly own: Layer;
  readonly problems: readonly ConfigProblem[];
  /** Variables that have no effect, with the reason. */
  readonly notes: readonly string[];
}

/** Reads options from variables. An empty one says nothing. */
export function readEnvironment(environment: Environment): EnvironmentReading {
  const legacy: Layer = new Map();
  const own: Layer = new Map();
  const problems: ConfigProblem[] = [];
  for (const option of OPTION_LIST) {
    const { path, variable } = option;
    const written = textOf(environment, variable);
    if (written !== undefined) own.set(atLength(path), { value: understood(written, option), source: variable });
    const old = option.legacy && textOf(environment, option.legacy.name);
    if (option.legacy === undefined || old === undefined) continue;
    const { name, unit } = option.legacy;
    const value = unit === undefined ? understood(old, option) : inUnit(old, unit);
    if (value !== undefined) legacy.set(path, { value, source: name });
    else problems.push(noNumber(path, name, unit, old));
  }
  return { legacy, own, problems: [...problems, ...strangers(environment)], notes: notesOn(environment) };
}

function strangers(environment: Environment): ConfigProblem[] {
  const known = [
    FILE_VARIABLE,
    ...RETIRED.keys(),
    ...OPTION_LIST.flatMap(({ variable, legacy }) => (legacy === undefined ? [variable] : [variable, legacy.name])),
  ];
  return (
    Object.keys(environment)
      // Systems tell names in small letters apart; who wrote them hardly meant to.
      .filter((name) => OWN_PREFIXES.some((prefix) => name.toUpperCase().startsWith(prefix)))
      .filter((name) => !FOREIGN_PREFIXES.some((prefix) => name.startsWith(prefix)))
      .filter((name) => !known.includes(name))
      .map((name) => unknownName('variable', name, known, 'environment'))
  );
}

function notesOn(environment: Environment): string[] {
  return [...RETIRED].flatMap(([name, why]) =>
    textOf(environment, name) === undefined ? [] : [`${name} has no effect: ${why}`],
  );
}

function textOf(environment: Environment, name: string): string | undefined {
  const text = environment[name]?.trim();
  return text === '' ? undefined : text;
}

const NUMBER = /^-?\d+(?:\.\d+)?$/;
const YES = new Set(['true', '1', 'yes', 'on']);
const NO = new Set(['false', '0', 'no', 'off']);

/** The value that a text stands for. What it cannot stand for stays text, and is refused where everything is checked. */
function understood(text: string, { kind }: OptionInfo): unknown {
  const word = text.toLowerCase();
  switch (kind) {
    case 'duration':
    case 'bytes':
    case 'short':
      return NUMBER.test(text) ? Number(text) : text;
    case 'number':
      return word === 'false' ? false : NUMBER.test(text) ? Number(text) : text;
    case 'flag':
      return YES.has(word) ? true : NO.has(word) ? false : text;
    case 'off':
      return NO.has(word) ? false : text;
    case 'list':
    case 'map':
      return /^[[{]/.test(text) ? fromJson(text) : text.split(',').map((element) => element.trim());
    case 'choice':
    case 'text':
      return text;
  }
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function inUnit(text: string, unit: 'seconds' | 'megabytes'): number | string | undefined {
  if (!NUMBER.test(text)) return undefined;
  return unit === 'seconds' ? Number(text) * 1000 : `${Number(text)}mb`;
}

function noNumber(option: string, name: string, unit: string | undefined, text: string): ConfigProblem {
  const message = `${name} must be a number of ${unit}, not ${JSON.stringify(text)}`;
  return { code: 'invalid', option, source: name, suggestion: undefined, message };
}
