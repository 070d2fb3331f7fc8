import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Context } from '../scenario.js';
import type { Work } from './load.js';
import type { WorkerOrder, WorkerReport } from './worker.js';

const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url));

/** Some processes with the same cache open, on one Redis. */
export class Crew {
  readonly #workers: readonly ChildProcess[];

  private constructor(workers: readonly ChildProcess[]) {
    this.#workers = workers;
  }

  /** Starts them, has the first one fill Redis, and all of them their memory. */
  static async open(size: number, name: string, context: Context): Promise<Crew> {
    const workers = Array.from({ length: size }, (_, seed) =>
      fork(WORKER, { serialization: 'advanced', execArgv: argumentsOf(seed) }),
    );
    const crew = new Crew(workers);
    // One after the other: all of them starting at once would take so long that connecting runs into the time limits.
    for (const [seed, worker] of workers.entries()) await ask(worker, { do: 'open', name, context, seed });
    await ask(workers[0] as ChildProcess, { do: 'fill' });
    await Promise.all(workers.map((worker) => ask(worker, { do: 'warm' })));
    return crew;
  }

  /** All of them work at the same time. */
  async work(budgetMs: number): Promise<Work[]> {
    const reports = await Promise.all(this.#workers.map((worker) => ask(worker, { do: 'work', budgetMs })));
    return reports.map(({ work }) => work as Work);
  }

  /** The first one writes, and all others, which hold the former value, must come to see the new one. */
  async mustHear(): Promise<void> {
    const [writer, ...readers] = this.#workers as [ChildProcess, ...ChildProcess[]];
    for (const value of ['old', 'new']) {
      await ask(writer, { do: 'set', value });
      await Promise.all(readers.map((reader) => ask(reader, { do: 'see', value })));
    }
  }

  async close(): Promise<void> {
    await Promise.all(
      this.#workers.map(async (worker) => {
        const gone = once(worker, 'exit');
        await ask(worker, { do: 'close' });
        await gone;
      }),
    );
  }
}

/** Node's own options of this process, with a file of its own for each worker's profile. */
function argumentsOf(seed: number): string[] {
  return process.execArgv.map((option) => option.replace(/\.cpuprofile$/, `-worker-${seed}.cpuprofile`));
}

async function ask(worker: ChildProcess, order: WorkerOrder): Promise<{ work?: Work }> {
  const waiting = new AbortController();
  const { signal } = waiting;
  const ended = once(worker, 'exit', { signal }).then(([code, by]) => {
    throw new Error(`a worker ended with ${code ?? by}`);
  });
  const answered = once(worker, 'message', { signal });
  try {
    worker.send(order);
    const [report] = (await Promise.race([answered, ended])) as [WorkerReport];
    if ('error' in report) throw new Error(report.error);
    return report;
  } finally {
    ended.catch(() => {});
    answered.catch(() => {});
    waiting.abort();
  }
}
