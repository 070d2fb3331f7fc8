import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isTold, type Judgement, judge, type Limits } from './checker.js';
import { type FaultKind, Faults, possibleFaults } from './faults.js';
import { type Disturbance, type History, type Life, now, type Operation, type Read } from './history.js';
import type { Steps } from './migration.js';
import { NodeHandle } from './node-handle.js';
import { Random } from './random.js';
import { Source } from './source.js';
import { STORES } from './stores.js';
import type { SubjectModule } from './subject.js';
import { LONGEST_PAUSE_MS, Writer } from './writer.js';

export interface TortureOptions {
  /** The address of a module that is a {@link SubjectModule}. */
  readonly subject: string;
  /** One of {@link STORES}. */
  readonly store: string;
  /** For how long faults are injected. */
  readonly durationMs: number;
  readonly seed: string;
  /** Which of the faults that the store can have. Default: all of them. */
  readonly faults?: readonly FaultKind[] | undefined;
  /** Fences to be taken out: see `breaks.ts`. */
  readonly breaks?: readonly string[] | undefined;
  readonly nodes?: number | undefined;
  /** Between two operations of one of the writer's workers, in milliseconds. Default: {@link LONGEST_PAUSE_MS}. */
  readonly longestPauseMs?: number | undefined;
  /** Whether the machines agree on the time. Default: they are up to half an hour apart. */
  readonly clocks?: 'same' | 'apart' | undefined;
}

export interface Outcome {
  readonly subject: string;
  readonly limits: Limits;
  readonly history: History;
  readonly judgement: Judgement;
  readonly loads: number;
  readonly faults: ReadonlyMap<FaultKind, number>;
  /** Where the store was on its way to another one: what was done. */
  readonly steps: Steps | undefined;
  /** Nodes that ended by themselves. */
  readonly crashed: readonly string[];
}

/** How far the clocks of three machines are ahead, where they do not agree. */
const CLOCKS_AHEAD_MS = [15 * 60_000, -15 * 60_000, 0];
const WORKERS = 4;
const STALL_MS = 40;
const STALL_STEP_MS = 10;

/** Several processes, one writer, everything that can go wrong; then the checker. */
export async function torture(options: TortureOptions): Promise<Outcome> {
  const { seed, store: storeName, breaks = [] } = options;
  const random = (stream: string) => new Random(`${seed} ${stream}`);
  const { name, limits } = (await import(options.subject)) as SubjectModule;
  const count = options.nodes ?? CLOCKS_AHEAD_MS.length;
  const store = await STORES[storeName]?.(count, random('network'));
  if (store === undefined)
    throw new Error(`there is no store ${storeName}; there are ${Object.keys(STORES).join(', ')}`);

  const dir = await mkdtemp(join(tmpdir(), 'tierwise-nodes-'));
  const source = new Source(random('source'));
  const reads: Read[] = [];
  const lives: Life[] = [];
  const disturbances: Disturbance[] = [];
  const stopWatching = watchForStalls((stall) => disturbances.push({ kind: 'stall', node: undefined, ...stall }));
  const nodes = store.places.map(
    (l2, index) =>
      new NodeHandle(`n${index + 1}`, {
        config: {
          subject: options.subject,
          l2,
          seed,
          breaks,
          dir: join(dir, `n${index + 1}`),
          clockAheadMs: options.clocks === 'same' ? 0 : (CLOCKS_AHEAD_MS[index % CLOCKS_AHEAD_MS.length] ?? 0),
        },
        onLoad: (key, answer) => source.read(key, answer),
        onReads: (more) => {
          for (const read of more) reads.push(read);
        },
        onStall: (stall, node) => disturbances.push({ kind: 'stall', node, ...stall }),
        onLife: (life) => lives.push(life),
      }),
  );
  const faults = new Faults(store, nodes, limits.silence);
  const writer = new Writer(nodes, source, options.longestPauseMs ?? LONGEST_PAUSE_MS);
  let steps: Steps | undefined;
  try {
    await Promise.all(nodes.map((node) => node.start()));
    const writing = Array.from({ length: WORKERS }, (_, index) => writer.work(random(`writer ${index}`)));
    const kinds = possibleFaults(store).filter((kind) => options.faults?.includes(kind) ?? true);
    const suffering = faults.work(random('faults'), kinds);
    const ended = sleep(options.durationMs);
    const operating = store.operate?.(random('operator'), ended);
    operating?.catch(() => {});
    await ended;
    faults.stop();
    await suffering;
    steps = await operating;
    writer.stop();
    await Promise.all(writing);
    await untilRecovered(writer.operations, lives);
    // All is well for long enough: from now on every node must have heard of everything.
    await sleep(limits.silence + limits.grace);
    await Promise.all(nodes.map((node) => node.finish()));
  } finally {
    stopWatching();
    await Promise.all(nodes.map((node) => node.kill()));
    await store.stop();
    await rm(dir, { recursive: true, force: true });
  }
  const operations: readonly Operation[] = writer.operations;
  const history: History = { lives, operations, reads, disturbances: [...disturbances, ...faults.disturbances] };
  return {
    subject: name,
    limits,
    history,
    judgement: judge(history, limits),
    loads: source.loads,
    faults: faults.counts,
    steps,
    crashed: nodes.filter(({ crashed }) => crashed).map((node) => node.name),
  };
}

/** Nodes ask for an L2 that was away less and less often. */
const LONGEST_RECOVERY_MS = 15_000;

/** Until every node has told L2 what it had deferred, or it is too late for that. */
async function untilRecovered(operations: readonly Operation[], lives: readonly Life[]): Promise<void> {
  const isDone = () => operations.every(({ attempts }) => attempts.every((attempt) => isTold(attempt, lives)));
  for (const end = now() + LONGEST_RECOVERY_MS; now() < end && !isDone(); ) await sleep(STALL_STEP_MS);
}

/** The proxies live in this process: while it stands still, no news passes. */
function watchForStalls(onStall: (stall: { from: number; to: number }) => void): () => void {
  let last = now();
  const timer = setInterval(() => {
    const at = now();
    if (at - last > STALL_STEP_MS + STALL_MS) onStall({ from: last, to: at });
    last = at;
  }, STALL_STEP_MS);
  return () => clearInterval(timer);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
