import {
  checkDuration,
  checkNames,
  type L2,
  type L2CallOptions,
  type L2LeaseAnswer,
  type L2LeaseRequest,
  type L2Leases,
  type L2LeaseToken,
} from '@tierwise/l2';
import type { Calls } from './calls.js';
import { homeOf } from './home.js';
import type { LeasePairs } from './lease-pairs.js';
import type { Side } from './phase.js';
import type { MigrationRecord } from './record.js';
import { sideOf, toOuterRead, versionOf } from './version.js';

export interface LeasesParts {
  readonly backend: string;
  readonly stores: Readonly<Record<Side, L2>>;
  readonly calls: Calls;
  readonly pairs: LeasePairs;
}

/**
 * Leases of two stores. While values move, both are needed: the old store's is shared with nodes that are still joining, the new store's with such
 * as are leaving already, so that there is one load at a time whatever phase a node is in (law 2). They are asked for in this order.
 */
export class Leases implements L2Leases {
  readonly #parts: LeasesParts;

  constructor(parts: LeasesParts) {
    this.#parts = parts;
  }

  async acquire(
    namespace: string,
    requests: readonly L2LeaseRequest[],
    ttlMs: number,
    options?: L2CallOptions,
  ): Promise<L2LeaseAnswer[]> {
    const { calls, pairs } = this.#parts;
    const keys = requests.map(({ key }) => key);
    this.#enter(options, namespace, keys, ttlMs);
    return calls.run('acquire', namespace, options, async ({ record, duties: { lead, follower, isShared } }) => {
      const ask = (side: Side, some: readonly L2LeaseRequest[]) => this.#ask(side, namespace, some, ttlMs, options);
      const answers = await ask(lead, requests);
      if (follower === undefined || !isShared) return answers;

      await this.#preferChanges(record, follower, namespace, requests, answers, options);
      const granted = [...answers.keys()].filter((index) => answers[index]?.status === 'granted');
      if (granted.length === 0) return answers;
      const seconds = await ask(
        follower,
        granted.map((index) => requests[index] as L2LeaseRequest),
      );
      const givenBack: Promise<unknown>[] = [];
      for (const [at, index] of granted.entries()) {
        const first = answers[index];
        const second = seconds[at];
        if (first?.status !== 'granted' || second === undefined) continue;
        if (second.status === 'granted') {
          pairs.add(first.token, second.token, ttlMs);
          continue;
        }
        answers[index] = second;
        givenBack.push(this.#store(lead).release(namespace, keys[index] as string, first.token, options));
      }
      await Promise.all(givenBack);
      return answers;
    });
  }

  async renew(
    namespace: string,
    key: string,
    token: L2LeaseToken,
    ttlMs: number,
    options?: L2CallOptions,
  ): Promise<boolean> {
    const { calls, pairs } = this.#parts;
    this.#enter(options, namespace, [key], ttlMs);
    return calls.run('renew', namespace, options, async ({ duties: { lead, follower, isShared } }) => {
      const second = pairs.second(token);
      const own = lead === 'to' ? (second ?? token) : token;
      if (!(await this.#store(lead).renew(namespace, key, own, ttlMs, options))) return false;
      pairs.renew(token, ttlMs);
      if (isShared && follower !== undefined && second !== undefined) {
        await this.#store(follower).renew(namespace, key, second, ttlMs, options);
      }
      return true;
    });
  }

  async release(namespace: string, key: string, token: L2LeaseToken, options?: L2CallOptions): Promise<boolean> {
    const { calls, pairs } = this.#parts;
    this.#enter(options, namespace, [key]);
    return calls.run('release', namespace, options, async ({ duties: { lead, follower } }) => {
      const second = pairs.second(token) ?? token;
      pairs.delete(token);
      const tokens = { from: token, to: second };
      const wasInForce = await this.#store(lead).release(namespace, key, tokens[lead], options);
      if (follower === undefined) return wasInForce;
      // Last, since it is by this one's news that those who wait are woken while values move. Without a pair it may be of another phase.
      const wasOther = await this.#store(follower).release(namespace, key, tokens[follower], options);
      return wasInForce || wasOther;
    });
  }

  /**
   * Asks one store. What it has and the caller has not seen, since it saw the other store's, is no reason not to load: it is looked at no
   * further, and the lease is asked for once more, having seen it.
   */
  async #ask(
    side: Side,
    namespace: string,
    requests: readonly L2LeaseRequest[],
    ttlMs: number,
    options: L2CallOptions | undefined,
  ): Promise<L2LeaseAnswer[]> {
    const { backend } = this.#parts;
    const own = requests.map(({ key, seen }) => ({ key, seen: versionOf(side, seen) }));
    const answers = await this.#store(side).acquire(namespace, own, ttlMs, options);
    const unseen = [...answers.keys()].filter((index) => {
      const seen = requests[index]?.seen;
      return answers[index]?.status === 'changed' && seen !== undefined && own[index]?.seen === undefined;
    });
    if (unseen.length > 0) {
      const again = unseen.map((index) => {
        const answer = answers[index];
        return { key: own[index]?.key ?? '', seen: answer?.status === 'changed' ? answer.entry.version : undefined };
      });
      const later = await this.#store(side).acquire(namespace, again, ttlMs, options);
      for (const [at, index] of unseen.entries()) answers[index] = later[at] as L2LeaseAnswer;
    }
    return answers.map((answer) =>
      answer.status === 'changed' ? { ...answer, entry: toOuterRead(backend, side, answer.entry) } : answer,
    );
  }

  /**
   * What the follower has and the caller has not seen is told instead of a wait, and, where the follower is the key's home, instead of
   * what the lead has: it is what a read would tell.
   */
  async #preferChanges(
    { percentage }: MigrationRecord,
    follower: Side,
    namespace: string,
    requests: readonly L2LeaseRequest[],
    answers: L2LeaseAnswer[],
    options: L2CallOptions | undefined,
  ): Promise<void> {
    const { stores, backend } = this.#parts;
    const asked = [...answers.keys()].filter((index) => {
      const { seen, key } = requests[index] as L2LeaseRequest;
      const status = answers[index]?.status;
      const isHome = homeOf(namespace, key, percentage) === follower;
      if (status === 'granted' || (status === 'changed' && !isHome)) return false;
      return seen === undefined || sideOf(seen) === follower;
    });
    if (asked.length === 0) return;
    const keys = asked.map((index) => requests[index]?.key ?? '');
    const reads = await stores[follower].read(namespace, keys, options);
    for (const [at, index] of asked.entries()) {
      const entry = toOuterRead(backend, follower, reads[at]);
      if (entry !== undefined && entry.version !== requests[index]?.seen) answers[index] = { status: 'changed', entry };
    }
  }

  #store(side: Side): L2Leases {
    return this.#parts.stores[side].leases as L2Leases;
  }

  #enter(options: L2CallOptions | undefined, namespace: string, keys: readonly string[], ttlMs = 1): void {
    const { backend, calls } = this.#parts;
    calls.enter(options);
    checkNames(backend, 'namespace', [namespace]);
    checkNames(backend, 'key', keys);
    checkDuration(backend, 'a lease', ttlMs);
  }
}
