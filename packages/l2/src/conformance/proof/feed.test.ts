import type { L2, L2News } from '../../contract.js';
import { hears, type Mutant, proveGroups } from './mutant.js';

const causeOf = (news: L2News): string => (news.type === 'changed' ? news.cause : news.type);

/** News of one kind never arrive. */
function loses(kind: string): Mutant['instead'] {
  return hears((news, tell) => {
    if (causeOf(news) !== kind) tell(news);
  });
}

/** News arrive as a different one. */
function mistakes(change: (news: L2News) => L2News): Mutant['instead'] {
  return hears((news, tell) => tell(change(news)));
}

/** Tells news that should not be, by deeds that are heard. */
function gossips(call: (l2: L2, namespace: string, keys: readonly string[]) => Promise<unknown>): Mutant['instead'] {
  return ({ l2, leases, time }) => ({
    read: async (namespace, keys, options) => {
      await call(l2, namespace, keys);
      return l2.read(namespace, keys, options);
    },
    touch: async (namespace, keys, life, options) => {
      await call(l2, namespace, keys);
      return l2.touch(namespace, keys, life, options);
    },
    write: async (namespace, entries, options) => {
      const written = await l2.write(namespace, entries, options);
      if (written.some((each) => each.status === 'refused'))
        await call(
          l2,
          namespace,
          entries.map(({ key }) => key),
        );
      return written;
    },
    leases: {
      ...leases,
      release: async (namespace, key, ...rest) => {
        const isReleased = await leases.release(namespace, key, ...rest);
        if (!isReleased) await call(l2, namespace, [key]);
        return isReleased;
      },
    },
    time,
  });
}

const EACH = 'a write, an expire, a touch and a delete are heard, with their causes, in order';
const ORDER = 'the deeds of one key are heard in order, from whichever node';
const ABSENT = 'a delete and an expire of an absent key are heard; a touch of one is not';
const TAGS = 'an invalidation of tags is heard, tags without a mark included';
const CLEAR = 'an invalidation of the namespace is heard';
const BATCH = 'of a batch every key is heard';
const SEVERAL = 'several namespaces are followed at once, hostile names too, and following twice is following once';
const ACCOUNTS = 'the news of a call have its correlation id, and those of a call without one have none';
const WITHIN = 'news never comes from within a call';

