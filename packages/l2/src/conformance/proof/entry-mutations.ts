import type { L2Read } from '../../contract.js';
import type { Mutant, Sound } from './mutant.js';

/** Changes what is written, on its way into the store. */
export function writes(
  change: (entry: Parameters<Sound['l2']['write']>[1][number], sound: Sound, namespace: string) => typeof entry,
): Mutant['instead'] {
  return (sound) => ({
    write: (namespace, entries, options) =>
      sound.l2.write(
        namespace,
        entries.map((entry) => change(entry, sound, namespace)),
        options,
      ),
  });
}

/** Changes what a read finds. */
export function reads(
  change: (read: L2Read, key: string, sound: Sound, namespace: string) => L2Read,
): Mutant['instead'] {
  return (sound) => ({
    read: async (namespace, keys, options) => {
      const answers = await sound.l2.read(namespace, keys, options);
      return answers.map((read, index) => change(read, keys[index] ?? '', sound, namespace));
    },
  });
}

/** Changes the stored entries behind the back of a write that has succeeded. */
export function afterWrites(
  change: (
    stored: NonNullable<ReturnType<typeof entryOf>>,
    key: string,
    written: { bytes: Uint8Array },
    before: number,
  ) => void,
): Mutant['instead'] {
  return (sound) => ({
    write: async (namespace, entries, options) => {
      const before = entries.map(({ key }) => entryOf(sound, namespace, key)?.version ?? 0);
      const answers = await sound.l2.write(namespace, entries, options);
      return answers.map((answer, index) => {
        const written = entries[index];
        const stored = written && entryOf(sound, namespace, written.key);
        if (answer.status === 'refused' || written === undefined || stored === undefined) return answer;
        change(stored, written.key, written, before[index] ?? 0);
        return { ...answer, version: stored.version };
      });
    },
  });
}

export function entryOf({ store }: Sound, namespace: string, key: string) {
  const entry = store.namespace(namespace).entries.get(key);
  return entry !== undefined && entry.goneAt > store.now() ? entry : undefined;
}
