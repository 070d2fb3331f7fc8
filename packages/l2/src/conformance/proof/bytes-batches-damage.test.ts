import { afterWrites, entryOf, reads, writes } from './entry-mutations.js';
import { proveGroups } from './mutant.js';

proveGroups(
  ['bytes', 'batches', 'damaged entries'],
  [
    {
      name: 'bytes go through text',
      instead: writes((entry) => ({ ...entry, bytes: Buffer.from(Buffer.from(entry.bytes).toString()) })),
      noticedBy: ['all 256 values of a byte, in every neighbourhood, come back as they were'],
    },
    {
      name: '0 bytes read as absence',
      instead: reads((read) => (read?.status === 'found' && read.bytes.length === 0 ? undefined : read)),
      noticedBy: ['0 bytes are a value'],
    },
    {
      name: 'values are cut at 1 MB',
      instead: writes((entry) => ({ ...entry, bytes: entry.bytes.subarray(0, 1024 * 1024) })),
      noticedBy: ['8 MB come back as they were'],
    },
    {
      name: 'a view is taken for its whole buffer',
      instead: writes((entry) => ({ ...entry, bytes: new Uint8Array(entry.bytes.buffer) })),
      noticedBy: ['a view of a part of a buffer is stored as that part'],
    },
    {
      name: 'bytes are not copied in',
      instead: afterWrites((stored, _key, written) => {
        stored.bytes = written.bytes;
      }),
      noticedBy: ['changing the bytes after a write settled does not reach the store'],
    },
    {
      name: 'bytes are not copied out',
      instead: reads((read, key, sound, namespace) =>
        read?.status === 'found' ? { ...read, bytes: entryOf(sound, namespace, key)?.bytes ?? read.bytes } : read,
      ),
      noticedBy: ['changing bytes that a read handed out does not reach the store'],
    },

    {
      name: 'empty batches reject',
      instead: ({ l2 }) => ({
        read: async (namespace, keys) => {
          if (keys.length === 0) throw new Error('ERR wrong number of arguments');
          return l2.read(namespace, keys);
        },
      }),
      noticedBy: ['empty batches answer with nothing'],
    },
    {
      name: 'answers come in the order of the keys',
      instead: ({ l2 }) => ({ read: (namespace, keys, options) => l2.read(namespace, [...keys].sort(), options) }),
      noticedBy: ['answers come in input order, one a key'],
    },
    {
      name: 'batches are cut at 5,000',
      instead: ({ l2, leases, time }) => ({
        write: (namespace, entries, options) => l2.write(namespace, entries.slice(0, 5_000), options),
        leases: {
          ...leases,
          acquire: (namespace, requests, ...rest) => leases.acquire(namespace, requests.slice(0, 5_000), ...rest),
        },
        time: {
          ...time,
          advance: (namespace, tags, ...rest) => time.advance(namespace, tags?.slice(0, 5_000) ?? null, ...rest),
        },
      }),
      noticedBy: [
        '10,000 keys are written, read, touched, expired and deleted in one call each',
        '10,000 leases are granted in one call',
        '10,000 tags are ensured, read and invalidated in one call each',
      ],
    },
    {
      name: 'of two writes in a batch the first one wins',
      instead: ({ l2 }) => ({
        write: async (namespace, entries, options) =>
          (await l2.write(namespace, [...entries].reverse(), options)).reverse(),
      }),
      noticedBy: ['a key that stands in a batch twice is answered twice; of two writes the later one wins'],
    },
    {
      name: 'duplicates collapse in the answer',
      instead: ({ l2 }) => ({ read: (namespace, keys, options) => l2.read(namespace, [...new Set(keys)], options) }),
      noticedBy: ['a key that stands in a batch twice is answered twice; of two writes the later one wins'],
    },
    {
      name: 'duplicates in a batch each get a lease',
      instead: ({ leases, store }) => ({
        leases: {
          ...leases,
          acquire: async (namespace, requests, ...rest) => {
            const answers = [];
            for (const request of requests) {
              answers.push(...(await leases.acquire(namespace, [request], ...rest)));
              store.namespace(namespace).leases.delete(request.key);
            }
            return answers;
          },
        },
      }),
      noticedBy: ['a lease that is asked for twice in one batch is granted once'],
    },

    {
      name: 'damaged bytes are handed out as an entry',
      instead: reads((read, key, sound, namespace) => {
        if (read?.status !== 'damaged') return read;
        const bytes = entryOf(sound, namespace, key)?.bytes ?? new Uint8Array(0);
        return { status: 'found', bytes, version: read.version, ageMs: 0, freshMs: 1, keepMs: 1 };
      }),
      noticedBy: ['foreign bytes read as damaged, with a reason and a version, and nothing throws'],
    },
    {
      name: 'a damaged entry makes the whole batch reject',
      instead: reads((read) => {
        if (read?.status === 'damaged') throw new RangeError('offset is out of range');
        return read;
      }),
      noticedBy: [
        'foreign bytes read as damaged, with a reason and a version, and nothing throws',
        'sound entries of the same batch are read nevertheless',
      ],
    },
    {
      name: 'damage is for ever',
      instead: ({ l2, store }) => ({
        write: async (namespace, entries, options) => {
          const damages = entries.map(({ key }) => store.namespace(namespace).entries.get(key)?.damage);
          const answers = await l2.write(namespace, entries, options);
          for (const [index, { key }] of entries.entries()) {
            const entry = store.namespace(namespace).entries.get(key);
            const damage = damages[index];
            if (entry !== undefined && damage !== undefined) entry.damage = damage;
          }
          return answers;
        },
      }),
      noticedBy: [
        'a write replaces damaged bytes',
        'the version of damaged bytes gets a lease, and its fill replaces them',
      ],
    },
    {
      name: 'delete leaves what it cannot read',
      instead: ({ l2 }) => ({
        delete: async (namespace, keys, options) => {
          const there = await l2.read(namespace, keys);
          return l2.delete(
            namespace,
            keys.filter((_, index) => there[index]?.status !== 'damaged'),
            options,
          );
        },
      }),
      noticedBy: ['a delete and a purge remove damaged bytes'],
    },
    {
      name: 'touch makes an entry of damaged bytes',
      instead: (sound) => ({
        touch: async (namespace, keys, life, options) => {
          for (const key of keys) delete entryOf(sound, namespace, key)?.damage;
          return sound.l2.touch(namespace, keys, life, options);
        },
      }),
      noticedBy: ['expire and touch of damaged bytes make no entry of them'],
    },
    {
      name: 'damaged bytes have another version at every look',
      instead: reads((read) => (read?.status === 'damaged' ? { ...read, version: read.version + 7 } : read)),
      noticedBy: ['the version of damaged bytes gets a lease, and its fill replaces them'],
    },
  ],
);
