import type { L2LeaseAnswer } from '../../contract.js';
import { type Mutant, proveGroups, type Sound } from './mutant.js';

/** Changes the answers to requests for leases. */
function answers(
  change: (answer: L2LeaseAnswer, key: string, sound: Sound, namespace: string) => L2LeaseAnswer,
): Mutant['instead'] {
  return (sound) => ({
    leases: {
      ...sound.leases,
      acquire: async (namespace, requests, ttlMs, options) => {
        const all = await sound.leases.acquire(namespace, requests, ttlMs, options);
        return all.map((answer, index) => change(answer, requests[index]?.key ?? '', sound, namespace));
      },
    },
  });
}

/** Keeps the leases of a namespace over a call that should revoke some. */
function keepsLeases(call: 'write' | 'delete' | 'expire'): Mutant['instead'] {
  return ({ l2, store }) => ({
    [call]: async (namespace: string, ...rest: [never]) => {
      const leases = [...store.namespace(namespace).leases];
      const answer = await l2[call](namespace, ...rest);
      for (const [key, lease] of leases) store.namespace(namespace).leases.set(key, lease);
      return answer;
    },
  });
}

const leaseOf = ({ store }: Sound, namespace: string, key: string) => store.namespace(namespace).leases.get(key);

const RAN_OUT = 'a lease runs out when its time is over, and exactly one other gets it';
const BATCH = 'a batch fills the keys whose leases are in force and refuses the others';

