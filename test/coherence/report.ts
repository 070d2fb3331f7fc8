import type { Staleness, Violation } from './checker.js';
import type { Read } from './history.js';
import type { Outcome } from './run.js';

const STORIES = 5;

/** What a run was like, for people. */
export function report(outcome: Outcome): string {
  const { history, judgement, faults, loads, crashed } = outcome;
  const { reads, operations } = history;
  const attempts = operations.flatMap((operation) => operation.attempts);
  const deferred = attempts.filter(({ outcome, deferredAt }) => outcome === 'acknowledged' && deferredAt !== undefined);
  const failed = reads.filter(({ error }) => error !== undefined);
  const slowest = reads.reduce((most, { begin, end }) => Math.max(most, end - begin), 0);
  const lines = [
    `reads           ${reads.length} (${counts(reads.map(({ call }) => call))})`,
    `                ${failed.length} failed, the slowest took ${slowest.toFixed(0)} ms`,
    ...[...new Set(failed.map(({ error }) => error))].slice(0, STORIES).map((error) => `                  ${error}`),
    `loads           ${loads}`,
    `invalidations   ${operations.length} (${counts(operations.map(({ kind }) => kind))})`,
    `                ${attempts.length} attempts (${counts(attempts.map((attempt) => attempt.outcome))}), ${deferred.length} of them deferred`,
    `faults          ${[...faults].map(([kind, count]) => `${kind} ${count}`).join(', ') || 'none'}`,
    ...(outcome.steps === undefined
      ? []
      : [`migration       ${[...outcome.steps].map(([what, count]) => `${what} ${count}`).join(', ')}`]),
    `stale reads     same node: ${staleness(judgement.sameNode)}`,
    `                other nodes, undisturbed: ${staleness(judgement.otherNodes.undisturbed)}`,
    `                other nodes, deaf or disturbed: ${staleness(judgement.otherNodes.disturbed)}`,
    `                of a write that was never acknowledged: ${judgement.unacknowledgedWrites}`,
    `                of a set that another set, deferred, gave way to: ${judgement.conflicts}`,
    `violations      ${judgement.violations.length}${byRule(judgement.violations)}`,
  ];
  if (crashed.length > 0) lines.push(`crashed         ${crashed.join(', ')}`);
  return [...lines, ...firstOfEach(judgement.violations).map((violation) => story(violation, outcome))].join('\n');
}

function staleness({ reads, worstMs }: Staleness): string {
  return reads === 0 ? 'none' : `${reads}, at the worst ${worstMs.toFixed(1)} ms after the acknowledgement`;
}

function counts(names: readonly string[]): string {
  const found = new Map<string, number>();
  for (const name of names) found.set(name, (found.get(name) ?? 0) + 1);
  return [...found].map(([name, count]) => `${name} ${count}`).join(', ');
}

function byRule(violations: readonly Violation[]): string {
  return violations.length === 0 ? '' : ` (${counts(violations.map(({ rule }) => rule))})`;
}

/** The first violation of each stale value on each node: the others only repeat it. */
function firstOfEach(violations: readonly Violation[]): readonly Violation[] {
  const found = new Map<string, Violation>();
  for (const violation of [...violations].sort((a, b) => a.read.begin - b.read.begin)) {
    const { read } = violation;
    const id = `${read.life} ${read.key} ${read.value?.from}`;
    if (!found.has(id)) found.set(id, violation);
  }
  return [...found.values()].slice(0, STORIES);
}

/** All that happened to a stale value's key around that time; times in milliseconds from the invalidation's acknowledgement. */
function story({ rule, read, operation, attempt, staleMs, allowedMs }: Violation, { history }: Outcome): string {
  const { key, value } = read;
  const at = (time: number) => `${time >= attempt.end ? '+' : ''}${(time - attempt.end).toFixed(2)}`;
  const made = history.reads.find((other) => other.value?.from === value?.from && other.value?.key === value?.key);
  const from = Math.min(made?.begin ?? attempt.begin, attempt.begin) - 100;
  const node = read.life.split('#')[0];
  const events: { time: number; text: string }[] = [];
  const tell = (time: number, text: string) => {
    if (time >= from && time <= read.end) events.push({ time, text: `${at(time).padStart(10)}  ${text}` });
  };
  for (const { id, kind, versions, attempts } of history.operations) {
    const version = versions.get(key);
    if (version === undefined) continue;
    for (const { life, begin, end, outcome, deferredAt, error = '' } of attempts) {
      tell(begin, `${life} begins #${id} ${kind} for v${version} …`);
      tell(end, `${life} … #${id} is ${outcome}${deferredAt === undefined ? '' : ', and deferred'} ${error}`);
    }
  }
  const shown = new Map<string, number>();
  for (const other of history.reads) {
    if (other.key !== key || other.end < from || other.begin > read.end) continue;
    const id = `${other.life} ${other.value?.from}`;
    const seen = (shown.get(id) ?? 0) + 1;
    shown.set(id, seen);
    if (seen <= 2 || other === read) tell(other.begin, readText(other, at));
  }
  for (const { name, recovered = [] } of history.lives)
    for (const time of recovered) tell(time, `${name} has recovered`);
  for (const life of history.lives) {
    if (life.node !== node) continue;
    tell(life.startedAt, `${life.name} starts`);
    for (const change of life.feed) tell(change.at, `${life.name} is ${change.state}`);
  }
  for (const { kind, node: victim, from: begin, to } of history.disturbances) {
    if (victim !== undefined && victim !== node) continue;
    if (to < from || begin > read.end) continue;
    events.push({ time: begin, text: `${at(begin).padStart(10)}  ${kind} of ${victim ?? 'all'}, until ${at(to)}` });
  }
  const title =
    `\n${rule}: ${read.life} answered ${read.call}(${key}) with v${value?.version} (${value?.from}), ` +
    `${staleMs.toFixed(2)} ms after #${operation.id} ${operation.kind} (v${operation.versions.get(key)}) ` +
    `was acknowledged on ${attempt.life}; allowed: ${allowedMs.toFixed(0)} ms`;
  return [title, ...events.sort((a, b) => a.time - b.time).map(({ text }) => text)].join('\n');
}

function readText({ life, call, begin, end, value, tier, error }: Read, at: (time: number) => string): string {
  const found = value === undefined ? (error ?? 'nothing') : `v${value.version} (${value.from})`;
  return `${life} ${call} → ${found}${tier === undefined ? '' : ` by ${tier}`} until ${at(end)} (${(end - begin).toFixed(1)} ms)`;
}
