import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { L2LeaseAnswer, L2News, L2Written } from '@tierwise/l2';
import { onTestFinished } from 'vitest';

const FIXTURE = new URL('./fixtures/node.mjs', import.meta.url);

/** A node in a process of its own, on the built package. Ended after the test at the latest. */
export class ChildNode {
  readonly process: ChildProcess;
  /** All news that it has heard, and when, by the wall clock. */
  readonly news: { readonly news: L2News; readonly at: number }[] = [];
  /** By key, the number of the last write that it told to be done. */
  readonly acknowledged = new Map<string, number>();
  readonly #answers = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  readonly #waiting = new Set<() => void>();
  #lastId = 0;

  private constructor(child: ChildProcess) {
    this.process = child;
    child.on('message', (message: ChildMessage) => this.#hear(message));
  }

  static async start(dir: string, origin: string): Promise<ChildNode> {
    const child = fork(FIXTURE, [dir, origin]);
    onTestFinished(() => {
      child.kill('SIGKILL');
    });
    const [first] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as [unknown];
    if (typeof first !== 'object') throw new Error(`the child ended: ${first}`);
    return new ChildNode(child);
  }

  follow = (namespace: string) => this.#ask('follow', namespace);
  write = (namespace: string, key: string, text: string) => this.#ask<L2Written[]>('write', namespace, key, text);
  read = (namespace: string, key: string) => this.#ask<string | undefined>('read', namespace, key);
  acquire = (namespace: string, key: string, ttlMs: number) =>
    this.#ask<L2LeaseAnswer>('acquire', namespace, key, ttlMs);
  fill = (namespace: string, key: string, text: string, lease: string) =>
    this.#ask<L2Written[]>('fill', namespace, key, text, lease);

  /** Lets it write until it is killed. */
  writeForEver(namespace: string, valueBytes: number): void {
    this.#ask('writeForEver', namespace, valueBytes).catch(() => {});
  }

  /** Lets it commit pairs until it is killed. */
  commitPairsForEver(namespace: string, valueBytes: number): void {
    this.#ask('commitPairsForEver', namespace, valueBytes).catch(() => {});
  }

  /** Resolves when the condition holds; asks after each message of the child. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (!condition()) return;
        this.#waiting.delete(check);
        resolve();
      };
      this.#waiting.add(check);
      check();
    });
  }

  async kill(): Promise<void> {
    const exit = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await exit;
  }

  /** Closes it, and resolves with its exit code once it has ended by itself. */
  async close(): Promise<number | null> {
    const exit = once(this.process, 'exit');
    this.#ask('close').catch(() => {});
    const [code] = (await exit) as [number | null];
    return code;
  }

  #ask<T>(deed: string, ...args: unknown[]): Promise<T> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#answers.set(id, { resolve: (value) => resolve(value as T), reject });
      this.process.send({ id, deed, args });
    });
  }

  #hear(message: ChildMessage): void {
    if (message.news !== undefined) this.news.push({ news: message.news, at: message.at ?? 0 });
    if (message.acknowledged !== undefined)
      this.acknowledged.set(message.acknowledged.key, message.acknowledged.number);
    if (message.id !== undefined) {
      const answer = this.#answers.get(message.id);
      if (message.error !== undefined) answer?.reject(new Error(message.error));
      else answer?.resolve(message.ok);
    }
    for (const check of this.#waiting) check();
  }
}

interface ChildMessage {
  readonly id?: number;
  readonly ok?: unknown;
  readonly error?: string;
  readonly news?: L2News;
  readonly at?: number;
  readonly acknowledged?: { readonly key: string; readonly number: number };
}
