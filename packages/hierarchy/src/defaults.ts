import { applyChanges, type Policy, type PolicyChanges } from './policy.js';

/** What calls through a handle use where they say nothing else. Asked for each time, since `reconfigure` may have changed it. */
export type Defaults = () => Policy;

/**
 * Another handle's defaults, with changes that are this handle's own: whatever it did not say itself follows the other's. A policy is
 * never changed but replaced, so looking whether it is still the same one is all that following takes.
 */
export function refined(base: Defaults, changes: PolicyChanges | undefined): Defaults {
  if (changes === undefined) return base;
  let from = base();
  let policy = applyChanges(from, changes);
  return () => {
    const now = base();
    if (now !== from) {
      from = now;
      policy = applyChanges(now, changes);
    }
    return policy;
  };
}
