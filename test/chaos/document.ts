import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import { isForbidden, type Verdict } from './cell.js';
import { HANG_MS, LIMITS, LOAD_MS, RECOVERY_MS } from './limits.js';
import { MOMENTS, type Moment, type Row } from './matrix.js';
import type { ChaosOperation } from './operations.js';

/** The matrix as a page of `docs/`. */
export async function documentOf(rows: readonly Row[], operations: readonly ChaosOperation[]): Promise<string> {
  const verdicts = rows.flatMap((row) => row.verdicts);
  const faults = [...new Map(rows.map(({ fault }) => [fault.name, fault])).values()];
  const moments = [...new Set(rows.map(({ moment }) => moment))];
  return `# What callers see when the second tier fails

Written by \`npm run failure-matrix\`. Each cell is one call on a node of its own, behind a fault, with a real Redis: who answered it or
what became of it, and how long that took. ${verdicts.length} cells, ${verdicts.filter(isForbidden).length} of them forbidden.

| cell | |
|---|---|
| L1, L2, source | who had the value |
| nothing | the value is in L2, and could not be had |
| the source's error | no tier had a value any more, and the source was down |
| done | L2 has it, and peers are told |
| deferred | this node does as if it were done, and L2 gets it when it can be reached again |
| L2FailedError | rejected: it may have reached L2 or not, and is for the caller to repeat |
| **hangs** | not settled after ${HANG_MS} ms |
| **throws** | anything but these errors |
| **stale** | a value was served that had been invalidated: by this node at once, or after the fault by this node, its peer or L2 |

During each fault, each node also deletes a second key. After the fault, what was rejected is repeated; by ${RECOVERY_MS / 1_000} s later neither
this node, nor its peer, nor a node that starts then may serve what was invalidated.

${moments.map((moment) => section(moment, rows, operations)).join('\n\n')}

"Past its ttl" is a value within \`staleIfError\`, whose load fails. When the feed comes back L1 is emptied, so that it may be in neither tier
after a restart of Redis.

## The faults

| fault | how |
|---|---|
${faults.map(({ name, how }) => `| ${name} | ${how} |`).join('\n')}

Not in the table: bits that are turned in Redis' protocol rather than in values, which TCP's checksum and TLS rule out. ioredis throws on
some such replies in a tick of its own, where nobody can catch it, and the process ends.

## How it was measured

${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), ${process.platform}, Node ${process.versions.node}, ${redisVersion()}, on loopback. A
load takes ${LOAD_MS} ms. Limits, in milliseconds: ${Object.entries(LIMITS)
    .map(([name, ms]) => `\`${name}\` ${ms}`)
    .join(', ')}; these are shorter than the defaults, so that the run takes minutes.
`;
}

function section(moment: Moment, rows: readonly Row[], operations: readonly ChaosOperation[]): string {
  const lines = rows
    .filter((row) => row.moment === moment)
    .map(({ fault, verdicts }) => `| ${fault.name} | ${verdicts.map(cell).join(' | ')} |`);
  return [
    `## ${MOMENTS[moment]}`,
    '',
    `| | ${operations.map(({ name }) => name).join(' | ')} |`,
    `|---|${operations.map(() => '---').join('|')}|`,
    ...lines,
  ].join('\n');
}

function cell(verdict: Verdict): string {
  const text = `${verdict.what}, ${verdict.ms < 10 ? verdict.ms.toFixed(1) : verdict.ms.toFixed(0)} ms`;
  return isForbidden(verdict) ? `**${text}**` : text;
}

function redisVersion(): string {
  const said = execFileSync('redis-server', ['--version'], { encoding: 'utf8' });
  return `Redis ${/v=([\d.]+)/.exec(said)?.[1] ?? said.trim()}`;
}
