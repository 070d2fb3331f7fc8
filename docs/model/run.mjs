#!/usr/bin/env node
/*
 * Checks the models with Spin: those of the protocol must hold in every state, those with a fence taken away must fail.
 *
 *   docs/model/run.mjs                   everything, in about two minutes
 *   docs/model/run.mjs --fast            without the large searches, in seconds
 *   docs/model/run.mjs keys NO_REVOKE    only what has all these words in its row
 *   docs/model/run.mjs --keep NO_REVOKE  and leaves its trail in docs/model/trails, with the command that replays it
 *
 * Ends with 0 if all is as expected, 1 if anything is not, 3 if spin or a C compiler is not installed.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const NOT_INSTALLED = 3;
/** Megabytes that one search may use. */
const MEMORY_MB = 1900;
/** Seconds that one search may take. */
const PATIENCE_S = 300;

/**
 * What a run assumes (numbers of actors, and faults), which fences must not be missing there, and which may. `large`: too many
 * states for `--fast`, where the runs beside it still try every fence.
 */
const RUNS = [
  { model: 'keys', faults: 'FLIGHTS=2 WRITES=1' },
  {
    model: 'keys',
    faults: 'FLIGHTS=2 WRITES=2',
    large: true,
    fences: [
      'NO_TOKEN_L1',
      'NO_LEASE_CHECK',
      'NO_LEASE_TOKEN',
      'NO_REVOKE',
      'NO_DOOM_ON_WRITE',
      'NO_DROP_ON_NEWS',
      'NO_WRITE_TOKEN',
      'NO_RIVALS',
    ],
    spare: ['NO_DOOM_ON_REFUSAL'],
  },
  {
    model: 'keys',
    faults: 'FLIGHTS=3 WRITES=1',
    large: true,
    fences: ['NO_DOOM_ON_NEWS', 'NO_NEW_FLIGHT'],
    spare: ['FILL_WHEN_DOOMED'],
  },
  { model: 'keys', faults: 'FLIGHTS=2 WRITES=1 REFRESH' },
  { model: 'keys', faults: 'FLIGHTS=2 WRITES=1 DEAF', fences: ['NO_EPOCH', 'NO_DROP_ON_RETURN'] },
  { model: 'keys', faults: 'FLIGHTS=1 WRITES=2 DEAF' },
  {
    model: 'keys',
    faults: 'FLIGHTS=1 WRITES=2 GIVE_UP',
    large: true,
    fences: ['NO_OWN_NEWS_WHEN_UNSURE', 'UNSURE_ONCE'],
  },
  {
    model: 'tags',
    faults: 'INVALIDATIONS=1 LOSS',
    large: true,
    fences: [
      'NO_GENERATION_BEFORE',
      'NO_FLOOR',
      'NO_SECOND_LOOK',
      'NO_DISTRUST',
      'NO_LOSS_BEFORE_ATTACHED',
      'MISSING_IS_ALIVE',
      'NO_SEED',
    ],
  },
  { model: 'tags', faults: 'INVALIDATIONS=1 NO_PEERS LOSS' },
  {
    model: 'tags',
    faults: 'INVALIDATIONS=2 NO_PEERS',
    large: true,
    fences: ['NO_RAISED_FLOOR', 'FLOOR_FALLS', 'NO_FORGETTING', 'NO_LIFT', 'NO_LIFT_OF_NEWS'],
  },
  { model: 'tags', faults: 'INVALIDATIONS=1 FLIGHTS=2', large: true },
];

const keep = process.argv.includes('--keep');
const fast = process.argv.includes('--fast');
const words = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const compiler = ['cc', 'gcc', 'clang'].find((name) => works(name, '--version'));
if (!works('spin', '-V') || compiler === undefined) {
  console.error(
    'The models need Spin and a C compiler. On Debian and Ubuntu: apt-get install spin gcc. Elsewhere: https://spinroot.com',
  );
  process.exit(NOT_INSTALLED);
}

