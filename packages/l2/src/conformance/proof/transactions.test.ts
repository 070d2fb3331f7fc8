import type { L2Commit, L2Committed } from '../../contract.js';
import { hears, type Mutant, proveGroups, type Sound } from './mutant.js';

/** Commits something else than what was asked for, or answers something else. */
function commits(
  change: (commit: L2Commit, sound: Sound, namespace: string) => L2Commit,
  answer: (answer: L2Committed, commit: L2Commit) => L2Committed = (each) => each,
): Mutant['instead'] {
  return (sound) => ({
    transactions: {
      ...sound.transactions,
      commit: async (namespace, commit, options) => {
        const changed = change(commit, sound, namespace);
        return answer(await sound.transactions.commit(namespace, changed, options), commit);
      },
    },
  });
}

/** Does the deeds of a commit by single calls, one after the other, after a check. */
const oneByOne: Mutant['instead'] = ({ l2, transactions }) => ({
  transactions: {
    ...transactions,
    commit: async (namespace, { expect, writes, deletes }, options) => {
      const answer = await transactions.commit(namespace, { expect, writes: [], deletes: [] }, options);
      if (answer.status === 'conflict') return answer;
      const versions: number[] = [];
      for (const write of writes) {
        await new Promise((resolve) => setImmediate(resolve));
        const [written] = await l2.write(namespace, [write], options);
        versions.push(written?.status === 'stored' ? written.version : 0);
      }
      for (const key of deletes) await l2.delete(namespace, [key], options);
      return { ...answer, versions };
    },
  },
});

/** Reads key by key. */
const readsOneByOne: Mutant['instead'] = ({ l2, transactions }) => ({
  transactions: {
    ...transactions,
    read: async (namespace, keys, options) => {
      const answers = [];
      for (const key of keys) {
        if (keys.length < 100) await new Promise((resolve) => setImmediate(resolve));
        answers.push(...(await l2.read(namespace, [key], options)));
      }
      return answers;
    },
  },
});

const READS = 'a read answers in order, absent keys and keys named twice included, and 10,000 of them';
const COMMITS = 'a commit writes and deletes, and tells the versions in the order of its writes';
const CONFLICT =
  'of a commit with one key that is not as expected nothing is done, and the keys that are not are named';
const ABSENCE = 'expecting no entry conflicts with one, and expecting one with none';
const LATER = 'a version expected conflicts with every later one: a write, a fill, a delete, a write after a delete';
const READ_ONLY = 'keys that are expected and not changed are checked, and stay as they are';
const EMPTY = 'an empty commit is committed';
const OVER = 'an entry whose life is over counts as none';
const LEASES = 'a commit revokes the leases of the keys that it changes, and of no others; a conflict revokes none';
const NEWS = 'a commit is heard as a write or a delete of each key, and a conflict not at all';
const WHOLE_NEWS = 'who hears of one key of a commit already reads all of it';
const ONE_OF_TWO = 'of two commits with the same expectation exactly one is committed';
const TRANSFERS = 'concurrent transfers on two nodes keep the sum, and every read sees it';
const TORN = 'a read sees all of a commit or nothing, and a delete in it too';
const LIMITS = '1,000 keys are committed at once; more, a key changed twice, and a fill are refused';
const FORBIDDEN = 'forbidden keys and lives are refused, and nothing of the commit is done';
const NAMESPACE = 'a commit in one namespace leaves the same keys of another';