proveGroups(
  ['feed'],
  [
    {
      name: 'the feed stays deaf',
      instead: ({ l2 }) => ({ open: (host) => l2.open({ ...host, onFeedState: () => {} }) }),
      noticedBy: ['a feed starts deaf and becomes alive'],
    },
    { name: 'writes are not heard', instead: loses('write'), noticedBy: [EACH, ORDER, BATCH] },
    { name: 'deletes are not heard', instead: loses('delete'), noticedBy: [EACH, ABSENT] },
    { name: 'expires are not heard', instead: loses('expire'), noticedBy: [EACH, ABSENT] },
    { name: 'touches are not heard', instead: loses('touch'), noticedBy: [EACH] },
    { name: 'fills are not heard', instead: loses('fill'), noticedBy: ['a fill is heard as a fill'] },
    {
      name: 'releases are not heard',
      instead: loses('released'),
      noticedBy: ['a release is heard, a refused one is not'],
    },
    { name: 'invalidations are not heard', instead: loses('marks'), noticedBy: [TAGS, CLEAR] },
    {
      name: 'resets are not heard',
      instead: loses('reset'),
      noticedBy: ['a purge is heard as a reset of its namespace'],
    },
    {
      name: 'a node does not hear itself',
      instead: ({ l2 }) => ({
        open: (host) => l2.open({ ...host, onNews: (news) => news.origin !== host.origin && host.onNews(news) }),
      }),
      noticedBy: ['deeds of the node itself and of others are heard, with the origin of who did them', TAGS],
    },
    {
      name: 'the origin is always the hearer',
      instead: ({ l2 }) => ({
        open: (host) => l2.open({ ...host, onNews: (news) => host.onNews({ ...news, origin: host.origin } as L2News) }),
      }),
      noticedBy: [
        'deeds of the node itself and of others are heard, with the origin of who did them',
        'a purge is heard as a reset of its namespace',
        CLEAR,
      ],
    },
    ...(['write', 'fill', 'delete', 'expire', 'touch', 'released', 'marks', 'reset'] as const).map((kind) => ({
      name: `on whose account is not told of a ${kind}`,
      instead: mistakes((news) => (causeOf(news) === kind ? { ...news, correlationId: undefined } : news)),
      noticedBy: [ACCOUNTS],
    })),
    {
      name: 'the last correlation id sticks',
      instead: (sound) => {
        let last: string | undefined;
        return hears((news, tell) => {
          last = news.correlationId ?? last;
          tell({ ...news, correlationId: last });
        })(sound);
      },
      noticedBy: [ACCOUNTS],
    },
    {
      name: 'fills are heard as writes',
      instead: mistakes((news) =>
        news.type === 'changed' && news.cause === 'fill' ? { ...news, cause: 'write' } : news,
      ),
      noticedBy: ['a fill is heard as a fill'],
    },
    {
      name: 'deletes of absent keys are not heard',
      instead: ({ l2 }) => ({
        delete: async (namespace, keys, options) => {
          const there = await l2.read(namespace, keys);
          await l2.delete(
            namespace,
            keys.filter((_, index) => there[index] !== undefined),
            options,
          );
          return there.map((read) => read !== undefined);
        },
      }),
      noticedBy: [ABSENT],
    },
    {
      name: 'reads, refusals and vain touches are heard',
      instead: gossips((l2, namespace, keys) => l2.expire(namespace, keys)),
      noticedBy: ['reads, and asking for leases and marks, are not heard', 'a refused fill is not heard', ABSENT],
    },
    {
      name: 'refused releases are heard as an expire and a write',
      instead: gossips(async (l2, namespace, keys) =>
        l2.write(
          namespace,
          keys.map((key) => ({ key, bytes: new Uint8Array(0), freshMs: 0, keepMs: 1 })),
        ),
      ),
      noticedBy: ['a release is heard, a refused one is not'],
    },
    {
      name: 'only the first tag is named',
      instead: mistakes((news) => (news.type === 'marks' ? { ...news, tags: news.tags?.slice(0, 1) ?? null } : news)),
      noticedBy: [TAGS],
    },
    {
      name: 'an invalidation of the namespace is heard as one of no tag',
      instead: mistakes((news) => (news.type === 'marks' ? { ...news, tags: news.tags ?? [] } : news)),
      noticedBy: [CLEAR],
    },
    {
      name: 'the generation is that before',
      instead: mistakes((news) => (news.type === 'marks' ? { ...news, generation: news.generation - 1 } : news)),
      noticedBy: [TAGS, CLEAR],
    },
    {
      name: 'pairs of news change places',
      instead: (sound) => {
        let held: L2News | undefined;
        return hears((news, tell) => {
          if (held === undefined) {
            held = news;
            return;
          }
          tell(news);
          tell(held);
          held = undefined;
        })(sound);
      },
      noticedBy: [ORDER, 'invalidations are heard in the order of their generations'],
    },
    {
      name: 'of a batch only the first 500 keys are heard',
      instead: ({ l2 }) => {
        let heard = 0;
        return {
          open: (host) =>
            l2.open({
              ...host,
              onNews: (news) => {
                heard += news.type === 'changed' && news.cause === 'expire' ? 1 : 0;
                if (heard <= 500) host.onNews(news);
              },
            }),
        };
      },
      noticedBy: [BATCH],
    },
    {
      name: 'every namespace is heard',
      instead: ({ l2, store }) => ({
        open: async (host) => {
          const everything = { ...host };
          await l2.open(everything);
          store.follow(everything).has = () => true;
        },
      }),
      noticedBy: ['namespaces that are not followed are not heard'],
    },
    {
      name: 'only the last namespace is followed',
      instead: ({ l2, feed, store }) => {
        let opened: Parameters<L2['open']>[0] | undefined;
        return {
          open: (host) => {
            opened = host;
            return l2.open(host);
          },
          feed: {
            follow: (namespace, options) => {
              if (opened !== undefined) store.follow(opened).clear();
              return feed.follow(namespace, options);
            },
          },
        };
      },
      noticedBy: [SEVERAL],
    },
    {
      name: 'news name the namespace up to its first colon',
      instead: mistakes((news) => ({ ...news, namespace: news.namespace?.split(':')[0] }) as L2News),
      noticedBy: [SEVERAL],
    },
    {
      name: 'news is sent before the deed',
      instead: ({ l2, store }) => ({
        delete: async (namespace, keys, options) => {
          store.publish({ type: 'changed', namespace, keys, cause: 'delete', origin: undefined });
          await new Promise((resolve) => setImmediate(resolve));
          return l2.delete(namespace, keys, options);
        },
      }),
      noticedBy: ['who hears of a change already reads the new state'],
    },
    {
      name: 'news of a node itself comes from within its call',
      instead: ({ l2 }) => {
        let tell: ((news: L2News) => void) | undefined;
        return {
          open: (host) => {
            tell = host.onNews;
            return l2.open(host);
          },
          delete: (namespace, keys, options) => {
            tell?.({ type: 'changed', namespace, keys, cause: 'delete', origin: undefined });
            return l2.delete(namespace, keys, options);
          },
        };
      },
      noticedBy: [WITHIN],
    },
    {
      name: 'a closed node goes on hearing',
      instead: () => ({ close: async () => {} }),
      noticedBy: ['a closed node hears nothing'],
    },
  ],
);
