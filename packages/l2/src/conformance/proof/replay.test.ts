import type { L2Host } from '../../contract.js';
import { DELETION_MEMORY_MS } from '../../contract.js';
import { entryOf } from './entry-mutations.js';
import { hears, type Mutant, proveGroups } from './mutant.js';
import { meddles, replays } from './replay-mutations.js';

const forgetsDeletions: Mutant['instead'] = meddles('before', ({ store }, namespace) => {
  store.namespace(namespace).deletions.clear();
});

/** Hears of moments in the mutants' stead. */
const HOST: L2Host = { origin: 'mutant', onNews: () => {}, onFeedState: () => {} };

const MOMENTS =
  'a moment is at most 64 characters, and is told without the store, before the first call and after close';
const STORES = 'a value is stored where nothing happened since, over an older entry too, and lives from then on';
const OWN_PAST = 'what this node itself did before the moment does not hinder: write, expire and delete';
const READ = 'what another node wrote, and this one read, before the moment does not hinder';
const THEIRS = 'what another node wrote after the moment stays';
const OWN = 'what this node itself wrote after the moment stays';
const COMMITTED = 'what another node committed after the moment stays';
const FIRST = 'of replays of one key since the same moment the first stays, its repetition included';
const TOUCHED = 'what was written after the moment stays when it was touched since';
const FILL = 'a fill after the moment goes, and so does the value';
const FILL_BEFORE = 'a fill before the moment does not hinder';
const DELETED = 'a value does not come back over a delete after the moment';
const EXPIRED = 'a value does not come back over an expire after the moment, and the entry goes';
const DELETED_BY_COMMIT = 'a value does not come back over a delete in a commit after the moment';
const REMEMBERS = 'a delete is remembered for DELETION_MEMORY_MS, whatever was deleted since';
const DROP = 'a value that was dropped for a fill is remembered like a deletion';
const WRITTEN_AGAIN = 'what was deleted and then written after the moment stays';
const UNKNOWN = 'since an unknown moment nothing is stored, and an entry that there is goes';
const DAMAGED = 'bytes that are damaged go';
const REVOKES = 'leases are revoked, whatever becomes of the value';
const NEWS = 'a stored value is heard as a write, a dropped entry as a delete, and a kept one not at all';
const BATCH = 'each key of a batch is decided by itself, and answered in order';
const VERSIONS = 'versions grow with replays, and a read tells the one that the replay told';
const NO_ENTRIES = 'notes of deletions are no entries: purge does not count them';
const FORBIDDEN = 'forbidden values are refused, and nothing of the batch is stored';

