import { type ByteSize, type Duration, parseByteSize, parseDuration } from '@tierwise/hierarchy';
import { optionAt } from './schema/reference.js';

/**
 * Options of a group for a package that takes plain numbers: durations in milliseconds, sizes in bytes. Groups within it stay as they are.
 *
 * @param path of the group.
 */
export function inPlainNumbers(path: string, group: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(group).map(([name, value]) => {
      const kind = optionAt(`${path}.${name}`)?.kind;
      if (kind === 'duration') return [name, parseDuration(value as Duration, name)];
      if (kind === 'bytes') return [name, parseByteSize(value as ByteSize, name)];
      return [name, value];
    }),
  );
}
