import { DELETION_MEMORY_MS } from '../../contract.js';
import { entryOf } from './entry-mutations.js';
import { type Mutant, proveGroups, type Sound } from './mutant.js';
import { meddles } from './replay-mutations.js';

/** What happens to the notes of keys behind the back of a call that has succeeded. */
type Meddling = (sound: Sound, namespace: string, key: string) => void;

const afterWrites = (meddle: Meddling) => afterWritesWhere(false, meddle);
const afterFills = (meddle: Meddling) => afterWritesWhere(true, meddle);

function afterWritesWhere(isFill: boolean, meddle: Meddling): Mutant['instead'] {
  return (sound) => ({
    write: async (namespace, entries, options) => {
      const answers = await sound.l2.write(namespace, entries, options);
      for (const { key, lease } of entries) if ((lease !== undefined) === isFill) meddle(sound, namespace, key);
      return answers;
    },
  });
}

function afterTouches(meddle: Meddling): Mutant['instead'] {
  return (sound) => ({
    touch: async (namespace, keys, ...rest) => {
      const answers = await sound.l2.touch(namespace, keys, ...rest);
      for (const key of keys) meddle(sound, namespace, key);
      return answers;
    },
  });
}

function afterCommits(meddle: Meddling): Mutant['instead'] {
  return (sound) => ({
    transactions: {
      ...sound.transactions,
      commit: async (namespace, commit, options) => {
        const answer = await sound.transactions.commit(namespace, commit, options);
        for (const { key } of commit.writes) meddle(sound, namespace, key);
        return answer;
      },
    },
  });
}

const forgets: Meddling = ({ store }, namespace, key) => void store.namespace(namespace).deletions.delete(key);

function notes(numberOf: (sound: Sound, version: number) => number): Meddling {
  return (sound, namespace, key) => {
    const version = entryOf(sound, namespace, key)?.version;
    if (version === undefined) return;
    const goneAt = sound.store.now() + DELETION_MEMORY_MS;
    sound.store.namespace(namespace).deletions.set(key, { number: numberOf(sound, version), goneAt });
  };
}

const notesItself = notes(({ store }) => store.nextNumber());
const notesEntry = notes((_, version) => version);

const WRITE_ENDED = 'a value does not come back over what was written after the moment and has ended';
const COMMIT_ENDED = 'a value does not come back over what was committed after the moment and has ended';
const REPLAY_ENDED = 'a value does not come back over what was replayed after the moment and has ended';
const TOUCH_ENDED = 'a value does not come back over what was written after the moment and a touch has ended';
const FILL_OVER_ENDED =
  'a value does not come back over what was written after the moment and gave way to a fill that has ended';
const REMEMBERS_WRITES = 'a write is remembered for DELETION_MEMORY_MS, for whatever part of it the entry lived';
const NOTE_STAYS = 'a note of a deletion outlasts a touch and a fill of brief lives';
const OVER = 'what was written before the moment and has ended since does not hinder';
const OVER_BY_TOUCH = 'what was written before the moment and a touch has ended since does not hinder';
const FILL_ENDED = 'a fill after the moment that has ended does not hinder';

proveGroups(
  ['replay over what has ended'],
  [
    { name: 'a write of a short life leaves no note', instead: afterWrites(forgets), noticedBy: [WRITE_ENDED] },
    { name: 'a commit of a short life leaves no note', instead: afterCommits(forgets), noticedBy: [COMMIT_ENDED] },
    {
      name: 'a replay of a short life leaves no note',
      instead: meddles('after', (sound, namespace, { key }) => forgets(sound, namespace, key)),
      noticedBy: [REPLAY_ENDED],
    },
    {
      name: 'a touch that gives a short life leaves no note',
      instead: afterTouches(forgets),
      noticedBy: [TOUCH_ENDED],
    },
    { name: 'a fill in place of a write leaves no note', instead: afterFills(forgets), noticedBy: [FILL_OVER_ENDED] },
    {
      name: 'only lives of up to half of the time are noted',
      instead: afterWrites((sound, namespace, key) => {
        const entry = entryOf(sound, namespace, key);
        const isLong = entry !== undefined && entry.goneAt - entry.writtenAt > DELETION_MEMORY_MS / 2;
        if (isLong) forgets(sound, namespace, key);
      }),
      noticedBy: [REMEMBERS_WRITES],
    },
    {
      name: 'writes are noted for half of the time',
      instead: meddles('before', (sound, namespace, { key }) => {
        const note = sound.store.namespace(namespace).deletions.get(key);
        if (note !== undefined && note.goneAt - DELETION_MEMORY_MS / 2 < sound.store.now())
          forgets(sound, namespace, key);
      }),
      noticedBy: [REMEMBERS_WRITES],
    },
    { name: 'a touch notes the entry over a deletion', instead: afterTouches(notesEntry), noticedBy: [NOTE_STAYS] },
    {
      name: 'a fill notes something older over a deletion',
      instead: afterFills(notes(() => 1)),
      noticedBy: [NOTE_STAYS],
    },
    {
      name: 'a note is of when the life was over',
      instead: meddles('before', ({ store }, namespace, { key }) => {
        const { entries, deletions } = store.namespace(namespace);
        const goneAt = entries.get(key)?.goneAt;
        if (goneAt !== undefined && goneAt <= store.now()) {
          deletions.set(key, { number: store.nextNumber(), goneAt: goneAt + DELETION_MEMORY_MS });
        }
      }),
      noticedBy: [OVER, OVER_BY_TOUCH, FILL_ENDED],
    },
    { name: 'a touch leaves a note of itself', instead: afterTouches(notesItself), noticedBy: [OVER_BY_TOUCH] },
    { name: 'a fill leaves a note of itself', instead: afterFills(notesItself), noticedBy: [FILL_ENDED] },
  ],
);
