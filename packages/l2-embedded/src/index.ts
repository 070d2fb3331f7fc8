export { type EmbeddedL2, embeddedL2 } from './embedded.js';
export type { EmbeddedClock, EmbeddedDurability, EmbeddedL2Options } from './options.js';
export type { EmbeddedSnapshot } from './snapshot.js';
export {
  EmbeddedSnapshotError,
  type EmbeddedSnapshotErrorReason,
  type EmbeddedSnapshotTtl,
} from './snapshot-options.js';
export { type EmbeddedRestored, type RestoreEmbeddedOptions, restoreEmbedded } from './snapshot-restore.js';
