import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../coherence/random.js';
import { Cell, type Verdict } from './cell.js';
import type { ChaosFault } from './faults.js';
import type { ChaosOperation } from './operations.js';
import type { Stand } from './stand.js';

/** When, in the course of an operation, a fault begins. */
export const MOMENTS = {
  before: 'The fault has just begun',
  request: 'It begins while the request is on its way',
  reply: 'It begins while the reply is on its way',
  lasting: 'It has lasted for a second, under reads',
} as const;
export type Moment = keyof typeof MOMENTS;

/** By how much the network holds requests or replies back, for a fault to begin meanwhile, in milliseconds. */
const ON_THE_WAY_MS = 40;
const LASTING_MS = 1_000;

export interface Row {
  readonly fault: Pick<ChaosFault, 'name' | 'how'>;
  readonly moment: Moment;
  /** One an operation, in their order. */
  readonly verdicts: readonly Verdict[];
}

/** One fault, begun at one moment, and all operations, each on a node of its own. */
export async function runRow<S extends Stand>(
  start: (nodes: number, random: () => number) => Promise<S>,
  fault: ChaosFault<S>,
  moment: Moment,
  operations: readonly ChaosOperation[],
): Promise<Row> {
  const random = new Random(`${fault.name} ${moment}`);
  const stand = await start(operations.length, () => random.next());
  const cells = operations.map((operation, index) => new Cell(operation, `cell ${index}`, stand.places(index)));
  try {
    await Promise.all(cells.map((cell) => cell.prepare()));
    const { verdicts, heal } = await strike(stand, fault, moment, cells);
    const deleted = await Promise.all(cells.map((cell) => cell.invalidate()));
    await heal();
    const recovered = await Promise.all(
      cells.map((cell, index) => cell.recover(deleted[index] === true, verdicts[index]?.what !== 'L2FailedError')),
    );
    return {
      fault,
      moment,
      verdicts: verdicts.map((verdict, index) => {
        const deletion = deleted[index];
        const what = typeof deletion === 'string' ? `${deletion} (a deletion)` : recovered[index];
        return what === undefined ? verdict : { ...verdict, what };
      }),
    };
  } finally {
    await Promise.all(cells.map((cell) => cell.stop()));
    await stand.stop();
  }
}

async function strike<S extends Stand>(
  stand: S,
  fault: ChaosFault<S>,
  moment: Moment,
  cells: readonly Cell[],
): Promise<{ verdicts: readonly Verdict[]; heal: () => Promise<void> }> {
  const run = () => Promise.all(cells.map((cell) => cell.run()));
  if (moment === 'before' || moment === 'lasting') {
    const heal = await fault.begin(stand);
    if (moment === 'lasting') await Promise.all(cells.map((cell) => cell.suffer(LASTING_MS)));
    return { verdicts: await run(), heal };
  }
  const arrive = stand.network?.inject(
    { kind: 'delay', ms: () => ON_THE_WAY_MS },
    moment === 'request' ? 'toServer' : 'toClient',
  );
  const running = run();
  await sleep(ON_THE_WAY_MS / 2);
  const heal = await fault.begin(stand);
  await arrive?.();
  return { verdicts: await running, heal };
}