proveGroups(
  ['transactions'],
  [
    {
      name: 'a read answers in the order of the keys',
      instead: ({ transactions }) => ({
        transactions: {
          ...transactions,
          read: (namespace, keys, ...rest) => transactions.read(namespace, keys.toSorted(), ...rest),
        },
      }),
      noticedBy: [READS],
    },
    {
      name: 'only the first 1,000 keys are read',
      instead: ({ transactions }) => ({
        transactions: {
          ...transactions,
          read: (namespace, keys, ...rest) => transactions.read(namespace, keys.slice(0, 1_000), ...rest),
        },
      }),
      noticedBy: [READS],
    },
    {
      name: 'nothing is expected',
      instead: commits((commit) => ({ ...commit, expect: [] })),
      noticedBy: [CONFLICT, ABSENCE, LATER, READ_ONLY, ONE_OF_TWO, TRANSFERS, OVER],
    },
    {
      name: 'absence is not expected',
      instead: commits((commit) => ({
        ...commit,
        expect: commit.expect.filter(({ version }) => version !== undefined),
      })),
      noticedBy: [ABSENCE, ONE_OF_TWO],
    },
    {
      name: 'only keys that are written are expected',
      instead: commits((commit) => {
        const written = new Set(commit.writes.map(({ key }) => key));
        return { ...commit, expect: commit.expect.filter(({ key }) => written.has(key)) };
      }),
      noticedBy: [READ_ONLY, CONFLICT],
    },
    {
      name: 'a conflict names the first key alone',
      instead: commits(
        (commit) => commit,
        (answer) => (answer.status === 'conflict' ? { ...answer, keys: answer.keys.slice(0, 1) } : answer),
      ),
      noticedBy: [CONFLICT],
    },
    {
      name: 'a conflict names all keys',
      instead: commits(
        (commit) => commit,
        (answer, { expect }) =>
          answer.status === 'conflict' ? { ...answer, keys: expect.map(({ key }) => key) } : answer,
      ),
      noticedBy: [CONFLICT],
    },
    {
      name: 'versions are told in the reverse order',
      instead: commits(
        (commit) => commit,
        (answer) => (answer.status === 'committed' ? { ...answer, versions: answer.versions.toReversed() } : answer),
      ),
      noticedBy: [COMMITS],
    },
    {
      name: 'a commit without deeds is a conflict',
      instead: commits(
        (commit) => commit,
        (answer, { expect, writes, deletes }) =>
          expect.length + writes.length + deletes.length === 0 ? { status: 'conflict', keys: [] } : answer,
      ),
      noticedBy: [EMPTY],
    },
    {
      name: 'a commit does its deeds one by one',
      instead: oneByOne,
      noticedBy: [ONE_OF_TWO, TRANSFERS, TORN, WHOLE_NEWS],
    },
    { name: 'a read reads key by key', instead: readsOneByOne, noticedBy: [TRANSFERS, TORN] },
    {
      name: 'a conflict leaves what fits',
      instead: (sound) => ({
        transactions: {
          ...sound.transactions,
          commit: async (namespace, commit, options) => {
            const answer = await sound.transactions.commit(namespace, commit, options);
            if (answer.status === 'conflict') {
              const fits = commit.writes.filter(({ key }) => !answer.keys.includes(key));
              await sound.l2.write(namespace, fits, options);
            }
            return answer;
          },
        },
      }),
      noticedBy: [CONFLICT, ONE_OF_TWO, LEASES, NEWS],
    },
    {
      name: 'an entry whose life is over still counts',
      instead: commits((commit, { store }, namespace) => {
        for (const entry of store.namespace(namespace).entries.values()) entry.goneAt = Number.POSITIVE_INFINITY;
        return commit;
      }),
      noticedBy: [OVER],
    },
    {
      name: 'a commit leaves leases',
      instead: (sound) => ({
        transactions: {
          ...sound.transactions,
          commit: async (namespace, commit, options) => {
            const { leases } = sound.store.namespace(namespace);
            const before = new Map(leases);
            const answer = await sound.transactions.commit(namespace, commit, options);
            for (const [key, lease] of before) leases.set(key, lease);
            return answer;
          },
        },
      }),
      noticedBy: [LEASES],
    },
    {
      name: 'a commit revokes all leases',
      instead: commits((commit, { store }, namespace) => {
        store.namespace(namespace).leases.clear();
        return commit;
      }),
      noticedBy: [LEASES],
    },
    {
      name: 'of a commit one key is heard',
      instead: ({ l2, transactions }) => {
        let heard = 0;
        return {
          open: (host) =>
            l2.open({
              ...host,
              onNews: (news) => {
                if (news.type !== 'changed' || heard++ === 0) host.onNews(news);
              },
            }),
          transactions,
        };
      },
      noticedBy: [NEWS],
    },
    {
      name: 'deletes of a commit are heard as writes',
      instead: hears((news, tell) => tell(news.type === 'changed' ? { ...news, cause: 'write' } : news)),
      noticedBy: [NEWS],
    },
    {
      name: 'one key too many is dropped',
      instead: commits((commit) => ({ ...commit, deletes: commit.deletes.slice(0, 400) })),
      noticedBy: [LIMITS],
    },
    {
      name: 'of a key that is changed twice the last change counts',
      instead: commits((commit) => ({
        ...commit,
        writes: [...new Map(commit.writes.map((write) => [write.key, write])).values()],
      })),
      noticedBy: [LIMITS],
    },
    {
      name: 'leases of a commit are ignored',
      instead: commits((commit) => ({
        ...commit,
        writes: commit.writes.map((write) => ({ ...write, lease: undefined })),
      })),
      noticedBy: [LIMITS],
    },
    {
      name: 'forbidden deeds are left out',
      instead: commits((commit) => ({
        ...commit,
        writes: commit.writes.filter(
          ({ key, keepMs, freshMs, bytes }) =>
            key.isWellFormed() && keepMs > 0 && freshMs >= 0 && typeof bytes !== 'string',
        ),
      })),
      noticedBy: [FORBIDDEN],
    },
    {
      name: 'commits of all namespaces share one',
      instead: (sound) => ({
        write: (_namespace, ...rest) => sound.l2.write('shared', ...rest),
        transactions: {
          read: (_namespace, ...rest) => sound.transactions.read('shared', ...rest),
          commit: (_namespace, ...rest) => sound.transactions.commit('shared', ...rest),
        },
      }),
      noticedBy: [NAMESPACE],
    },
  ],
);