proveGroups(
  ['replay'],
  [
    {
      name: 'a moment tells everything about the store',
      instead: ({ replay }) => ({
        replay: { ...replay, moment: (...args) => replay.moment(...args).padStart(65, '.') },
      }),
      noticedBy: [MOMENTS],
    },
    {
      name: 'replay deletes',
      instead: ({ l2, replay }) => ({
        replay: {
          ...replay,
          replay: async (namespace, entries, options) => {
            await l2.delete(
              namespace,
              entries.map(({ key }) => key),
              options,
            );
            return entries.map(() => ({ status: 'dropped' }));
          },
        },
      }),
      noticedBy: [STORES, OWN_PAST, READ, FILL_BEFORE, THEIRS, OWN],
    },
    {
      name: 'the moment is that of the opening',
      instead: ({ l2, replay }) => {
        let opened = '';
        return {
          open: async (host) => {
            await l2.open(host);
            opened = replay.moment('', '');
          },
          replay: { ...replay, moment: () => opened },
        };
      },
      noticedBy: [OWN_PAST, READ, FILL_BEFORE],
    },
    {
      name: 'the moment is the present one',
      instead: replays((entry, { store }) => {
        store.tellMoment(HOST);
        return store.numberAt(entry.since) === undefined ? entry : { ...entry, since: store.heardBy(HOST) };
      }),
      noticedBy: [
        THEIRS,
        OWN,
        COMMITTED,
        FIRST,
        TOUCHED,
        FILL,
        DELETED,
        EXPIRED,
        DELETED_BY_COMMIT,
        WRITTEN_AGAIN,
        BATCH,
      ],
    },
    {
      name: 'deletions are not noted',
      instead: forgetsDeletions,
      noticedBy: [DELETED, EXPIRED, DELETED_BY_COMMIT, DROP],
    },
    {
      name: 'only the last 1,000 deletions are noted',
      instead: meddles('before', ({ store }, namespace) => {
        const { deletions } = store.namespace(namespace);
        for (const key of [...deletions.keys()].slice(0, -1_000)) deletions.delete(key);
      }),
      noticedBy: [REMEMBERS],
    },
    {
      name: 'deletions are noted for half of the time',
      instead: meddles('before', ({ store }, namespace) => {
        const { deletions } = store.namespace(namespace);
        for (const [key, { goneAt }] of deletions)
          if (goneAt - DELETION_MEMORY_MS / 2 < store.now()) deletions.delete(key);
      }),
      noticedBy: [REMEMBERS],
    },
    {
      name: 'fills count as writes',
      instead: meddles('before', (sound, namespace, { key }) => {
        const entry = entryOf(sound, namespace, key);
        if (entry !== undefined) entry.kind = 'write';
      }),
      noticedBy: [FILL, DROP],
    },
    {
      name: 'writes count as fills',
      instead: meddles('before', (sound, namespace, { key }) => {
        const entry = entryOf(sound, namespace, key);
        if (entry !== undefined) entry.kind = 'fill';
      }),
      noticedBy: [THEIRS, OWN, COMMITTED, TOUCHED, FIRST, WRITTEN_AGAIN],
    },
    {
      name: 'a deletion weighs more than what was written after it',
      instead: meddles('before', (sound, namespace, { key }) => {
        const { entries, deletions } = sound.store.namespace(namespace);
        if (deletions.has(key)) entries.delete(key);
      }),
      noticedBy: [WRITTEN_AGAIN],
    },
    {
      name: 'an unknown moment is as good as the present one',
      instead: replays((entry, { store }) => {
        store.tellMoment(HOST);
        return store.numberAt(entry.since) === undefined ? { ...entry, since: store.heardBy(HOST) } : entry;
      }),
      noticedBy: [UNKNOWN],
    },
    {
      name: 'damaged bytes are overwritten',
      instead: meddles('before', ({ store }, namespace, { key }) => {
        const { entries } = store.namespace(namespace);
        if (entries.get(key)?.damage !== undefined) entries.delete(key);
      }),
      noticedBy: [DAMAGED],
    },
    {
      name: 'a replay leaves leases',
      instead: (sound) => ({
        replay: {
          ...sound.replay,
          replay: async (namespace, entries, options) => {
            const { leases } = sound.store.namespace(namespace);
            const before = new Map(leases);
            const answers = await sound.replay.replay(namespace, entries, options);
            for (const [key, lease] of before) leases.set(key, lease);
            return answers;
          },
        },
      }),
      noticedBy: [REVOKES],
    },
    {
      name: 'a dropped entry is not heard',
      instead: hears((news, tell) => {
        if (news.type !== 'changed' || news.cause !== 'delete') tell(news);
      }),
      noticedBy: [NEWS],
    },
    {
      name: 'a kept entry is heard',
      instead: meddles('after', (sound, namespace, { key }) => {
        if (entryOf(sound, namespace, key) === undefined) return;
        const origin = 'another';
        sound.store.publish({ type: 'changed', namespace, keys: [key], cause: 'write', origin });
      }),
      noticedBy: [NEWS],
    },
    {
      name: 'the answers of a batch are sorted',
      instead: ({ replay }) => ({
        replay: {
          ...replay,
          replay: async (...args) =>
            (await replay.replay(...args)).toSorted((a, b) => a.status.localeCompare(b.status)),
        },
      }),
      noticedBy: [BATCH],
    },
    {
      name: 'a version is told that is not the stored one',
      instead: ({ replay }) => ({
        replay: {
          ...replay,
          replay: async (...args) =>
            (await replay.replay(...args)).map((each) =>
              each.status === 'stored' ? { ...each, version: each.version + 1 } : each,
            ),
        },
      }),
      noticedBy: [VERSIONS],
    },
    {
      name: 'notes are kept as entries',
      instead: ({ l2, store }) => ({
        purge: async (namespace, options) => {
          const notes = store.namespace(namespace).deletions.size;
          return notes + (await l2.purge(namespace, options));
        },
      }),
      noticedBy: [NO_ENTRIES],
    },
    {
      name: 'a batch is checked entry by entry, while it is stored',
      instead: ({ replay }) => ({
        replay: {
          ...replay,
          replay: async (namespace, entries, options) => {
            const answers = [];
            for (const entry of entries) answers.push(...(await replay.replay(namespace, [entry], options)));
            return answers;
          },
        },
      }),
      noticedBy: [FORBIDDEN],
    },
  ],
);
