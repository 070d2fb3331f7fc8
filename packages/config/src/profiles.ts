import type { ProfileName, TierwiseConfig } from './schema/index.js';

/** Other defaults, for where a service runs. Whatever is configured goes before them. */
export const PROFILES: Readonly<Record<ProfileName, { readonly about: string; readonly values: TierwiseConfig }>> = {
  development: {
    about: 'Small, strict, and quick to end: mistakes show early, and a debugger may stand still.',
    values: {
      l1: { maxEntries: 1000, maxBytes: '16mb' },
      validation: 'strict',
      l2Timeout: '10s',
      closeTimeout: '1s',
      incidents: { warnEvery: '10s' },
    },
  },
  staging: {
    about: 'As `production`, but strict.',
    values: { ttlJitter: 0.1, staleIfError: '10m', validation: 'strict' },
  },
  production: {
    about: 'Values do not all end at once, and an outage of the source is ridden out.',
    values: { ttlJitter: 0.1, staleIfError: '10m' },
  },
  paranoia: {
    about: 'Little memory, and strict checks of keys, times to live and values.',
    values: { l1: { maxEntries: 10_000, maxBytes: '10mb' }, validation: 'strict' },
  },
};
