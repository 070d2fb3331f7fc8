import { type Layer, toObject } from './layers.js';
import type { ConfigEntry } from './load.js';
import { masked } from './mask.js';
import { usedL2 } from './schema/demands.js';
import type { TierwiseConfig } from './schema/index.js';
import { OPTION_LIST, optionAt } from './schema/reference.js';

/** Every option in force, in the order of the schema: what was said, and what holds by default of the parts that are in use. */
export function describeOptions(layer: Layer): ConfigEntry[] {
  const used = usedParts(toObject(layer) as TierwiseConfig);
  const entries: ConfigEntry[] = [];
  for (const { path, byDefault, secret } of OPTION_LIST) {
    const said = layer.get(path);
    if (said !== undefined) entries.push({ option: path, value: masked(said.value, secret), source: said.source });
    else if (byDefault !== undefined && isUsed(path, used) && !isOff(path, layer)) {
      entries.push({ option: path, value: byDefault, source: 'default' });
    }
  }
  return entries;
}

/** Groups of options whose defaults mean something only if the group is in use. */
const GROUPS = [
  'l2.redis',
  'l2.redis.reissue',
  'l2.redis.waitReplicas',
  'l2.redis.pool',
  'l2.embedded',
  'journal',
] as const;

function usedParts({ l2, journal }: TierwiseConfig): ReadonlySet<string> {
  const used = new Set<string>([
    usedL2(l2) === 'redis' ? 'l2.redis' : '',
    usedL2(l2) === 'embedded' ? 'l2.embedded' : '',
  ]);
  if (l2?.redis?.waitReplicas !== undefined) used.add('l2.redis.waitReplicas');
  if (l2?.redis?.pool !== undefined) used.add('l2.redis.pool');
  used.add('l2.redis.reissue');
  if (journal !== false && journal?.directory !== undefined && journal.enabled !== false) used.add('journal');
  return used;
}

function isUsed(path: string, used: ReadonlySet<string>): boolean {
  return GROUPS.every((group) => !path.startsWith(`${group}.`) || used.has(group));
}

/** Whether a group that the option belongs to was switched off as a whole. */
function isOff(path: string, layer: Layer): boolean {
  const names = path.split('.');
  return names.some((_, index) => {
    const group = names.slice(0, index).join('.');
    return optionAt(group)?.kind === 'off' && layer.has(group);
  });
}
