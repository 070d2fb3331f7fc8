import type { L2LogicalTime, L2Marks } from '../../contract.js';
import { type Mutant, proveGroups, type Sound } from './mutant.js';

function timeInstead(change: (sound: Sound) => Partial<L2LogicalTime>): Mutant['instead'] {
  return (sound) => ({ time: { ...sound.time, ...change(sound) } });
}

/** Changes what marks are told. */
function tells(change: (marks: L2Marks, tags: readonly string[]) => L2Marks): Mutant['instead'] {
  return timeInstead(({ time }) => ({
    marks: async (namespace, tags, options) => change(await time.marks(namespace, tags, options), tags),
  }));
}

const marksOf = ({ store }: Sound, namespace: string) => store.namespace(namespace).marks;
const clockOf = ({ store }: Sound, namespace: string) => store.namespace(namespace).clock;

const NEVER_REVIVES =
  'whatever is advanced and lost in whatever order: no value that was invalidated comes back to life';
const CONCURRENT = 'concurrent advances over several nodes get numbers of their own, and each one holds';

proveGroups(
  ['logical time', 'lost bookkeeping'],
  [
    {
      name: 'known is ignored',
      instead: timeInstead(({ time }) => ({
        marks: (namespace, tags, options) => time.marks(namespace, tags, { ...options, known: 0 }),
        advance: (namespace, tags, mode, options) => time.advance(namespace, tags, mode, { ...options, known: 0 }),
      })),
      noticedBy: [
        'the counter only grows, on every node, and is never below known',
        'a jump of known raises no mark that exists',
        'a lost counter comes back above what the caller knows',
        'advance on a lost counter is above all that was handed out',
      ],
    },
    {
      name: 'known is told, but not kept',
      instead: timeInstead(({ time }) => ({
        advance: async (namespace, tags, mode, options) =>
          Math.max(options.known + 1, await time.advance(namespace, tags, mode, { known: 0 })),
      })),
      noticedBy: ['the counter only grows, on every node, and is never below known'],
    },
    {
      name: 'the namespace starts at 0',
      instead: tells((marks) => ({ ...marks, namespace: { dead: 0, stale: 0 } })),
      noticedBy: [
        'numbers are safe integers, 1 or more',
        'with the counter, everything earlier in the namespace is dead',
      ],
    },
    {
      name: 'reading advances',
      instead: timeInstead(({ time }) => ({
        marks: async (namespace, tags, options) => {
          await time.advance(namespace, [], 'dead', { known: 0 });
          return time.marks(namespace, tags, options);
        },
      })),
      noticedBy: [
        'reading does not advance',
        'ensureMs creates missing marks at the present counter, and leaves those that exist',
      ],
    },
    {
      name: 'advance reads the counter, and writes it later',
      instead: timeInstead((sound) => ({
        advance: async (namespace, tags, mode, options) => {
          const { generation } = await sound.time.marks(namespace, [], options);
          await new Promise((resolve) => setImmediate(resolve));
          await sound.time.advance(namespace, tags, mode, options);
          const clock = clockOf(sound, namespace);
          if (clock !== undefined) clock.generation = generation + 1;
          return generation + 1;
        },
      })),
      noticedBy: [CONCURRENT],
    },
    {
      name: 'ensureMs makes every mark anew',
      instead: timeInstead((sound) => ({
        marks: (namespace, tags, options) => {
          if (options.ensureMs !== undefined) for (const tag of tags) marksOf(sound, namespace).delete(tag);
          return sound.time.marks(namespace, tags, options);
        },
      })),
      noticedBy: ['ensureMs creates missing marks at the present counter, and leaves those that exist'],
    },
    {
      name: 'reading creates marks',
      instead: timeInstead(({ time }) => ({
        marks: (namespace, tags, options) => time.marks(namespace, tags, { ensureMs: 600_000, ...options }),
      })),
      noticedBy: [
        'without ensureMs a missing mark is undefined, and stays missing',
        'a lost mark is undefined, and comes back at the present counter',
      ],
    },
    {
      name: 'advance creates marks',
      instead: timeInstead(({ time }) => ({
        advance: async (namespace, tags, mode, options) => {
          await time.marks(namespace, tags ?? [], { ...options, ensureMs: 600_000 });
          return time.advance(namespace, tags, mode, options);
        },
      })),
      noticedBy: ['advance raises the marks that exist and creates none'],
    },
    {
      name: 'a tag takes the whole namespace along',
      instead: timeInstead((sound) => ({
        advance: (namespace, _tags, mode, options) =>
          sound.time.advance(namespace, [...marksOf(sound, namespace).keys()], mode, options),
      })),
      noticedBy: ['advance touches no other tag, nor the namespace', 'null invalidates the namespace, and no tag'],
    },
    {
      name: 'dead marks raise stale ones too',
      instead: timeInstead((sound) => ({
        advance: async (namespace, tags, mode, options) => {
          const generation = await sound.time.advance(namespace, tags, mode, options);
          for (const tag of tags ?? []) {
            const mark = marksOf(sound, namespace).get(tag);
            if (mark !== undefined && mode === 'dead') mark.mark = { dead: generation, stale: generation };
          }
          return generation;
        },
      })),
      noticedBy: ['modes are independent'],
    },
    {
      name: 'the mode is ignored: everything is stale only',
      instead: timeInstead(({ time }) => ({
        advance: (namespace, tags, _mode, options) => time.advance(namespace, tags, 'stale', options),
      })),
      noticedBy: ['modes are independent', 'null invalidates the namespace, and no tag'],
    },
    {
      name: 'a tag that is named twice is answered once',
      instead: timeInstead(({ time }) => ({
        marks: (namespace, tags, options) => time.marks(namespace, [...new Set(tags)], options),
      })),
      noticedBy: ['a tag named twice counts once'],
    },
    {
      name: 'advance without tags does nothing',
      instead: timeInstead(({ time }) => ({
        advance: async (namespace, tags, mode, options) =>
          tags?.length === 0
            ? (await time.marks(namespace, [], options)).generation
            : time.advance(namespace, tags, mode, options),
      })),
      noticedBy: ['advance with no tag advances the counter'],
    },
    {
      name: 'the last ensureMs counts, not the longest',
      instead: timeInstead((sound) => ({
        marks: async (namespace, tags, options) => {
          const answer = await sound.time.marks(namespace, tags, options);
          for (const tag of options.ensureMs === undefined ? [] : tags) {
            const mark = marksOf(sound, namespace).get(tag);
            if (mark !== undefined) mark.goneAt = sound.store.now() + (options.ensureMs ?? 0);
          }
          return answer;
        },
      })),
      noticedBy: ['marks are kept for ensureMs, and for the longest of several'],
    },
    {
      name: 'a jump of known is taken for an invalidation',
      instead: timeInstead((sound) => ({
        marks: async (namespace, tags, options) => {
          const before = clockOf(sound, namespace)?.generation ?? options.known;
          if (options.known > before) await sound.time.advance(namespace, null, 'dead', options);
          return sound.time.marks(namespace, tags, options);
        },
      })),
      noticedBy: ['a jump of known raises no mark that exists'],
    },

    {
      name: 'a lost counter starts at 1 again',
      instead: timeInstead((sound) => ({
        marks: async (namespace, tags, options) => {
          const wasLost = clockOf(sound, namespace) === undefined;
          await sound.time.marks(namespace, [], options);
          const clock = clockOf(sound, namespace);
          if (wasLost && clock !== undefined) {
            clock.generation = options.known + 1;
            clock.mark = { dead: 1, stale: 1 };
          }
          return sound.time.marks(namespace, tags, options);
        },
      })),
      noticedBy: [
        'a lost counter comes back above all that was handed out, also for a caller that knows nothing',
        'with the counter, everything earlier in the namespace is dead',
        NEVER_REVIVES,
      ],
    },
    {
      name: 'an advance that re-creates the counter forgets what the caller knows',
      instead: timeInstead((sound) => ({
        advance: async (namespace, tags, mode, options) => {
          const known = clockOf(sound, namespace) === undefined ? 0 : options.known;
          return sound.time.advance(namespace, tags, mode, { ...options, known });
        },
      })),
      noticedBy: ['advance on a lost counter is above all that was handed out'],
    },
    {
      name: 'a lost mark reads as one that was never raised',
      instead: tells((marks) => ({ ...marks, tags: marks.tags.map((mark) => mark ?? { dead: 1, stale: 1 }) })),
      noticedBy: ['a lost mark is undefined, and comes back at the present counter', NEVER_REVIVES],
    },
    {
      name: 'a lost mark comes back below the counter',
      instead: timeInstead((sound) => ({
        marks: async (namespace, tags, options) => {
          const isNew = tags.map((tag) => !marksOf(sound, namespace).has(tag));
          await sound.time.marks(namespace, tags, options);
          for (const [index, tag] of tags.entries()) {
            const mark = marksOf(sound, namespace).get(tag);
            if (isNew[index] && mark !== undefined) mark.mark = { dead: 1, stale: 1 };
          }
          return sound.time.marks(namespace, tags, options);
        },
      })),
      noticedBy: ['a lost mark is undefined, and comes back at the present counter', NEVER_REVIVES],
    },
  ],
);