const rows = RUNS.flatMap(({ model, faults, large = false, fences = [], spare = [] }) => [
  ...['', ...spare].map((without) => ({ model, faults, large, without, expected: 'holds' })),
  ...fences.map((without) => ({ model, faults, large: false, without, expected: 'fails' })),
])
  .filter((row) => !(fast && row.large))
  .filter((row) => words.every((word) => `${row.model} ${row.faults} ${row.without}`.split(' ').includes(word)));

let deviations = rows.length === 0 ? 1 : 0;
print('model', 'actors and faults', 'fence taken away', 'expected', 'result', 'states', 'seconds', 'MB');
for (const row of rows) {
  const { result, states, seconds, megabytes } = check(row);
  if (result !== row.expected) deviations += 1;
  const verdict = result === row.expected ? result : `${result}  <- NOT AS EXPECTED`;
  print(
    row.model,
    row.faults,
    row.without || '-',
    row.expected,
    verdict,
    states.toLocaleString('en'),
    seconds.toFixed(1),
    megabytes.toFixed(0),
  );
}
console.log(deviations === 0 ? `\nAll ${rows.length} as expected.` : `\n${deviations} not as expected.`);
process.exitCode = deviations === 0 ? 0 : 1;

/** One search through all states; breadth-first where a counterexample is expected, so that it is one of the shortest. */
function check({ model, faults, without, expected }) {
  const folder = mkdtempSync(join(tmpdir(), 'tierwise-model-'));
  try {
    const shortest = expected === 'fails';
    const defines = [
      ...faults.split(' '),
      ...without.split(' ').filter(Boolean),
      ...(shortest ? ['SHORTEST'] : []),
    ].map((name) => `-D${name}`);
    cpSync(join(here, `${model}.pml`), join(folder, `${model}.pml`));
    const run = (command, ...args) =>
      execFileSync(command, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] }).toString();
    run('spin', ...defines, '-a', `${model}.pml`);
    run(
      compiler,
      '-O2',
      '-w',
      '-DSAFETY',
      `-DMEMLIM=${MEMORY_MB}`,
      ...(shortest ? ['-DBFS'] : []),
      '-o',
      'pan',
      'pan.c',
    );
    const began = performance.now();
    const { stdout } = spawnSync(join(folder, 'pan'), ['-m1000000', '-w23'], {
      cwd: folder,
      timeout: PATIENCE_S * 1000,
    });
    const seconds = (performance.now() - began) / 1000;
    const output = stdout.toString();
    const states = Number(/(\d+) states, stored/.exec(output)?.[1] ?? 0);
    const megabytes = Number(/([\d.]+)\s+total actual memory usage/.exec(output)?.[1] ?? 0);
    if (keep && existsSync(join(folder, `${model}.pml.trail`))) {
      mkdirSync(join(here, 'trails'), { recursive: true });
      const name = [model, ...faults.split(' '), ...without.split(' ')].join('.').replaceAll('=', '');
      cpSync(join(folder, `${model}.pml.trail`), join(here, 'trails', `${name}.trail`));
      console.log(`spin ${defines.join(' ')} -k trails/${name}.trail -p -g -l ${model}.pml`);
    }
    return { result: resultOf(output), states, seconds, megabytes };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A search that was cut short by memory, time or depth has shown nothing. */
function resultOf(output) {
  if (/assertion violated/.test(output)) return 'fails';
  const complete =
    /errors: 0/.test(output) &&
    !/Search not completed|max search depth too small|out of memory|reached -DMEMLIM/.test(output);
  return complete ? 'holds' : 'undecided';
}

function works(command, ...args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

function print(...cells) {
  const widths = [5, 30, 24, 8, 9, 11, 7, 5];
  console.log(
    cells.map((cell, index) => (index < 5 ? cell.padEnd(widths[index]) : cell.padStart(widths[index]))).join('  '),
  );
}
