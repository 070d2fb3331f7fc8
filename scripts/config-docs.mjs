/**
 * `node scripts/config-docs.mjs`: writes docs/configuration.md and packages/config/tierwise.schema.json from the schema of
 * @tierwise/config. With `--check` nothing is written, and it fails where they are not what the schema says.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  configJsonSchema,
  OPTION_LIST,
  PROFILE_NAMES,
  PROFILES,
  RETIRED_VARIABLES,
} from '../packages/config/dist/index.js';
import { root } from './lib/run.mjs';

/** Parts of the page, by the option that each begins with. */
const PARTS = [
  ['profile', 'The service'],
  ['ttl', 'Lives and loads'],
  ['l1', 'L1'],
  ['maxStaleness', 'The way to L2'],
  ['compression', 'Values'],
  ['l2.use', 'Which L2'],
  ['l2.redis', 'Redis'],
  ['l2.redis.pool', 'A pool of connections to Redis'],
  ['l2.embedded', 'The embedded L2'],
  ['journal', 'The journal'],
  ['telemetry', 'Telemetry'],
  ['snapshot', 'Snapshots'],
  ['incidents', 'Incidents'],
];

const HEAD = '| option | default | variable | |\n|---|---|---|---|';

const outputs = [
  ['docs/configuration.md', page()],
  ['packages/config/tierwise.schema.json', `${JSON.stringify(configJsonSchema(), null, 2)}\n`],
];
let outdated = 0;
for (const [path, text] of outputs) {
  const file = join(root, path);
  if ((await readFile(file, 'utf8').catch(() => '')) === text) continue;
  if (process.argv.includes('--check')) {
    console.log(`${path} is not what the schema says: run node scripts/config-docs.mjs`);
    outdated += 1;
  } else await writeFile(file, text);
}
process.exitCode = outdated > 0 ? 1 : 0;

function page() {
  return `# Configuration

<!-- Written by scripts/config-docs.mjs from the schema of @tierwise/config: change that, and run the script. -->

Every option that [@tierwise/config](../packages/config/README.md) understands: how it is written in \`tierwise.config.{ts,js,json,toml}\` and in
code, and its environment variable, which follows from its path. Durations are milliseconds, or have a unit (\`'250ms'\`, \`'10s'\`, \`'5m'\`,
\`'2h'\`, \`'1d'\`, \`'1w'\`); sizes are bytes, or have one (\`'512kb'\`, \`'64mb'\`, \`'1gb'\`). What is secret is marked, and never shown.

## Which value counts

Option by option, from the weakest to the strongest:

1. the default;
2. the profile's default;
3. code: \`loadConfig({ code })\`;
4. the configuration file;
5. the environment: first the variables of the [older system](#variables-of-the-older-system), then \`TIERWISE_…\`.

A group that is switched off (\`breaker: false\`) is on again where a stronger source names one of its parts. In the environment, lists are
separated by commas, or JSON; an empty variable says nothing. Variables that begin with \`TIERWISE_\`, \`CACHE_HIERARCHY_\` or \`REDIS_POOL_\` and
that do not exist are refused, as is everything else that is misspelt, with what was probably meant.

## Profiles

| profile | what for | its defaults |
|---|---|---|
${PROFILE_NAMES.map((name) => `| \`${name}\` | ${PROFILES[name].about} | ${flat(PROFILES[name].values).join('<br>')} |`).join('\n')}

${parts()}
## Variables of the older system

These keep the units that they had there. Where both are set, \`TIERWISE_…\` counts.

| variable | option | unit |
|---|---|---|
${OPTION_LIST.filter((option) => option.legacy)
  .map(({ path, legacy }) => `| \`${legacy.name}\` | \`${path}\` | ${legacy.unit ?? ''} |`)
  .join('\n')}

Some have no effect, which \`describe()\` says:

| variable | why |
|---|---|
${[...RETIRED_VARIABLES].map(([name, why]) => `| \`${name}\` | ${why} |`).join('\n')}

## What only code can give

\`createHierarchyFromConfig(config, code)\` takes what is no text: an L2 or a journal of your own, \`logger\`, \`clock\`, \`instrumentation\`,
\`correlationId\`, \`incidents.handlers\`, \`incidents.memory.measure\`. It goes before what is configured. What can be changed while the service runs, \`cache.reconfigure()\` changes.
`;
}

function parts() {
  const starts = PARTS.map(([start]) => start);
  const partOf = (path) => starts.findLastIndex((start) => path === start || path.startsWith(`${start}.`));
  const rows = PARTS.map(() => []);
  let current = 0;
  for (const option of OPTION_LIST) {
    const own = partOf(option.path);
    // What begins no part belongs to the one before.
    if (own >= 0) current = own;
    rows[current].push(row(option));
  }
  return PARTS.map(([, title], index) => `## ${title}\n\n${HEAD}\n${rows[index].join('\n')}\n`).join('\n');
}

function row(option) {
  const { path, variable, about, byDefault, secret } = option;
  const value = byDefault === undefined ? '' : `\`${typeof byDefault === 'string' ? `'${byDefault}'` : byDefault}\``;
  const words = [about, limitsOf(option), secret && '**Secret.**'].filter(Boolean).join(' ');
  return `| \`${path}\` | ${value} | \`${variable}\` | ${words} |`;
}

/** What is allowed, as far as the page has not said it for all of a kind. */
function limitsOf({ kind, allowed }) {
  if (['text', 'flag', 'off', 'short', 'bytes'].includes(kind)) return '';
  if (kind !== 'duration') return `${allowed.charAt(0).toUpperCase()}${allowed.slice(1)}.`;
  const [, least, most] = /^a duration of (\d+) ms to (one year|\d+ ms)/.exec(allowed) ?? [];
  return least === '0' && most === 'one year' ? '' : `${least} ms to ${most}.`;
}

function flat(values, path = []) {
  return Object.entries(values).flatMap(([name, value]) =>
    typeof value === 'object'
      ? flat(value, [...path, name])
      : [`\`${[...path, name].join('.')}: ${typeof value === 'string' ? `'${value}'` : value}\``],
  );
}
