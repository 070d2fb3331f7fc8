import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { type Attempt, type Life, now, type Read } from './history.js';
import type { FromNode, NodeConfig, NodeLog, ToNode } from './node-protocol.js';
import type { Order } from './subject.js';

export interface NodeHost {
  /** What the node's process is started with, but for its name. */
  readonly config: Omit<NodeConfig, 'life'>;
  /** Answers a load: reads the source, and calls back with the version. */
  readonly onLoad: (key: string, answer: (version: number) => void) => void;
  readonly onReads: (reads: readonly Read[]) => void;
  readonly onStall: (stall: NodeLog['stalls'][number], node: string) => void;
  readonly onLife: (life: Life) => void;
}

// By the package's own name, since this file runs compiled and, in tests, as it stands.
const PROGRAM = createRequire(import.meta.url).resolve('@tierwise/test/coherence/node-process');

/** None of them outlives this process. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A node's process, and the one that comes after it when it was killed. */
export class NodeHandle {
  readonly name: string;
  readonly #host: NodeHost;
  readonly #orders = new Map<number, (outcome: Omit<Attempt, 'name'>) => void>();
  #child: ChildProcess | undefined;
  #life = '';
  #lives = 0;
  #ordersSent = 0;
  /** Ended without being asked to. */
  #crashed = false;
  #isExpectedToEnd = false;

  constructor(name: string, host: NodeHost) {
    this.name = name;
    this.#host = host;
  }

  get crashed(): boolean {
    return this.#crashed;
  }

  /** Whether there is a process that takes orders. */
  get isUp(): boolean {
    return this.#child !== undefined;
  }

  async start(): Promise<void> {
    this.#lives += 1;
    const life = `${this.name}#${this.#lives}`;
    const feed: Life['feed'][number][] = [];
    const recovered: number[] = [];
    this.#host.onLife({ name: life, node: this.name, startedAt: now(), feed, recovered });
    const config: NodeConfig = { ...this.#host.config, life };
    // What goes wrong here is meant to.
    const env = { ...process.env, INCIDENT_RESPONSE_ENABLED: 'false' };
    const child = fork(PROGRAM, [JSON.stringify(config)], { env });
    running.add(child);
    this.#isExpectedToEnd = false;
    child.once('exit', () => {
      running.delete(child);
      this.#crashed ||= !this.#isExpectedToEnd;
      this.#child = undefined;
      const at = now();
      for (const settle of this.#orders.values()) settle({ life, begin: at, end: at, outcome: 'lost' });
      this.#orders.clear();
    });
    const ready = new Promise<void>((resolve) => {
      child.on('message', (message: FromNode) => {
        if (message.type === 'ready') resolve();
        else this.#hear(child, life, { feed, recovered }, message);
      });
      child.once('exit', () => resolve());
    });
    await ready;
    this.#life = life;
    if (child.connected) this.#child = child;
  }

  /** Has an order carried out. Settles when the node says what became of it, or has died. */
  order(order: Order): Promise<Omit<Attempt, 'name'>> {
    return new Promise((resolve) => {
      this.#ordersSent += 1;
      const id = this.#ordersSent;
      this.#orders.set(id, resolve);
      if (this.#child === undefined) {
        const at = now();
        this.#orders.delete(id);
        resolve({ life: this.#life, begin: at, end: at, outcome: 'lost' });
      } else this.#send(this.#child, { type: 'order', id, order });
    });
  }

  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#isExpectedToEnd = true;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  /** Has it look once more at everything, and end. */
  async finish(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#isExpectedToEnd = true;
    const gone = once(child, 'exit');
    this.#send(child, { type: 'finish' });
    await gone;
  }

  #hear(
    child: ChildProcess,
    life: string,
    said: { readonly feed: Life['feed'][number][]; readonly recovered: number[] },
    message: FromNode,
  ): void {
    switch (message.type) {
      case 'load':
        this.#host.onLoad(message.key, (version) => this.#send(child, { type: 'loaded', id: message.id, version }));
        break;
      case 'ordered': {
        const { begin, end, error, deferredAt } = message;
        this.#orders.get(message.id)?.({
          life,
          begin,
          end,
          outcome: error === undefined ? 'acknowledged' : 'rejected',
          error,
          deferredAt,
        });
        this.#orders.delete(message.id);
        break;
      }
      case 'log':
        this.#host.onReads(message.reads.map((read) => ({ ...read, life })));
        said.feed.push(...message.feed);
        said.recovered.push(...message.recovered);
        for (const stall of message.stalls) this.#host.onStall(stall, this.name);
        break;
    }
  }

  #send(child: ChildProcess, message: ToNode): void {
    // A process that was just killed cannot be told anything; its exit says so.
    if (child.connected) child.send(message, () => {});
  }
}
