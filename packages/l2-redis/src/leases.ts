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
import { NAME } from './name.js';
import { ACQUIRE, RELEASE, RENEW } from './scripts/lease.js';

/** What {@link ACQUIRE} answers per request. */
const GRANTED = 1;
const HELD = 2;

/** 128 random bits: no two grants ever share a token. */
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
          const random = randomBytes(TOKEN_BYTES * group.length);
          const tokens = group.map((_, i) => random.toString('base64url', TOKEN_BYTES * i, TOKEN_BYTES * (i + 1)));
          const { reply, now } = await this.#context.runTimed(
            answered,
            ACQUIRE,
            group.flatMap(({ key }) => [names.entry(key), names.lease(key)]),
            [ttlMs, ...group.flatMap(({ seen }, i) => [seen ?? '', tokens[i] as string])],
          );
          return reply.map((answer, i) => toAnswer(answer as Answer, tokens[i] as string, now));
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

type Answer = readonly [kind: unknown, detail?: unknown, goneAt?: unknown];

function toAnswer([kind, detail, gone]: Answer, token: L2LeaseToken, now: RedisTime): L2LeaseAnswer {
  if (Number(kind) === GRANTED) return { status: 'granted', token };
  if (Number(kind) === HELD) return { status: 'held', remainingMs: Number(detail) };
  return { status: 'changed', entry: decodeLiving(detail as Buffer, now, Number(gone)) };
}
