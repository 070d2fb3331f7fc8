import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface NodeProcessOptions {
  readonly backend: 'redis' | 'embedded';
  /** The URL, or the directory. */
  readonly where: string;
  readonly namespace: string;
  /** Further options of the hierarchy. */
  readonly options?: Record<string, unknown>;
}

/** A hierarchy in a process of its own. */
export class NodeProcess {
  readonly child: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (answer: unknown) => void; reject: (error: Error) => void }>();
  #lastId = 0;

  constructor(options: NodeProcessOptions) {
    const program = fileURLToPath(new URL('node-process.mjs', import.meta.url));
    this.child = fork(program, [JSON.stringify(options)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.child.on('message', ({ id, answer, error }: { id: number; answer?: unknown; error?: string }) => {
      const asked = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) asked?.resolve(answer);
      else asked?.reject(new Error(error));
    });
    this.child.on('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the process has ended'));
      this.#waiting.clear();
    });
  }

  /** Has the process do one of its orders. @returns what that answers; rejects when the process ends instead. */
  async ask<T>(order: string, args?: Record<string, unknown>): Promise<T> {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (answer: unknown) => void, reject });
      this.child.send({ id, order, args });
    });
  }

  /** Ends the process in an orderly way, and waits for that. */
  async close(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => this.child.once('exit', () => resolve()));
    await this.ask('close').catch(() => {});
    await ended;
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }
}