proveGroups(
  ['leases', 'fills'],
  [
    {
      name: 'leases are always granted, and the later one counts',
      instead: ({ leases, store }) => ({
        leases: {
          ...leases,
          acquire: (namespace, requests, ...rest) => {
            for (const { key } of requests) store.namespace(namespace).leases.delete(key);
            return leases.acquire(namespace, requests, ...rest);
          },
        },
      }),
      noticedBy: [
        'a free key is granted; then it is held for everyone, the holder included',
        '100 concurrent requests over several nodes get one grant',
        'touch leaves the lease in force',
      ],
    },
    {
      name: 'the check and the grant are two steps',
      instead: (sound) => ({
        leases: {
          ...sound.leases,
          acquire: async (namespace, requests, ttlMs, options) => {
            const isFree = requests.map(({ key }) => leaseOf(sound, namespace, key) === undefined);
            await new Promise((resolve) => setImmediate(resolve));
            for (const [index, { key }] of requests.entries()) {
              if (isFree[index]) sound.store.namespace(namespace).leases.delete(key);
            }
            return sound.leases.acquire(namespace, requests, ttlMs, options);
          },
        },
      }),
      noticedBy: ['100 concurrent requests over several nodes get one grant'],
    },
    {
      name: 'a delete revokes the leases of the whole namespace',
      instead: ({ l2, store }) => ({
        delete: (namespace, keys, options) => {
          store.namespace(namespace).leases.clear();
          return l2.delete(namespace, keys, options);
        },
      }),
      noticedBy: ['leases of different keys and namespaces do not touch each other'],
    },
    {
      name: 'held tells the time that was asked for now',
      instead: answers((answer) => (answer.status === 'held' ? { ...answer, remainingMs: 600_000 } : answer)),
      noticedBy: ['held tells how long, within what was asked for'],
    },
    {
      name: 'an entry does not stand in the way of a grant',
      instead: ({ leases, store }) => ({
        leases: {
          ...leases,
          acquire: (namespace, requests, ...rest) =>
            leases.acquire(
              namespace,
              requests.map(({ key }) => ({ key, seen: store.namespace(namespace).entries.get(key)?.version })),
              ...rest,
            ),
        },
      }),
      noticedBy: [
        'an entry that the caller has not seen answers changed, with the entry, and grants nothing',
        'changed comes before held',
      ],
    },
    {
      name: 'what the caller has seen is ignored',
      instead: ({ leases }) => ({
        leases: {
          ...leases,
          acquire: (namespace, requests, ...rest) =>
            leases.acquire(
              namespace,
              requests.map(({ key }) => ({ key, seen: undefined })),
              ...rest,
            ),
        },
      }),
      noticedBy: ['an entry that the caller has seen does not stand in the way of a grant'],
    },
    {
      name: 'a version that is gone is waited for',
      instead: ({ leases, store }) => ({
        leases: {
          ...leases,
          acquire: async (namespace, requests, ...rest) => {
            const found = await leases.acquire(namespace, requests, ...rest);
            return found.map((answer, index): L2LeaseAnswer => {
              const isGone = store.namespace(namespace).entries.get(requests[index]?.key ?? '') === undefined;
              return isGone && requests[index]?.seen !== undefined ? { status: 'held', remainingMs: 1 } : answer;
            });
          },
        },
      }),
      noticedBy: ['a version that is no longer there does not stand in the way of a grant'],
    },
    {
      name: 'held comes before changed',
      instead: (sound) => ({
        leases: {
          ...sound.leases,
          acquire: async (namespace, requests, ttlMs, options) => {
            const wasHeld = requests.map(({ key }) => leaseOf(sound, namespace, key) !== undefined);
            const all = await sound.leases.acquire(namespace, requests, ttlMs, options);
            return all.map((answer, index) => (wasHeld[index] ? { status: 'held', remainingMs: 1 } : answer));
          },
        },
      }),
      noticedBy: ['changed comes before held'],
    },
    {
      name: 'leases do not run out',
      instead: answers((answer, key, sound, namespace) => {
        const lease = leaseOf(sound, namespace, key);
        if (lease !== undefined) lease.goneAt = Number.MAX_SAFE_INTEGER;
        return answer;
      }),
      noticedBy: [RAN_OUT, 'a fill whose lease ran out is refused, also if nobody took it over'],
    },
    {
      name: 'renew says yes and does nothing',
      instead: ({ leases }) => ({ leases: { ...leases, renew: async () => true } }),
      noticedBy: [
        'renew prolongs a lease beyond its first end, and shortens it as well',
        'renew and release refuse a foreign, an ended and an unknown token, and harm nothing',
        RAN_OUT,
      ],
    },
    {
      name: 'renew brings an ended lease back',
      instead: (sound) => ({
        leases: {
          ...sound.leases,
          renew: async (namespace, key, token, ttlMs) => {
            if (token === '' || token.startsWith('never')) return false;
            sound.store.namespace(namespace).leases.set(key, { token, goneAt: sound.store.now() + ttlMs });
            return true;
          },
        },
      }),
      noticedBy: [
        'renew and release refuse a foreign, an ended and an unknown token, and harm nothing',
        'a revoked lease never comes back, nor does a new grant legitimate the old token',
        RAN_OUT,
      ],
    },
    {
      name: 'release says yes and does nothing',
      instead: ({ leases }) => ({ leases: { ...leases, release: async () => true } }),
      noticedBy: ['release frees the key', 'a fill whose lease was released is refused'],
    },
    {
      name: 'release takes any token',
      instead: (sound) => ({
        leases: {
          ...sound.leases,
          release: (namespace, key, token, options) =>
            sound.leases.release(namespace, key, leaseOf(sound, namespace, key)?.token ?? token, options),
        },
      }),
      noticedBy: ['renew and release refuse a foreign, an ended and an unknown token, and harm nothing'],
    },
    {
      name: 'a key has the same token in each grant',
      instead: answers((answer, key, sound, namespace) => {
        const lease = leaseOf(sound, namespace, key);
        if (answer.status !== 'granted' || lease === undefined) return answer;
        lease.token = `token of ${key}`;
        return { ...answer, token: lease.token };
      }),
      noticedBy: [
        'tokens are unique, and have 1 to 64 characters',
        'a revoked lease never comes back, nor does a new grant legitimate the old token',
      ],
    },

    {
      name: 'a fill ignores its lease',
      instead: ({ l2 }) => ({
        write: (namespace, entries, options) =>
          l2.write(
            namespace,
            entries.map((entry) => ({ ...entry, lease: undefined })),
            options,
          ),
      }),
      noticedBy: [
        'a fill whose lease was revoked by a write is refused, and the write stays',
        'a fill whose lease was revoked by a delete is refused',
        'a fill whose lease ran out is refused, also if nobody took it over',
        'a second fill by the same lease is refused, in the same batch too',
        'a refused fill leaves the lease that is in force, and the entry, as they were',
        BATCH,
      ],
    },
    {
      name: 'a write does not revoke, nor does a fill end its lease',
      instead: keepsLeases('write'),
      noticedBy: [
        'a fill whose lease was revoked by a write is refused, and the write stays',
        'a fill by the lease in force is stored, by another node too, and ends the lease',
        'a second fill by the same lease is refused, in the same batch too',
      ],
    },
    {
      name: 'a delete does not revoke',
      instead: keepsLeases('delete'),
      noticedBy: [
        'a fill whose lease was revoked by a delete is refused',
        'a revoked lease never comes back, nor does a new grant legitimate the old token',
        'leases of different keys and namespaces do not touch each other',
      ],
    },
    {
      name: 'a delete revokes only where there is an entry',
      instead: ({ l2, store }) => ({
        delete: async (namespace, keys, options) => {
          const leases = [...store.namespace(namespace).leases];
          const existed = await l2.delete(namespace, keys, options);
          for (const [key, lease] of leases) {
            if (existed[keys.indexOf(key)] === false) store.namespace(namespace).leases.set(key, lease);
          }
          return existed;
        },
      }),
      noticedBy: ['a fill whose lease was revoked by a delete is refused'],
    },
    {
      name: 'an expire does not revoke',
      instead: keepsLeases('expire'),
      noticedBy: ['a fill whose lease was revoked by an expire is refused'],
    },
    {
      name: 'a purge revokes only the leases of keys with an entry',
      instead: ({ l2, store }) => ({
        purge: async (namespace, options) => {
          const { leases, entries } = store.namespace(namespace);
          const kept = [...leases].filter(([key]) => !entries.has(key));
          const removed = await l2.purge(namespace, options);
          for (const [key, lease] of kept) leases.set(key, lease);
          return removed;
        },
      }),
      noticedBy: ['a fill whose lease was revoked by a purge is refused'],
    },
    {
      name: 'a refused fill ends the lease that is in force',
      instead: ({ l2, store }) => ({
        write: async (namespace, entries, options) => {
          const written = await l2.write(namespace, entries, options);
          for (const [index, { status }] of written.entries()) {
            if (status === 'refused') store.namespace(namespace).leases.delete(entries[index]?.key ?? '');
          }
          return written;
        },
      }),
      noticedBy: ['a refused fill leaves the lease that is in force, and the entry, as they were'],
    },
    {
      name: 'a touch revokes',
      instead: ({ l2, store }) => ({
        touch: (namespace, keys, life, options) => {
          for (const key of keys) store.namespace(namespace).leases.delete(key);
          return l2.touch(namespace, keys, life, options);
        },
      }),
      noticedBy: ['touch leaves the lease in force'],
    },
    {
      name: 'one refusal refuses the batch',
      instead: ({ l2 }) => ({
        write: async (namespace, entries, options) => {
          const written = await l2.write(namespace, entries, options);
          return written.some((each) => each.status === 'refused')
            ? written.map(() => ({ status: 'refused' }))
            : written;
        },
      }),
      noticedBy: [BATCH],
    },
    {
      name: 'a fill keeps the version',
      instead: ({ l2, store }) => ({
        write: async (namespace, entries, options) => {
          const before = entries.map(({ key }) => store.namespace(namespace).entries.get(key)?.version);
          const written = await l2.write(namespace, entries, options);
          for (const [index, { key, lease }] of entries.entries()) {
            const entry = store.namespace(namespace).entries.get(key);
            if (lease !== undefined && entry !== undefined) entry.version = before[index] ?? entry.version;
          }
          return written;
        },
      }),
      noticedBy: ['a fill has a new version'],
    },
  ],
);
