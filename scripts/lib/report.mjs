import { CommandFailed } from './run.mjs';

/** A check of ours found something: a list of lines, without a stack that would only point at the check. */
export class Findings extends Error {
  constructor(lines) {
    super(lines.join('\n'));
  }
}

/** After this long without news a step says that it still runs (milliseconds). */
const PATIENCE_MS = 15_000;

/**
 * Runs one step and prints one line about it, with its time. A failure prints what the tool said.
 *
 * @param {string} name
 * @param {(note: (text: string) => void) => Promise<string | void>} work - may return a remark for the line; `note` takes
 *   news of its progress, of which the latest is shown
 * @returns {Promise<boolean>} whether it succeeded
 */
export async function step(name, work) {
  const started = performance.now();
  const seconds = () => `${((performance.now() - started) / 1000).toFixed(1)} s`;
  let news = '';
  const show = () => {
    const line = `… ${name} ${news}`;
    if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${line.slice(0, process.stdout.columns - 1)}`);
    else process.stdout.write(`${line.trimEnd()} (${seconds()})\n`);
  };
  if (process.stdout.isTTY) show();
  const clock = setInterval(show, process.stdout.isTTY ? 200 : PATIENCE_MS);
  const close = (line) => {
    clearInterval(clock);
    process.stdout.write(`${process.stdout.isTTY ? '\r\x1b[K' : ''}${line}\n`);
  };
  try {
    const remark = await work((text) => {
      news = text;
    });
    close(`✓ ${name} (${seconds()})${remark ? ` ${remark}` : ''}`);
    return true;
  } catch (error) {
    close(`✗ ${name} (${seconds()})`);
    process.stdout.write(`${said(error).trim().replace(/^/gm, '    ')}\n`);
    return false;
  }
}

function said(error) {
  if (error instanceof Findings) return error.message;
  return error instanceof CommandFailed && error.output.trim() ? error.output : (error.stack ?? String(error));
}
