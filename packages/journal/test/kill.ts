import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { JournalEntry, JournalTrouble } from '@tierwise/hierarchy';
import { type FsyncPolicy, fileJournal } from '../src/index.js';

const FIXTURE = fileURLToPath(new URL('./fixtures/appends.mjs', import.meta.url));

/** So many records are left unsettled for the runs that follow. */
const LEFT_OVER = 5;

/** One directory through many lives of a process that is killed each time. */
export class KilledJournal {
  readonly #directory: string;
  readonly #fsync: FsyncPolicy;
  /** Keys by number: acknowledged, and never said to be settled. */
  readonly #expected = new Map<number, string>();
  acknowledged = 0;
  tornEnds = 0;
  /** Expected, but not found under their number and key. */
  readonly lost: string[] = [];
  /** Anything that was told but torn ends. */
  readonly troubles: JournalTrouble[] = [];

  constructor(directory: string, fsync: FsyncPolicy) {
    this.#directory = directory;
    this.#fsync = fsync;
  }

  /** Lets a child append, kills it with SIGKILL after about so many acknowledgements, and opens what it has left. */
  async live(acknowledgements: number): Promise<void> {
    this.#expect(await killAfter(acknowledgements, this.#directory, this.#fsync));
    const journal = fileJournal({ directory: this.#directory, fsync: this.#fsync });
    const entries = await journal.open({ onTrouble: (trouble) => this.#hear(trouble) });
    this.#check(entries);
    const settled = entries.slice(0, -LEFT_OVER).map(({ number }) => number);
    journal.settle(settled);
    for (const number of settled) this.#expected.delete(number);
    await journal.close();
  }

  #expect(output: string): void {
    // The last piece is no whole line.
    for (const line of output.split('\n').slice(0, -1)) {
      const [first = '', second = ''] = line.split(' ');
      if (first === 'settled') {
        this.#expected.delete(Number(second));
      } else {
        this.#expected.set(Number(first), second);
        this.acknowledged += 1;
      }
    }
  }

  #check(entries: readonly JournalEntry[]): void {
    const found = new Map(entries.map(({ number, record }) => [number, 'key' in record ? record.key : '']));
    for (const [number, key] of this.#expected) {
      if (found.get(number) !== key) this.lost.push(`${number} ${key}`);
    }
  }

  #hear(trouble: JournalTrouble): void {
    if (trouble.type === 'damaged' && trouble.detail.includes('torn')) this.tornEnds += 1;
    else this.troubles.push(trouble);
  }
}

/** @returns what the child has printed until it was killed. */
async function killAfter(acknowledgements: number, directory: string, fsync: FsyncPolicy): Promise<string> {
  const child = spawn(process.execPath, [FIXTURE, directory, fsync], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(child, 'exit');
  const end = once(child.stdout, 'end');
  let output = '';
  let lines = 0;
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (chunk: string) => {
    output += chunk;
    lines += chunk.split('\n').length - 1;
    if (lines >= acknowledgements) child.kill('SIGKILL');
  });
  await Promise.all([exit, end]);
  return output;
}
