import { L2FailedError } from './errors.js';
import type { HierarchyEventOf } from './events.js';
import { isDeferrable, L2SkippedError } from './l2-line.js';
import type { Space } from './space.js';

/**
 * How an order for keys gets to L2: now, or later. It is given up on only where it never could be done, or where `journal: false` says so.
 */
export interface Outcome<T> {
  /** L2's answers, by key. */
  readonly answers: ReadonlyMap<string, T>;
  /** Keys whose order L2 has to be given later. */
  readonly late: ReadonlySet<string>;
  /** Of these, those whose order may have reached L2 all the same. */
  readonly inDoubt: ReadonlySet<string>;
  /** Why; `undefined` if they only wait for earlier ones. */
  readonly error: unknown;
}

const NONE: ReadonlySet<never> = new Set();

/**
 * @param send gives the order for some of the keys to L2; answers in their order.
 * @throws L2FailedError for an order that cannot be made up for.
 */
export async function tryOrder<T>(
  space: Space,
  ids: readonly string[],
  send: (ids: readonly string[]) => Promise<readonly T[] | undefined>,
): Promise<Outcome<T>> {
  const { guard, outbox } = space.core;
  if (guard === undefined || ids.length === 0)
    return { answers: new Map(), late: NONE, inDoubt: NONE, error: undefined };
  // Nothing overtakes what is pending for its key: then the last order is the one that counts.
  const pending = outbox === undefined ? [] : ids.filter((id) => outbox.isPending(space.name, id));
  const waiting: ReadonlySet<string> = pending.length === 0 ? NONE : new Set(pending);
  const now = pending.length === 0 ? ids : ids.filter((id) => !waiting.has(id));
  if (now.length === 0) return { answers: new Map(), late: waiting, inDoubt: NONE, error: undefined };
  try {
    const ready = prepare(space, now);
    if (ready !== undefined) await ready;
    const answers = new Map<string, T>();
    for (const [index, answer] of ((await send(now)) ?? []).entries()) answers.set(now[index] ?? '', answer);
    return { answers, late: waiting, inDoubt: NONE, error: undefined };
  } catch (error) {
    if (!isMadeUpFor(space, error)) throw error;
    return { answers: new Map(), late: new Set(ids), inDoubt: mayHaveArrived(error) ? new Set(now) : NONE, error };
  }
}

/** Whether an order that failed like this is to be made up for. */
export function isMadeUpFor(space: Space, error: unknown): boolean {
  return space.core.outbox !== undefined && error instanceof L2FailedError && isDeferrable(error.cause);
}

export function mayHaveArrived(error: unknown): boolean {
  return !(error instanceof L2FailedError && error.cause instanceof L2SkippedError);
}

export function reportDeferred(space: Space, event: Omit<HierarchyEventOf<'deferred'>, 'type' | 'namespace'>): void {
  const { events } = space.core;
  if (events.wants('deferred')) events.emit({ type: 'deferred', namespace: space.name, ...event });
}

/**
 * What every order waits for: to know the present generation, and (in an L2 without leases) fills under way.
 *
 * @returns `undefined` where there is nothing to wait for, as nearly always.
 */
export function prepare(space: Space, ids: readonly string[]): Promise<void> | undefined {
  const hasLeases = space.core.guard?.hasLeases === true;
  return hasLeases && space.attach() === true ? undefined : prepareLater(space, ids);
}

async function prepareLater(space: Space, ids: readonly string[]): Promise<void> {
  await space.reach();
  if (space.core.guard?.hasLeases === false) {
    await Promise.allSettled(ids.flatMap((id) => space.fences.fillsUnderWay(id)));
  }
}
