import type { L2ReplayWrite } from '../../contract.js';
import type { Mutant, Sound } from './mutant.js';

/** Replays something else than what was asked for. */
export function replays(
  change: (entry: L2ReplayWrite, sound: Sound, namespace: string) => L2ReplayWrite,
): Mutant['instead'] {
  return (sound) => ({
    replay: {
      ...sound.replay,
      replay: (namespace, entries, options) =>
        sound.replay.replay(
          namespace,
          entries.map((entry) => change(entry, sound, namespace)),
          options,
        ),
    },
  });
}

/** Changes the store behind the backend's back, before each key is replayed or after. */
export function meddles(
  when: 'before' | 'after',
  meddle: (sound: Sound, namespace: string, entry: L2ReplayWrite) => void,
): Mutant['instead'] {
  return (sound) => ({
    replay: {
      ...sound.replay,
      replay: async (namespace, entries, options) => {
        if (when === 'before') for (const entry of entries) meddle(sound, namespace, entry);
        const answers = await sound.replay.replay(namespace, entries, options);
        if (when === 'after') for (const entry of entries) meddle(sound, namespace, entry);
        return answers;
      },
    },
  });
}
