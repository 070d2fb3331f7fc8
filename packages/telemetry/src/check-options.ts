import { InvalidOptionError, nearestName } from '@tierwise/hierarchy';

/** Refuses options that do not exist, all at once: a misspelt one would otherwise be a default in disguise. @throws {@link InvalidOptionError} */
export function checkOptions<O extends object>(
  where: string,
  options: O,
  allowed: readonly (keyof O & string)[],
): void {
  const names: readonly string[] = allowed;
  const unknown = Object.keys(options).filter((name) => !names.includes(name));
  if (unknown.length === 0) return;
  const told = unknown.map((name) => {
    const nearest = nearestName(name, names);
    return `${JSON.stringify(name)}${nearest === undefined ? '' : ` (did you mean ${JSON.stringify(nearest)}?)`}`;
  });
  throw new InvalidOptionError(`${where} has no option ${told.join(', nor ')}; its options are: ${names.join(', ')}`);
}
