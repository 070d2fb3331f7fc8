import { randomBytes } from 'node:crypto';
import {
  checkDuration,
  type L2CallOptions,
  type L2LeaseAnswer,
  type L2LeaseRequest,
  type L2Leases,
  type L2LeaseToken,
} from '@tierwise/l2';
import type { RedisTime } from './clock.js';
import type { Context } from './context.js';
import { decodeLiving } from './envelope.js';
import type { Keys } from './keys.js';
import { NAME } from './name.js';
import { ACQUIRE, RELEASE, RENEW } from './scripts/lease.js';

/** What {@link ACQUIRE} answers per request. */
const GRANTED = 1;
const HELD = 2;

/** 128 random bits, and the number of the request among those of one script: no two grants ever share a token. */
const TOKEN_BYTES = 16;

/** Leases in Redis: each is a string of its own beside its entry, which expires with the lease. */
export class Leases implements L2Leases {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  async acquire(
    namespace: string,
    requests: readonly L2LeaseRequest[],
    ttlMs: number,
    options?: L2CallOptions,
  ): Promise<L2LeaseAnswer[]> {
    const names = this.#context.enter(
      options,
      namespace,
      requests.map(({ key }) => key),
    );
    checkDuration(NAME, 'a lease', ttlMs);
    if (requests.length === 0) return [];
    return this.#context.run('acquire', options, (answered) =>
      this.#context.inGroups(
        requests,
        ({ key }) => names.entry(key),
        async (group) => {
          const root = `${randomBytes(TOKEN_BYTES).toString('base64url')}.`;
          const { reply, now } = await this.#context.runTimed(
            answered,
            ACQUIRE,
            namesOfLeases(names, group),
            argumentsOf(group, ttlMs, root),
          );
          return reply.map((answer, i) => toAnswer(answer as Answer, `${root}${i + 1}`, now));
        },
      ),
    );
  }

  async renew(
    namespace: string,
    key: string,
    token: L2LeaseToken,
    ttlMs: number,
    options?: L2CallOptions,
  ): Promise<boolean> {
    const names = this.#context.enter(options, namespace, [key]);
    checkDuration(NAME, 'a lease', ttlMs);
    return this.#context.run('renew', options, async (answered) => {
      const renewed = await answered(this.#context.topology.run(RENEW, [names.lease(key)], [token, ttlMs]));
      return Number(renewed) === 1;
    });
  }

  async release(namespace: string, key: string, token: L2LeaseToken, options?: L2CallOptions): Promise<boolean> {
    const names = this.#context.enter(options, namespace, [key]);
    const args = [token, ...this.#context.newsHead(namespace, options), JSON.stringify(key)];
    return this.#context.run('release', options, async (answered) => {
      const released = await answered(this.#context.topology.run(RELEASE, [names.lease(key)], args));
      return Number(released) === 1;
    });
  }
}

type Answer = typeof GRANTED | readonly [kind: unknown, detail: unknown, goneAt?: unknown];

function toAnswer(answer: Answer, token: L2LeaseToken, now: RedisTime): L2LeaseAnswer {
  if (!Array.isArray(answer)) return { status: 'granted', token };
  const [kind, detail, gone] = answer;
  if (Number(kind) === HELD) return { status: 'held', remainingMs: Number(detail) };
  return { status: 'changed', entry: decodeLiving(detail as Buffer, now, Number(gone)) };
}

function namesOfLeases(names: Keys, requests: readonly L2LeaseRequest[]): string[] {
  const all: string[] = [];
  for (const { key } of requests) all.push(names.entry(key), names.lease(key));
  return all;
}

/** Of {@link ACQUIRE}. */
function argumentsOf(requests: readonly L2LeaseRequest[], ttlMs: number, root: string): (string | number)[] {
  const haveSeen = requests.some(({ seen }) => seen !== undefined);
  return haveSeen ? [ttlMs, root, ...requests.map(({ seen }) => seen ?? '')] : [ttlMs, root];
}
