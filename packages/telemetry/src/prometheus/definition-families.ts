import type { DefinitionStats } from '@tierwise/hierarchy';
import type { Family, Sample } from './family.js';
import { OTHER } from './names.js';
import { seconds } from './units.js';

/** Definitions of a hierarchy by name. */
export interface NamedDefinitions {
  readonly hierarchy: string;
  readonly named: Iterable<readonly [name: string, figures: Partial<DefinitionStats>]>;
}

const family =
  (type: 'counter' | 'gauge') =>
  (
    name: string,
    help: string,
    labels: readonly string[],
    reading: (figures: Partial<DefinitionStats>) => Sample | undefined,
  ): Family<NamedDefinitions> => ({
    name: `tierwise_definition_${name}`,
    type,
    help,
    labels: ['hierarchy', 'definition', ...labels],
    *read({ hierarchy, named }): Iterable<Sample> {
      for (const [definition, figures] of named) {
        // Samples of the same labels are added up, which for a gauge of many definitions would mean nothing.
        if (type === 'gauge' && definition === OTHER) continue;
        const [more, value] = reading(figures) ?? [];
        yield [{ hierarchy, definition, ...more }, value];
      }
    },
  });

const counter = family('counter');

/** The metrics that definitions have besides those of a namespace. */
export const DEFINITION_FAMILIES: readonly Family<NamedDefinitions>[] = [
  counter('load_seconds_total', 'How long loaders ran.', [], ({ loads }) => [{}, seconds(loads?.ms)]),
  counter(
    'cost_spent_total',
    'What loads cost, in the unit that the definition gives.',
    ['unit'],
    ({ cost }) => cost && [{ unit: cost.unit }, cost.spent.total],
  ),
  counter(
    'cost_saved_total',
    'What reads would have cost that needed no load of their own.',
    ['unit'],
    ({ cost }) => cost && [{ unit: cost.unit }, cost.saved.total],
  ),
  family('gauge')(
    'tuned_ttl_seconds',
    'The ttl that is thought best, in force with auto.',
    ['mode'],
    ({ tuning }) => tuning && [{ mode: tuning.ttl.mode }, seconds(tuning.ttl.ttlMs)],
  ),
];
