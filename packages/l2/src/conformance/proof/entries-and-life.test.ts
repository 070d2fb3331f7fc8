import { MAX_LIFE_MS } from '../../contract.js';
import { afterWrites, entryOf, reads, writes } from './entry-mutations.js';
import { proveGroups, renames } from './mutant.js';

const clamp = (ms: number, least: number): number => (ms >= least && ms <= MAX_LIFE_MS ? Math.ceil(ms) : 1_000);
let nodes = 0;

proveGroups(
  ['entries', 'life and expiry'],
  [
    {
      name: 'every node has a store of its own',
      instead: (sound) => {
        const own = String(nodes++);
        return renames((name) => name + own)(sound);
      },
      noticedBy: ['what one node writes every node reads'],
    },
    {
      name: 'touch creates entries',
      instead: ({ l2 }) => ({
        touch: async (namespace, keys, life, options) => {
          const there = await l2.read(namespace, keys);
          const missing = keys.filter((_, index) => there[index] === undefined);
          await l2.write(
            namespace,
            missing.map((key) => ({ key, bytes: new Uint8Array(0), ...life })),
          );
          return l2.touch(namespace, keys, life, options);
        },
      }),
      noticedBy: ['what was never written is absent, and deleting, expiring or touching it creates nothing'],
    },
    {
      name: 'a write onto an entry is ignored',
      instead: (sound) => ({
        write: (namespace, entries, options) =>
          sound.l2.write(
            namespace,
            entries.map((entry) => ({ ...entry, bytes: entryOf(sound, namespace, entry.key)?.bytes ?? entry.bytes })),
            options,
          ),
      }),
      noticedBy: ['a write replaces bytes and life'],
    },
    {
      name: 'a new write keeps the end of the one before',
      instead: writes((entry, sound, namespace) => {
        const old = entryOf(sound, namespace, entry.key);
        if (old === undefined) return entry;
        const keepMs = Math.max(1, Math.round(old.goneAt - sound.store.now()));
        return { ...entry, keepMs, freshMs: Math.min(entry.freshMs, keepMs) };
      }),
      noticedBy: ['a new write does not inherit the end of the one before', 'a write replaces bytes and life'],
    },
    {
      name: 'versions count per entry and start again with it',
      instead: afterWrites((stored, _key, _written, before) => {
        stored.version = before + 1;
      }),
      noticedBy: ['a version never comes back, not by deletion either', 'a version never comes back after expiry'],
    },
    {
      name: 'a version is told that is not the stored one',
      instead: ({ l2 }) => ({
        write: async (...args) =>
          (await l2.write(...args)).map((each) =>
            each.status === 'stored' ? { ...each, version: each.version + 1 } : each,
          ),
      }),
      noticedBy: [
        'versions grow from write to write, whichever node writes, and a read tells the one that the write told',
      ],
    },
    {
      name: 'expire deletes',
      instead: ({ l2 }) => ({ expire: (...args) => l2.delete(...args) }),
      noticedBy: ['expire makes an entry stale since it was written, and leaves bytes, version and keepMs'],
    },
    {
      name: 'expire makes entries stale from now on',
      instead: (sound) => ({
        expire: async (namespace, keys, options) => {
          const stale = keys.map((key) => entryOf(sound, namespace, key)?.staleAt ?? 0);
          const answer = await sound.l2.expire(namespace, keys, options);
          for (const [index, key] of keys.entries()) {
            const entry = entryOf(sound, namespace, key);
            if (entry !== undefined) entry.staleAt = Math.min(stale[index] ?? 0, sound.store.now());
          }
          return answer;
        },
      }),
      noticedBy: [
        'expire makes an entry stale since it was written, and leaves bytes, version and keepMs',
        'expire of an entry that grew stale tells it from one that did not: stale since it was written',
      ],
    },
    {
      name: 'touch does nothing',
      instead: ({ l2 }) => ({
        touch: async (...args) => (await l2.read(args[0], args[1])).map((read) => read !== undefined),
      }),
      noticedBy: [
        'touch gives a new life, and leaves bytes and version',
        'touch leaves a stale entry stale, and prolongs how long it is kept',
        'touch saves an entry from its end, and a shorter life by touch ends it',
      ],
    },
    {
      name: 'touch makes stale entries fresh',
      instead: (sound) => ({
        touch: (namespace, keys, life, options) => {
          for (const key of keys) {
            const entry = entryOf(sound, namespace, key);
            if (entry !== undefined) entry.staleAt = sound.store.now() + 1;
          }
          return sound.l2.touch(namespace, keys, life, options);
        },
      }),
      noticedBy: ['touch leaves a stale entry stale, and prolongs how long it is kept'],
    },
    {
      name: 'touch only lengthens',
      instead: (sound) => ({
        touch: (namespace, keys, life, options) => {
          const left = (key: string): number => (entryOf(sound, namespace, key)?.goneAt ?? 0) - sound.store.now();
          const keepMs = Math.max(life.keepMs, ...keys.map(left));
          return sound.l2.touch(namespace, keys, { ...life, keepMs }, options);
        },
      }),
      noticedBy: ['touch can shorten a life', 'touch saves an entry from its end, and a shorter life by touch ends it'],
    },
    {
      name: 'a read gives a new life',
      instead: reads((read, key, sound, namespace) => {
        const entry = entryOf(sound, namespace, key);
        if (entry !== undefined) entry.goneAt = sound.store.now() + 1_200_000;
        return read;
      }),
      noticedBy: ['a read changes nothing'],
    },
    {
      name: 'a fill is stored whatever its token',
      instead: writes((entry) => ({ ...entry, lease: undefined })),
      noticedBy: ['a fill by a token that was never granted is refused, with leases and without'],
    },
    {
      name: 'purge stops after its first page',
      instead: (sound) => ({
        purge: async (namespace, options) => {
          const keys = [...sound.store.namespace(namespace).entries.keys()].slice(0, 1_000);
          await sound.l2.delete(namespace, keys, options);
          return keys.length;
        },
      }),
      noticedBy: ['purge removes all entries, more than one page of them, and tells how many'],
    },
    {
      name: 'purge leaves leases',
      instead: ({ l2, store }) => ({
        purge: async (namespace, options) => {
          const leases = [...store.namespace(namespace).leases];
          const removed = await l2.purge(namespace, options);
          for (const [key, lease] of leases) store.namespace(namespace).leases.set(key, lease);
          return removed;
        },
      }),
      noticedBy: ['purge revokes leases', 'a fill whose lease was revoked by a purge is refused'],
    },
    {
      name: 'purge takes logical time along',
      instead: ({ l2, store }) => ({
        purge: (namespace, options) => {
          store.forgetTime(namespace);
          return l2.purge(namespace, options);
        },
      }),
      noticedBy: ['purge leaves marks and the counter'],
    },

    {
      name: 'entries do not end',
      instead: writes((entry) => ({ ...entry, keepMs: MAX_LIFE_MS })),
      noticedBy: [
        'an entry is there until its keepMs are over, and absent from then on for every call',
        'the shortest life is 1 ms',
      ],
    },
    {
      name: 'an entry that is over can still be touched',
      instead: (sound) => ({
        touch: (namespace, keys, life, options) => {
          for (const key of keys) {
            const entry = sound.store.namespace(namespace).entries.get(key);
            if (entry !== undefined) entry.goneAt = MAX_LIFE_MS;
          }
          return sound.l2.touch(namespace, keys, life, options);
        },
      }),
      noticedBy: ['an entry is there until its keepMs are over, and absent from then on for every call'],
    },
    {
      name: 'freshMs is ignored',
      instead: writes((entry) => ({ ...entry, freshMs: entry.keepMs })),
      noticedBy: [
        'an entry turns stale when its freshMs are over',
        'freshMs 0 is stale from the start and still there',
      ],
    },
    {
      name: 'freshMs 0 means no end',
      instead: writes((entry) => ({ ...entry, freshMs: entry.freshMs === 0 ? entry.keepMs : entry.freshMs })),
      noticedBy: ['freshMs 0 is stale from the start and still there'],
    },
    {
      name: 'lives are rounded up to a second',
      instead: writes((entry) => ({
        ...entry,
        keepMs: Math.min(MAX_LIFE_MS, Math.ceil(entry.keepMs / 1_000) * 1_000),
      })),
      noticedBy: [
        'the shortest life is 1 ms',
        'an entry is there until its keepMs are over, and absent from then on for every call',
      ],
    },
    {
      name: 'lives wrap at 2^31 ms',
      instead: writes((entry) => ({
        ...entry,
        keepMs: Math.min(entry.keepMs, 2 ** 31 - 1),
        freshMs: Math.min(entry.freshMs, 2 ** 31 - 1),
      })),
      noticedBy: ['the longest life is MAX_LIFE_MS'],
    },
    {
      name: 'figures are those of the write',
      instead: reads((read) => (read?.status === 'found' ? { ...read, keepMs: 1_200_000, ageMs: 0 } : read)),
      noticedBy: [
        'age grows and remaining times shrink as time passes, and none is overstated',
        'a read changes nothing',
      ],
    },
    {
      name: 'forbidden lives are made to fit',
      instead: ({ l2 }) => ({
        write: (namespace, entries, options) =>
          l2.write(
            namespace,
            entries.map((entry) => ({ ...entry, keepMs: clamp(entry.keepMs, 1), freshMs: 0 })),
            options,
          ),
      }),
      noticedBy: [
        'no node can write or touch a forbidden life: nothing is stored',
        'of a batch with one forbidden entry nothing is stored',
      ],
    },
    {
      name: 'a batch is checked entry by entry, while it is stored',
      instead: ({ l2 }) => ({
        write: async (namespace, entries, options) => {
          const answers = [];
          for (const entry of entries) answers.push(...(await l2.write(namespace, [entry], options)));
          return answers;
        },
      }),
      noticedBy: ['of a batch with one forbidden entry nothing is stored'],
    },
    {
      name: 'forbidden durations of leases are made to fit',
      instead: ({ leases }) => ({
        leases: {
          ...leases,
          acquire: (namespace, requests, ttlMs, options) =>
            leases.acquire(namespace, requests, clamp(ttlMs, 1), options),
        },
      }),
      noticedBy: ['forbidden durations of leases are refused'],
    },
    {
      name: 'known is made to fit',
      instead: ({ time }) => ({
        time: {
          ...time,
          advance: (namespace, tags, mode, options) =>
            time.advance(namespace, tags, mode, { ...options, known: clamp(options.known, 0) }),
        },
      }),
      noticedBy: ['forbidden durations and generations of logical time are refused'],
    },
  ],
);
