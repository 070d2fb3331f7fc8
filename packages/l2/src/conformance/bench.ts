import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type {
  L2,
  L2Feed,
  L2Leases,
  L2LeaseToken,
  L2Life,
  L2LogicalTime,
  L2Read,
  L2Replay,
  L2Transactions,
} from '../contract.js';
import { type L2TestClock, type L2TestStore, realClock } from './harness.js';
import { NewsLog } from './news-log.js';

/** An opened L2 and what it has heard. */
export interface TestNode {
  readonly l2: L2;
  readonly origin: string;
  readonly log: NewsLog;
  readonly leases: L2Leases;
  readonly time: L2LogicalTime;
  readonly feed: L2Feed;
  readonly replay: L2Replay;
  readonly transactions: L2Transactions;
}

/** A life that no case outlasts. */
export const LONG: L2Life = { freshMs: 600_000, keepMs: 1_200_000 };

/** How long an entry lives in cases that see it end, in milliseconds: short, since real stores really wait. */
const SHORT_MS = 40;

/**
 * What a case works with: nodes on the store under test, namespaces that nobody else uses, and time. Closes what it opened.
 */
export class Bench {
  /** A namespace of this case's own. */
  readonly namespace: string;
  readonly store: L2TestStore;
  readonly #clock: L2TestClock;
  readonly #patienceMs: number;
  readonly #opened: L2[] = [];

  /** @param patienceMs how long to wait for news that should come, in milliseconds. */
  constructor(store: L2TestStore, patienceMs: number) {
    this.store = store;
    this.namespace = this.freshName();
    this.#clock = store.clock ?? realClock;
    this.#patienceMs = patienceMs;
  }

  /** A name that was never used. */
  freshName(): string {
    return `conformance-${randomUUID()}`;
  }

  /** A node that nobody opened; closed in the end. */
  unopened(): L2 {
    const l2 = this.store.node();
    this.#opened.push(l2);
    return l2;
  }

  /** An opened node. */
  async node(): Promise<TestNode> {
    const l2 = this.unopened();
    const origin = randomUUID();
    const log = new NewsLog(origin, this.#patienceMs);
    await l2.open(log.host);
    return {
      l2,
      origin,
      log,
      get leases() {
        return present(l2.leases, 'leases');
      },
      get time() {
        return present(l2.time, 'time');
      },
      get feed() {
        return present(l2.feed, 'feed');
      },
      get replay() {
        return present(l2.replay, 'replay');
      },
      get transactions() {
        return present(l2.transactions, 'transactions');
      },
    };
  }

  /** A host for nodes that a case opens by hand. */
  host(): NewsLog {
    return new NewsLog(randomUUID(), this.#patienceMs);
  }

  /** A node whose feed is alive and follows a namespace. */
  async follower(namespace = this.namespace): Promise<TestNode> {
    const node = await this.node();
    await node.log.alive();
    await node.feed.follow(namespace);
    return node;
  }

  /** Lets time pass, and a little more: a store's clock and a test's may round differently. */
  async pass(ms: number): Promise<void> {
    await this.#clock.advance(ms + 3);
  }

  now(): number {
    return this.#clock.now();
  }

  /**
   * Steps that only hold while less than `lifeMs` of time passes. If they fail after a busy machine took longer than that,
   * they are repeated, with twice the time. A failure in time is a failure.
   *
   * @returns the life with which they succeeded.
   */
  async within(steps: (lifeMs: number) => Promise<void>): Promise<number> {
    for (let lifeMs = SHORT_MS; ; lifeMs *= 2) {
      const start = this.now();
      try {
        await steps(lifeMs);
        return lifeMs;
      } catch (error) {
        if (this.now() - start < lifeMs - 1 || lifeMs > 5_000) throw error;
      }
    }
  }

  /** Closes all nodes of the case. */
  async close(): Promise<void> {
    await Promise.all(this.#opened.map((l2) => l2.close()));
  }
}

/** Bytes of a text. */
export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Stores a text under a key. Returns the version. */
export async function put(
  node: TestNode,
  namespace: string,
  key: string,
  text = 'value',
  life = LONG,
): Promise<number> {
  const [written] = await node.l2.write(namespace, [{ key, bytes: bytesOf(text), ...life }]);
  assert.equal(written?.status, 'stored', 'a write without a lease is always stored');
  return written.version;
}

/** Fills a key by a lease. Returns whether it was stored. */
export async function fill(
  node: TestNode,
  namespace: string,
  key: string,
  lease: L2LeaseToken,
  text = 'filled',
): Promise<boolean> {
  const [written] = await node.l2.write(namespace, [{ key, bytes: bytesOf(text), ...LONG, lease }]);
  return present(written, 'an answer').status === 'stored';
}

/** What stands under a key: its text, `undefined` for nothing, or `'(damaged)'`. */
export async function textAt(node: TestNode, namespace: string, key: string): Promise<string | undefined> {
  return textOf((await node.l2.read(namespace, [key]))[0]);
}

export function textOf(read: L2Read): string | undefined {
  if (read === undefined) return undefined;
  return read.status === 'damaged' ? '(damaged)' : new TextDecoder().decode(read.bytes);
}

/** The entry under a key, which must be there. */
export async function found(
  node: TestNode,
  namespace: string,
  key: string,
): Promise<Extract<L2Read, { bytes: object }>> {
  const [read] = await node.l2.read(namespace, [key]);
  assert.equal(read?.status, 'found', 'there should be an entry');
  return read;
}

/** Takes the lease of a key, which must be free. */
export async function lease(
  node: TestNode,
  namespace: string,
  key: string,
  ttlMs = 600_000,
  seen?: number,
): Promise<L2LeaseToken> {
  const [answer] = await node.leases.acquire(namespace, [{ key, seen }], ttlMs);
  assert.equal(answer?.status, 'granted', 'the lease should be free');
  return answer.token;
}

/** The status that asking for a lease has. */
export async function leaseStatus(node: TestNode, namespace: string, key: string, seen?: number): Promise<string> {
  const [answer] = await node.leases.acquire(namespace, [{ key, seen }], 600_000);
  return present(answer, 'an answer').status;
}

/** What must be there. */
export function present<T>(value: T | undefined, what: string): T {
  assert.notEqual(value, undefined, `${what} should be there`);
  return value as T;
}
