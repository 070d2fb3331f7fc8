import { hears, proveGroups, renames } from './mutant.js';

const BEFORE = 'calls before open reject with L2ClosedError';
const AFTER = 'calls after close reject with L2ClosedError, open included';

proveGroups(
  ['capabilities', 'open, close and health', 'namespaces and keys', 'abort'],
  [
    {
      name: 'leases got lost',
      instead: () => ({ leases: undefined }),
      noticedBy: ['are exactly those that the harness declares'],
    },
    { name: 'a nameless one', instead: () => ({ name: '' }), noticedBy: ['has a name'] },
    {
      name: 'read answers when it is not open',
      instead: ({ l2 }) => ({ read: (...args) => l2.read(...args).catch(() => []) }),
      noticedBy: [BEFORE, AFTER],
    },
    {
      name: 'follow works when it is not open',
      instead: ({ feed }) => ({ feed: { follow: (...args) => feed.follow(...args).catch(() => {}) } }),
      noticedBy: [BEFORE, AFTER],
    },
    {
      name: 'a second open is ignored',
      instead: ({ l2 }) => ({ open: (host) => l2.open(host).catch(() => {}) }),
      noticedBy: ['a second open rejects with L2InUseError and harms nothing', AFTER],
    },
    {
      name: 'a second close rejects',
      instead: ({ l2 }) => {
        let isClosed = false;
        return {
          close: async () => {
            if (isClosed) throw new Error('closed already');
            isClosed = true;
            await l2.close();
          },
        };
      },
      noticedBy: ['close is idempotent, concurrently too, and works on an L2 that was never opened'],
    },
    {
      name: 'a call that is under way at close dies of the closed socket',
      instead: ({ l2 }) => {
        let cut = (): void => {};
        const socket = new Promise<never>((_, reject) => {
          cut = () => reject(new Error('socket closed'));
        });
        socket.catch(() => {});
        const late = <T>(result: T) => new Promise<T>((resolve) => setImmediate(resolve, result));
        return {
          read: async (...args) => Promise.race([late(await l2.read(...args)), socket]),
          close: async () => {
            cut();
            await l2.close();
          },
        };
      },
      noticedBy: ['calls that are under way at close settle, with their result or with L2ClosedError'],
    },
    {
      name: 'close empties the store',
      instead: ({ l2, store }) => ({
        close: async () => {
          for (const name of store.namespaceNames()) store.namespace(name).entries.clear();
          await l2.close();
        },
      }),
      noticedBy: ['one node closes without the others, and the store keeps its entries'],
    },
    {
      name: 'health is always up',
      instead: ({ l2 }) => ({ health: async (options) => ({ ...(await l2.health(options)), status: 'up' }) }),
      noticedBy: ['health is up while open, and down, without rejecting, before and after'],
    },

    {
      name: 'names lose their case',
      instead: renames((name) => name.toLowerCase()),
      noticedBy: ['no two hostile keys meet', 'no two hostile keys share a lease', 'no two hostile tags share a mark'],
    },
    {
      name: 'names are normalised',
      instead: renames((name) => name.normalize('NFC')),
      noticedBy: ['no two hostile keys meet', 'no two hostile keys share a lease'],
    },
    {
      name: 'names end at NUL',
      instead: renames((name) => name.split('\0')[0] ?? ''),
      noticedBy: ['no two hostile keys meet', 'no two hostile tags share a mark'],
    },
    {
      name: 'names are cut at 4,000 characters',
      instead: renames((name) => name.slice(0, 4_000)),
      noticedBy: ['no two hostile keys meet', 'no two hostile keys share a lease'],
    },
    {
      name: 'names are trimmed of braces, as hash tags would be',
      instead: renames((name) => /\{([^}]+)\}/.exec(name)?.[1] ?? name),
      noticedBy: ['no two hostile keys meet', 'no two hostile tags share a mark'],
    },
    {
      name: 'lone surrogates become U+FFFD',
      instead: renames((name) => name.toWellFormed()),
      noticedBy: ['lone surrogates are refused, in keys, tags and namespaces'],
    },
    {
      name: 'too long names are cut',
      instead: renames((name) => Buffer.from(name).subarray(0, 65_536).toString()),
      noticedBy: ['a name of 65,536 bytes works and one more byte is refused'],
    },
    {
      name: 'news names keys in lower case',
      instead: hears((news, tell) =>
        tell(news.type === 'changed' ? { ...news, keys: news.keys.map((key) => key.toLowerCase()) } : news),
      ),
      noticedBy: ['the news of a hostile key names that key'],
    },
    {
      name: 'news joins tags by commas',
      instead: hears((news, tell) =>
        tell(news.type === 'marks' ? { ...news, tags: news.tags?.join().split(',') ?? null } : news),
      ),
      noticedBy: ['the news of hostile tags names those tags'],
    },
    {
      name: 'a namespace ends at its first colon',
      instead: renames(
        (name) => name,
        (namespace) => namespace.split(':')[0] ?? '',
      ),
      noticedBy: [
        'no two hostile namespaces share an entry',
        'a purge leaves every other hostile namespace alone',
        'an invalidation of a namespace leaves every other hostile one alone',
      ],
    },
    {
      name: 'namespace and key are joined by a colon',
      instead: ({ l2 }) => ({
        read: (namespace, keys, options) =>
          l2.read(
            '',
            keys.map((key) => `${namespace}:${key}`),
            options,
          ),
        write: (namespace, entries, options) =>
          l2.write(
            '',
            entries.map((entry) => ({ ...entry, key: `${namespace}:${entry.key}` })),
            options,
          ),
      }),
      noticedBy: ['no two hostile namespaces share an entry'],
    },
    {
      name: 'a purge takes every namespace with this prefix along',
      instead: ({ l2, store }) => ({
        purge: async (namespace, options) => {
          const removed = await l2.purge(namespace, options);
          for (const name of store.namespaceNames()) {
            if (name.startsWith(namespace)) store.namespace(name).entries.clear();
          }
          return removed;
        },
      }),
      noticedBy: [
        'a purge leaves every other hostile namespace alone',
        'purge removes all entries, more than one page of them, and tells how many',
      ],
    },

    {
      name: 'the signal is only looked at afterwards',
      instead: ({ l2 }) => ({
        delete: async (namespace, keys, options) => {
          const answer = await l2.delete(namespace, keys);
          options?.signal?.throwIfAborted();
          return answer;
        },
      }),
      noticedBy: ['a call whose signal is aborted beforehand rejects with its reason and has no effect'],
    },
    {
      name: 'an aborted advance advances',
      instead: ({ time }) => ({
        time: {
          ...time,
          advance: async (namespace, tags, mode, options) => {
            const answer = await time.advance(namespace, tags, mode, { known: options.known });
            options.signal?.throwIfAborted();
            return answer;
          },
        },
      }),
      noticedBy: ['a call whose signal is aborted beforehand rejects with its reason and has no effect'],
    },
    {
      name: 'an abort rejects with an error of the backend',
      instead: ({ l2 }) => ({
        read: async (namespace, keys, options) => {
          const answer = await l2.read(namespace, keys);
          await new Promise((resolve) => setImmediate(resolve));
          if (options?.signal?.aborted) throw new Error('aborted');
          return answer;
        },
      }),
      noticedBy: [
        'a call whose signal is aborted beforehand rejects with its reason and has no effect',
        'a call that is aborted while under way settles, with its result or the reason, and the node goes on',
      ],
    },
    {
      name: 'an abort after the call closes the node',
      instead: ({ l2 }) => ({
        read: async (namespace, keys, options) => {
          options?.signal?.addEventListener('abort', () => l2.close());
          return l2.read(namespace, keys, options);
        },
      }),
      noticedBy: ['a signal that is aborted after the call changes nothing'],
    },
  ],
);
