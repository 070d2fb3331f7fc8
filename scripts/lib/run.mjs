import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the workspace. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** A command ended with a code other than 0; `output` is everything that it printed. */
export class CommandFailed extends Error {
  constructor(commandLine, code, output) {
    super(`${commandLine} ended with ${code}`);
    this.output = output;
  }
}

/**
 * Runs a command in the workspace, without a shell and without stdin, and keeps what it prints to itself.
 *
 * @param {string[]} command - program and arguments
 * @param {{cwd?: string, onText?: (text: string) => void}} [options] - `onText` sees the output as it comes
 * @returns {Promise<string>} what the command printed
 * @throws {CommandFailed}
 */
export async function run([program, ...args], { cwd = root, onText } = {}) {
  const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
      onText?.(text);
    });
  }
  const code = await ended(child);
  if (code !== 0) throw new CommandFailed([program, ...args].join(' '), code, output);
  return output;
}

/**
 * Runs a command on the user's own terminal, until its end.
 *
 * @param {string[]} command - program and arguments
 * @returns {Promise<number>} its exit code
 */
export async function runInForeground([program, ...args]) {
  const child = spawn(program, args, { cwd: root, stdio: 'inherit' });
  // Ctrl+C reaches the child too, since it shares the terminal: leave the farewell to it.
  const wait = () => {};
  process.on('SIGINT', wait);
  const terminate = () => child.kill('SIGTERM');
  process.on('SIGTERM', terminate);
  try {
    return await ended(child);
  } finally {
    process.off('SIGINT', wait);
    process.off('SIGTERM', terminate);
  }
}

/** The command line of a tool among the workspace's devDependencies: node and the tool's own script. */
export function tool(packageName, binary = packageName) {
  const manifest = join(root, 'node_modules', packageName, 'package.json');
  const { bin } = createRequire(import.meta.url)(manifest);
  return [process.execPath, join(dirname(manifest), typeof bin === 'string' ? bin : bin[binary])];
}

/** @returns {Promise<number>} the exit code; 128 and more for an end by signal, as shells have it */
function ended(child) {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 143)));
  });
}
