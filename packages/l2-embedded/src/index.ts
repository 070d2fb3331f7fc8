export { embeddedL2 } from './embedded.js';
export type { EmbeddedClock, EmbeddedDurability, EmbeddedL2Options } from './options.js';
