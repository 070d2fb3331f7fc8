/** Of the hierarchies under test, in milliseconds: short, so that a matrix of hundreds of cells takes minutes. */
export const LIMITS = {
  l2Timeout: 250,
  breakerOpenFor: 200,
  commandTimeout: 200,
  connectTimeout: 200,
  maxReconnectDelay: 100,
  heartbeatInterval: 200,
  maxStaleness: 5_000,
  leaseTtl: 500,
  leaseWait: 1_000,
  closeTimeout: 300,
} as const;

/** How long a load takes. */
export const LOAD_MS = 5;

/** A call that has not settled by then hangs: several limits in a row, and what a busy machine takes. */
export const HANG_MS = 1_500;

/** By then, after a fault has healed, nobody serves what was invalidated during it. */
export const RECOVERY_MS = 8_000;
