import { setMaxListeners } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import type { Figures } from './app.js';
import { Checker } from './checker.js';
import { CREDIT } from './data-set.js';
import { type DemoOptions, parseOptions, USAGE } from './options.js';
import { Processes } from './processes.js';
import { bar, Progress } from './progress.js';
import { randomFrom } from './random.js';
import { count, isClean, type Outcome, percent, report, totalsOf } from './report.js';
import { Stage } from './stage.js';
import { Driver } from './workload.js';

/**
 * The demo: a source, two processes of the service on one L2, a driver and a checker. The README says what it shows.
 *
 * Exit code: 0 if no read was stale and nothing failed, 1 otherwise, 2 for wrong options, 130 or 143 when interrupted.
 */

const FIGURES_EVERY_MS = 300;
const CRASH_IS_KNOWN_MS = 1_000;
const INTERRUPTS = { SIGINT: 130, SIGTERM: 143 } as const;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  let options: DemoOptions | undefined;
  try {
    options = parseOptions(args);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    return 2;
  }
  if (options === undefined) {
    console.log(USAGE);
    return 0;
  }
  const processes = new Processes();
  const interrupt = new AbortController();
  for (const [signal, code] of Object.entries(INTERRUPTS)) {
    process.on(signal, () => {
      // The second time: at once, come what may.
      if (interrupt.signal.aborted) {
        processes.kill();
        process.exit(code);
      }
      interrupt.abort(code);
    });
  }
  try {
    const outcome = await demo(options, processes, interrupt.signal);
    if (outcome === undefined) {
      console.log('Interrupted.');
      return interrupt.signal.reason;
    }
    console.log(`\n${report(outcome)}\n\n${CREDIT}`);
    return isClean(outcome) ? 0 : 1;
  } catch (error) {
    console.error(`The demo failed: ${error instanceof Error ? error.message : error}`);
    return 1;
  }
}

/** @returns what it came to; nothing if it was interrupted. */
async function demo(
  options: DemoOptions,
  processes: Processes,
  interrupted: AbortSignal,
): Promise<Outcome | undefined> {
  const stage = new Stage(options, processes);
  const progress = new Progress(process.stdout);
  const over = new AbortController();
  const stopped = new Promise<undefined>((resolve) => {
    interrupted.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  // Where a process crashed, calls to it fail as well, maybe before its end is known: the crash is what is to be told.
  const played = play(options, stage, progress, over).catch(async (error) => {
    await Promise.race([processes.failure, pause(CRASH_IS_KNOWN_MS)]);
    throw error;
  });
  try {
    return await Promise.race([played, stopped, processes.failure]);
  } finally {
    over.abort();
    progress.next(() => 'ending the processes');
    await stage.tearDown();
    progress.end();
  }
}

async function play(options: DemoOptions, stage: Stage, progress: Progress, over: AbortController): Promise<Outcome> {
  const elapsed = stopwatch();
  progress.next(() => `starting PostgreSQL and copying the cities into it … ${elapsed().toFixed(1)} s`);
  await stage.startSource();
  progress.print(`${count(stage.countries.length)} cities in PostgreSQL (PGlite) after ${elapsed().toFixed(1)} s`);
  progress.next(() => 'starting two processes of the service');
  await stage.startNodes();
  progress.print(`${stage.nodes.length} processes of the service on ${stage.l2}; seed ${options.seed}`);
  if (stage.metrics.length > 0) progress.print(`metrics: ${stage.metrics.join(' ')}`);

  const checker = new Checker(options.graceMs);
  const { source, nodes, countries } = stage;
  const { signal } = over;
  // Every client of the driver listens to its end while it pauses.
  setMaxListeners(0, signal);
  const driver = new Driver({ source, nodes, countries, checker, signal, random: randomFrom(options.seed) });
  const askFigures = () => Promise.all(nodes.map((node) => node.ask('GET', '/figures') as Promise<Figures>));

  const driven = stopwatch();
  let latest: readonly Figures[] = await askFigures();
  const polling = setInterval(async () => {
    latest = await askFigures().catch(() => latest);
  }, FIGURES_EVERY_MS);
  progress.next(() => liveLine(driven(), options.seconds, latest, driver, checker));
  // Not `AbortSignal.timeout`: Node 20 may collect that as garbage before its time.
  const timer = setTimeout(() => over.abort(), options.seconds * 1000);
  try {
    await driver.run(options.seconds);
  } finally {
    clearTimeout(timer);
    clearInterval(polling);
  }
  const seconds = driven();
  const figures = await askFigures();
  const activity = { ...driver.activity };
  progress.next(() => 'comparing what the nodes show with the source');
  const audited = await driver.audit();
  return { seconds, activity, figures, audited, verdict: checker.verdict };
}

function liveLine(at: number, seconds: number, figures: readonly Figures[], driver: Driver, checker: Checker): string {
  const { keys, answered, loads } = totalsOf(figures);
  const share = (part: number) => percent(part / answered);
  return (
    `${bar(at / seconds)} ${Math.min(at, seconds).toFixed(0).padStart(2)}/${seconds} s  ${count(driver.activity.requests)} requests  ` +
    `L1 ${share(keys.l1)}  L2 ${share(keys.l2)}  ${count(loads)} loads  ` +
    `stale: ${checker.verdict.stale}  ${count(checker.verdict.invalidations)} invalidations`
  );
}

function stopwatch(): () => number {
  const began = performance.now();
  return () => (performance.now() - began) / 1000;
}
