import type { RatioResult, ScenarioResult } from '../results.js';
import type { Conditions, RunRecord } from '../run-record.js';
import type { Scenario } from '../scenario.js';
import { spread } from '../statistics.js';
import { figure, percent } from './numbers.js';
import { bound } from './table.js';

/** Where a scenario's plot lies, relative to the document. */
export function plotPath({ id }: Scenario): string {
  return `benchmarks/${id.toLowerCase()}.svg`;
}

/** The document: what was aimed at and reached, each scenario's figures, and how they were measured. */
export function documentOf({ conditions, scenarios: results }: RunRecord, scenarios: readonly Scenario[]): string {
  const measured = scenarios.flatMap((scenario) => {
    const result = results.find(({ id }) => id === scenario.id);
    return result === undefined ? [] : [{ scenario, result }];
  });
  return [
    head(conditions),
    '| # | scenario | ratio | reached | target | |',
    '|---|---|---|--:|--:|---|',
    ...measured.flatMap(({ scenario, result }) => result.ratios.map((ratio, index) => row(scenario, ratio, index))),
    '',
    ...measured.flatMap(({ scenario, result }) => section(scenario, result)),
    method(conditions),
  ].join('\n');
}

function head({ machine, node, redis, date, minutes, commit }: Conditions): string {
  return `# Benchmarks

<!-- Written by \`npm run bench\`; edits are lost. -->

Tierwise beside the parts it is made of and beside its peers, in one run of one command:

\`\`\`sh
npm run bench
\`\`\`

It needs Node and npm, and \`redis-server\` or \`valkey-server\` on PATH (or \`REDIS_URL\`). This run took ${minutes} minutes on ${date}: ${machine}; Node ${node.slice(1)};
${redis}${commit === undefined ? '' : `; commit ${commit}`}. Figures of another machine differ; the ratios are what is aimed at. They are those of medians.
`;
}

function row({ id, title }: Scenario, ratio: RatioResult, index: number): string {
  const [first, second] = index === 0 ? [`[${id}](#${id.toLowerCase()})`, title] : ['', ''];
  const best = ratio.against === undefined || ratio.what.endsWith(ratio.against) ? '' : ` (${ratio.against})`;
  return `| ${first} | ${second} | ${ratio.what}${best} | **${figure(ratio.value)}** | ${bound(ratio)} | ${ratio.met ? '✓' : '✗'} |`;
}

function section(scenario: Scenario, { summaries }: ScenarioResult): string[] {
  const { id, title, method, figures, contestants, differences = [] } = scenario;
  return [
    `## <a id="${id.toLowerCase()}"></a>${id}: ${title}`,
    '',
    method,
    '',
    `![${id}: ${title}](${plotPath(scenario)})`,
    '',
    `| | ${figures.map(({ name, unit }) => `${name}, ${unit} | ±`).join(' | ')} |`,
    `|---|${figures.map(() => '--:|--:|').join('')}`,
    ...contestants.map(({ name, kind }) => {
      const cells = figures.map((one) => {
        const summary = summaries[name]?.[one.name];
        return summary === undefined ? ' | ' : `${figure(summary.median)} | ${percent(spread(summary))}`;
      });
      return `| ${kind === 'ours' ? `**${name}**` : name} | ${cells.join(' | ')} |`;
    }),
    '',
    ...(differences.length > 0 ? ['Where they differ:', '', ...differences.map((line) => `- ${line}`), ''] : []),
  ];
}

function method({ versions }: Conditions): string {
  return `## How it is measured

Every contestant runs in a process of its own: in one process, the types, the garbage and the compiled code of one would weigh on the next, and
the order would decide. All processes of a scenario are alive at once and are measured in turns, in an order drawn anew for each round, so that
what the machine does beside hits all of them alike. Each is warmed up until it gets no faster, runs for a moment before a measurement, and after some rounds is
replaced by a fresh process, since the same code may be compiled better or worse from one process to the next. There are many short rounds rather
than few long ones. The median of all rounds counts; ± is half of what the middle half of them covers.

Each contestant proves what it does: that its hits were hits, that it loaded as often as it had to, that the peer heard of the writes. A run
fails where that is not so. Values are plain objects of about 1 KB (1,010 bytes as MessagePack) where nothing else is said. The load
answers at once. Redis runs on the same machine, reached over loopback, without persistence.

Versions: ${Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')}. Each cache is set up as its documentation has it for several nodes on Redis; how, is in
[\`bench/src/contestants\`](../bench/src/contestants), and each scenario is one file in [\`bench/src/scenarios\`](../bench/src/scenarios). bentocache
runs on ioredis 5.11.1, which is the one that it takes.

\`npm run bench -- --quick\` takes about a minute and writes nothing; \`--only P1,P3\` runs some; \`--check\` fails where a ratio is more than 20 %
worse than the one that is committed in [benchmarks.json](benchmarks.json); \`--profile DIR\` leaves a CPU profile of each process.
`;
}
