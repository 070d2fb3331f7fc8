import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import type { Ready } from './child.js';

/** A child that has not ended this long after it was asked to is killed (milliseconds). */
const PATIENCE_MS = 10_000;

/** The demo's child processes. They end with it, however it ends: each watches the channel to its parent. */
export class Processes {
  readonly #children = new Set<ChildProcess>();
  #stopping = false;
  #fail: (error: Error) => void = () => {};
  /** Rejects when a child ends that was not asked to. */
  readonly failure = new Promise<never>((_, reject) => {
    this.#fail = reject;
  });

  constructor() {
    this.failure.catch(() => {});
  }

  /** Starts a program of this folder and gives it its instructions. @returns where it listens, once it does. */
  async start<Instructions extends object>(name: string, program: string, instructions: Instructions): Promise<Ready> {
    if (this.#stopping) throw new Error(`${name} was not started, since all is ending`);
    const child = fork(new URL(program, import.meta.url), { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    this.#children.add(child);
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-4_000);
    });
    child.on('error', this.#fail);
    child.on('exit', async (code, signal) => {
      this.#children.delete(child);
      if (this.#stopping) return;
      // What it said last may come after its end.
      if (child.stderr && !child.stderr.readableEnded) await once(child.stderr, 'end').catch(() => {});
      this.#fail(new Error(`${name} ended with ${signal ?? `code ${code}`}\n${said}`.trimEnd()));
    });
    child.send(instructions, () => {});
    const [ready] = (await Promise.race([once(child, 'message'), this.failure])) as [Ready];
    return ready;
  }

  /** Asks all children to end, and sees to it that they do. The first to start is the last to end, since the others need it. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const [first, ...others] = this.#children;
    await Promise.all(others.map((child) => this.#end(child)));
    if (first !== undefined && this.#children.has(first)) await this.#end(first);
  }

  /** Ends all children at once. */
  kill(): void {
    this.#stopping = true;
    for (const child of this.#children) child.kill('SIGKILL');
  }

  async #end(child: ChildProcess): Promise<void> {
    // Not `close`: where the parent has disconnected, Node does not emit that.
    const ended = once(child, 'exit');
    if (child.connected) child.disconnect();
    const patience = new AbortController();
    const late = pause(PATIENCE_MS, true, { signal: patience.signal }).catch(() => false);
    if (await Promise.race([ended.then(() => false), late])) child.kill('SIGKILL');
    await ended;
    patience.abort();
  }
}
