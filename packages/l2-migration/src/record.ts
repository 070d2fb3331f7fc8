import { type MigrationPhase, PHASES } from './phase.js';

/** What all nodes are to agree on. It is kept in the old store, and copied to the new one. */
export interface MigrationRecord {
  /** Grows with every change. Of two records the one with the higher epoch holds. */
  readonly epoch: number;
  /** Names one attempt to migrate: what an earlier one, rolled back, left in the new store must not be believed. */
  readonly run: string;
  readonly phase: MigrationPhase;
  /** How much of the keys is at home in the new store, 0 to 100. */
  readonly percentage: number;
}

const FORMAT = 1;

export function encodeRecord({ epoch, run, phase, percentage }: MigrationRecord): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ format: FORMAT, epoch, run, phase, percentage }));
}

/** @returns `undefined` for what is no record, or one of a later format. */
export function decodeRecord(bytes: Uint8Array): MigrationRecord | undefined {
  try {
    const { format, epoch, run, phase, percentage } = JSON.parse(new TextDecoder().decode(bytes));
    const isWhole =
      format === FORMAT &&
      Number.isSafeInteger(epoch) &&
      typeof run === 'string' &&
      PHASES.includes(phase) &&
      isPercentage(percentage);
    return isWhole ? { epoch, run, phase, percentage } : undefined;
  } catch {
    return undefined;
  }
}

export function isPercentage(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= 100;
}
