import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Context, Figures } from './scenario.js';

/** What `child.ts` is told. */
export type Order =
  | { readonly do: 'open'; readonly scenario: string; readonly contestant: string; readonly context: Context }
  | { readonly do: 'measure'; readonly budgetMs: number }
  | { readonly do: 'close' };

/** What it answers. */
export type Report = { readonly figures?: Figures } | { readonly error: string };

/** After this long without an answer, beyond what a measurement takes, a contestant is given up (milliseconds). */
const PATIENCE_MS = 180_000;
const CHILD = fileURLToPath(new URL('./child.js', import.meta.url));

/** A contestant in a process of its own. */
export class ContestantProcess {
  readonly name: string;
  readonly #child: ChildProcess;
  /** Settles, once and for all, when the process has ended. */
  readonly #gone: Promise<unknown>;

  private constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.#child = child;
    this.#gone = once(child, 'exit');
  }

  /** @param profiles where the process leaves its CPU profile when it ends. */
  static async open(
    scenario: string,
    contestant: string,
    context: Context,
    profiles: string | undefined,
  ): Promise<ContestantProcess> {
    const execArgv = ['--expose-gc', '--no-warnings'];
    if (profiles !== undefined) {
      const name = `${scenario}-${contestant.replace(/\W+/g, '-')}-${Date.now()}.cpuprofile`;
      execArgv.push('--cpu-prof', `--cpu-prof-dir=${profiles}`, `--cpu-prof-name=${name}`);
    }
    const child = fork(CHILD, { execArgv });
    const self = new ContestantProcess(contestant, child);
    try {
      await self.#order({ do: 'open', scenario, contestant, context }, 0);
    } catch (error) {
      self.kill();
      throw error;
    }
    return self;
  }

  async measure(budgetMs: number): Promise<Figures> {
    const figures = await this.#order({ do: 'measure', budgetMs }, budgetMs);
    if (figures === undefined) throw new Error(`${this.name} measured nothing`);
    return figures;
  }

  /** Lets it close, and sees to it that the process ends. */
  async close(): Promise<void> {
    try {
      await this.#order({ do: 'close' }, 0);
      await this.#gone;
    } finally {
      this.#child.kill('SIGKILL');
    }
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async #order(order: Order, takesMs: number): Promise<Figures | undefined> {
    const waiting = new AbortController();
    const { signal } = waiting;
    const timer = setTimeout(() => this.kill(), takesMs + PATIENCE_MS);
    const ended = once(this.#child, 'exit', { signal }).then(([code, by]) => {
      throw new Error(`${this.name}: the process ended with ${code ?? by}`);
    });
    const answered = once(this.#child, 'message', { signal });
    try {
      this.#child.send(order);
      const [report] = (await Promise.race([answered, ended])) as [Report];
      if ('error' in report) throw new Error(`${this.name}: ${report.error}`);
      return report.figures;
    } finally {
      clearTimeout(timer);
      answered.catch(() => {});
      ended.catch(() => {});
      waiting.abort();
    }
  }
}
