import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type FsyncPolicy, fileJournal } from '../src/index.js';

const FIXTURE = fileURLToPath(new URL('./fixtures/appends.mjs', import.meta.url));

export interface KillResult {
  /** Records that the child was told to be safe. */
  readonly acknowledged: number;
  /** Of these, those that were neither found again with the right key, nor settled. */
  readonly lost: readonly number[];
  readonly tornEnds: number;
  readonly otherTroubles: readonly unknown[];
}

/** Lets a child append, kills it with SIGKILL after so many acknowledgements, and opens what it has left. */
export async function killOnce(directory: string, fsync: FsyncPolicy, after: number): Promise<KillResult> {
  const child = spawn(process.execPath, [FIXTURE, directory, fsync], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(child, 'exit');
  let output = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (chunk: string) => {
    output += chunk;
    if (output.length >= after * 8) child.kill('SIGKILL');
  });
  await exit;
  if (!child.stdout.readableEnded) await once(child.stdout, 'end');

  const acknowledged = new Map<number, string>();
  const settled = new Set<number>();
  // The last piece is no whole line.
  for (const line of output.split('\n').slice(0, -1)) {
    const [first, second] = line.split(' ');
    if (first === 'settled') settled.add(Number(second));
    else acknowledged.set(Number(first), second ?? '');
  }
  const troubles: { readonly type: string; readonly detail?: string }[] = [];
  const journal = fileJournal({ directory, fsync });
  const entries = await journal.open({ onTrouble: (trouble) => troubles.push(trouble) });
  await journal.close();
  const found = new Map(entries.map(({ number, record }) => [number, 'key' in record ? record.key : '']));
  const isTorn = ({ type, detail }: { type: string; detail?: string }) =>
    type === 'damaged' && detail?.includes('torn');
  return {
    acknowledged: acknowledged.size,
    lost: [...acknowledged].filter(([n, key]) => !settled.has(n) && found.get(n) !== key).map(([n]) => n),
    tornEnds: troubles.filter((trouble) => isTorn(trouble)).length,
    otherTroubles: troubles.filter((trouble) => !isTorn(trouble)),
  };
}
