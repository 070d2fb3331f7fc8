/** What this backend is called in errors, events and metrics. */
export const NAME = 'redis';
