import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { ContestantProcess } from './contestant-process.js';
import { judge, type ScenarioResult } from './results.js';
import type { Figure, Figures, Rounds, Scenario } from './scenario.js';
import { shuffle, summarise } from './statistics.js';

/** How thoroughly it is measured. */
export interface Effort {
  readonly kind: 'full' | 'quick';
  readonly rounds: Rounds;
  readonly measureMs: number;
  /** A warm-up takes so long at the least, */
  readonly warmUpMs: number;
  /** and goes on until it does not get faster any more, but no longer than this. */
  readonly settleMs: number;
}

/**
 * Two generations of processes, in each seven rounds: 14 short measurements of each contestant rather than few long ones, so that
 * what disturbs the machine for a moment disturbs some of all, and not all of one.
 *
 * V8 needs so many calls, not so much time, to settle on a loop: some milliseconds for a hit in memory, more than a second for one call of
 * Redis after the other. So each contestant warms up until it does not get faster.
 */
export const FULL: Effort = {
  kind: 'full',
  rounds: { lives: 2, perLife: 7 },
  measureMs: 120,
  warmUpMs: 500,
  settleMs: 2_500,
};
export const QUICK: Effort = {
  kind: 'quick',
  rounds: { lives: 1, perLife: 5 },
  measureMs: 35,
  warmUpMs: 150,
  settleMs: 1_000,
};

export interface Conduct {
  readonly effort: Effort;
  readonly redisUrl: string;
  /** Where contestants leave CPU profiles. Default: nowhere. */
  readonly profiles?: string | undefined;
  /** Hears what is being done. */
  readonly note: (text: string) => void;
}

/** Runs a scenario. */
export async function conduct(scenario: Scenario, options: Conduct): Promise<ScenarioResult> {
  const { effort, note } = options;
  const rounds = scenario.rounds?.[effort.kind] ?? effort.rounds;
  const budgetMs = scenario.measureMs?.[effort.kind] ?? effort.measureMs;
  const samples = new Map<string, Figures[]>(scenario.contestants.map(({ name }) => [name, []]));
  for (let life = 1; life <= rounds.lives; life += 1) {
    await withContestants(scenario, options, async (contestants) => {
      for (const one of shuffle(contestants)) {
        note(`${life}/${rounds.lives} warms up ${one.name}`);
        await warmUp(one, scenario.figures[0], budgetMs, effort);
      }
      for (let round = 1; round <= rounds.perLife; round += 1) {
        const measure = async (one: ContestantProcess) => {
          note(`${life}/${rounds.lives}, round ${round}/${rounds.perLife}: ${one.name}`);
          samples.get(one.name)?.push(await one.measure(budgetMs));
        };
        if (scenario.together) await Promise.all(contestants.map(measure));
        else for (const one of shuffle(contestants)) await measure(one);
      }
    });
  }
  const summaries = Object.fromEntries(
    [...samples].map(([name, figures]) => [
      name,
      Object.fromEntries(
        scenario.figures.map((figure) => [figure.name, summarise(figures.map((one) => figureOf(one, figure.name)))]),
      ),
    ]),
  );
  return { id: scenario.id, summaries, ratios: judge(scenario, summaries) };
}

/** So many measurements in a row that are hardly better than the best one before them: it has settled. */
const SETTLED_AFTER = 6;
const HARDLY = 0.02;

async function warmUp(
  one: ContestantProcess,
  figure: Figure | undefined,
  budgetMs: number,
  effort: Effort,
): Promise<void> {
  const began = performance.now();
  await one.measure(Math.min(effort.warmUpMs, budgetMs * 4));
  // Those that take long for one measurement see to it themselves.
  if (figure === undefined || budgetMs > effort.measureMs) return;
  let best = 0;
  for (let calm = 0; calm < SETTLED_AFTER && performance.now() - began < effort.settleMs; calm += 1) {
    const value = figureOf(await one.measure(budgetMs), figure.name);
    const speed = figure.better === 'higher' ? value : 1 / value;
    if (speed > best * (1 + HARDLY)) calm = -1;
    best = Math.max(best, speed);
  }
}

/** Opens a process for each contestant, and ends them all afterwards, however it ends. */
async function withContestants(
  scenario: Scenario,
  { redisUrl, profiles, note }: Conduct,
  work: (contestants: readonly ContestantProcess[]) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tierwise-bench-'));
  const open: ContestantProcess[] = [];
  try {
    const waiting = [...scenario.contestants.entries()];
    const openSome = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [index, { name }] = next;
        note(`opens ${name}`);
        const namespace = `${scenario.id.toLowerCase()}-${index}-${process.pid}-${Date.now().toString(36)}`;
        const context = { redisUrl, namespace, folder: join(folder, `${index}`) };
        open.push(await ContestantProcess.open(scenario.id, name, context, profiles));
      }
    };
    // Nothing is measured meanwhile, so it may go as fast as the machine allows.
    await Promise.all(Array.from({ length: availableParallelism() }, openSome));
    await work(open);
    // One after the other: some have something to prove when they close, which takes time.
    for (const one of open) await one.close();
  } finally {
    for (const one of open) one.kill();
    await rm(folder, { recursive: true, force: true });
  }
}

function figureOf(figures: Figures, name: string): number {
  const value = figures[name];
  if (value === undefined || !Number.isFinite(value)) throw new Error(`${name} was not measured`);
  return value;
}
