import type { L2FeedState, L2MarkMode, L2News } from '@tierwise/l2';
import type { BreakerState } from './breaker.js';
import type { LoadCost } from './cost.js';
import { textOf } from './error-text.js';
import type { Incident, IncidentPhase } from './incident.js';
import type { JournalRecord, JournalTrouble } from './journal.js';
import type { L1Advice } from './l1-advice.js';
import type { Reconfigured } from './reconfigure.js';
import type { ReplayCounts } from './replay.js';
import type { SnapshotRestored } from './snapshot-restore.js';
import type { TtlReasons } from './ttl-tuner.js';

/** Where an event happened. */
interface At {
  readonly namespace: string;
  readonly key: string;
}

/**
 * Why a stale value was answered: `revalidate`: within `staleWhileRevalidate`. `error`: the load failed, just now or so lately that no
 * other is due. `timeout`: the load takes longer than `loadTimeout` allows.
 */
export type StaleReason = 'revalidate' | 'error' | 'timeout';

/** What can be listened to with `on(type, listener)`. Values are the user's, never their encoded form. */
export type HierarchyEvent =
  | (At & { readonly type: 'hit'; readonly tier: 'l1' | 'l2'; readonly value: unknown })
  | (At & { readonly type: 'miss'; readonly tier: 'l1' | 'l2' })
  | (At & {
      readonly type: 'load';
      /**
       * `stored`: kept in at least one tier. `fenced`: invalidated meanwhile, so handed to those who waited but not kept.
       * `uncached`: `skip()`, `undefined` or a ttl of 0. `failed`: the loader threw, or its value cannot be kept.
       */
      readonly outcome: 'stored' | 'fenced' | 'uncached' | 'failed';
      /** How long the loader ran, in milliseconds. */
      readonly ms: number;
      readonly error?: unknown;
      /** The name of the definition that loaded, if it has one. */
      readonly definition?: string | undefined;
      /** What that cost, where the definition says what loads cost. */
      readonly cost?: LoadCost | undefined;
    })
  | (At & { readonly type: 'stale'; readonly reason: StaleReason; readonly value: unknown })
  | (At & { readonly type: 'set'; readonly value: unknown })
  | { readonly type: 'delete' | 'expire' | 'touch'; readonly namespace: string; readonly keys: readonly string[] }
  | {
      /** This node invalidated tags or, with `null`, the namespace. */
      readonly type: 'invalidate';
      readonly namespace: string;
      readonly tags: readonly string[] | null;
      readonly mode: L2MarkMode;
    }
  | {
      /** This node has removed from L2 what it had cleared. */
      readonly type: 'purge';
      readonly namespace: string;
      /** How many entries there were. */
      readonly entries: number;
    }
  | {
      /** A transaction was committed that changed something. What it set and deleted is told by events of their own beside. */
      readonly type: 'commit';
      readonly namespace: string;
      readonly sets: readonly string[];
      readonly deletes: readonly string[];
    }
  | {
      /** L1 gave an entry up to keep its bounds, or because its time was over. */
      readonly type: 'evict';
      readonly namespace: string;
      readonly key: string;
      readonly cause: string;
    }
  | (At & {
      /** Bytes in L2 could not be read; they count as a miss. */
      readonly type: 'damaged';
      readonly reason: string;
      readonly detail: string;
    })
  | {
      /** L2 failed. Once for a command, of however many keys, where it was a read; once for each call otherwise. */
      readonly type: 'l2-error';
      readonly operation: string;
      readonly error: unknown;
    }
  | { readonly type: 'feed'; readonly state: L2FeedState }
  | {
      /** The circuit breaker opened, lets one probe through, or closed. */
      readonly type: 'breaker';
      readonly state: BreakerState;
    }
  | {
      /** An order could not reach L2 and will be made up for. Until then, this node does not serve what it replaced. */
      readonly type: 'deferred';
      readonly namespace: string;
      readonly op: JournalRecord['op'];
      /** As the user spells them; empty for an invalidation. */
      readonly keys: readonly string[];
      /** Of an invalidation; `null`: the whole namespace. */
      readonly tags?: readonly string[] | null;
      /** Why it did not reach L2; `undefined`: it waits for an earlier one. */
      readonly error: unknown;
    }
  | {
      /** L2 answers, and has all that it missed. */
      readonly type: 'recovered';
      /** How long the trouble lasted, in milliseconds. */
      readonly ms: number;
      readonly replayed: ReplayCounts;
    }
  | {
      /** L2 finds something invalid that was to be made up for. A value's key is deleted instead; everything else is given up. */
      readonly type: 'refused';
      readonly namespace: string;
      readonly op: JournalRecord['op'];
      /** The key as L2 calls it. */
      readonly id: string | undefined;
      readonly error: unknown;
    }
  | {
      /** More is pending than is kept: values became deletions, or a whole namespace will be cleared. Nothing stale comes of it. */
      readonly type: 'outbox';
      readonly what: 'values-given-up' | 'cleared';
      readonly namespace?: string;
      /** How many keys. */
      readonly keys: number;
    }
  | {
      /** The hierarchy was closed before this could reach L2, and no journal keeps it. */
      readonly type: 'lost';
      /** Keys and invalidations. */
      readonly items: number;
    }
  | { readonly type: 'journal'; readonly trouble: JournalTrouble }
  | {
      /** A part of a snapshot was restored: so much so far. */
      readonly type: 'restore';
      readonly progress: SnapshotRestored;
    }
  | (Reconfigured & {
      /** Options were changed at run time. */
      readonly type: 'reconfigured';
    })
  | {
      /** Another `ttl` is thought best for what a definition loads. With `mode: 'auto'`, new values get it from now on. */
      readonly type: 'tuned';
      readonly what: 'ttl';
      readonly definition: string;
      readonly namespace: string;
      readonly mode: 'advise' | 'auto';
      readonly beforeMs: number;
      readonly afterMs: number;
      readonly reasons: TtlReasons;
    }
  | {
      /** A larger L1 would pay by now, or would not any more. Nothing is changed: `reconfigure` does that. */
      readonly type: 'tuned';
      readonly what: 'l1';
      /** The bounds as they are. */
      readonly before: { readonly maxEntries: number; readonly maxBytes: number };
      readonly advice: L1Advice;
    }
  | { readonly type: 'restored'; readonly result: SnapshotRestored }
  | { readonly type: 'incident'; readonly phase: IncidentPhase; readonly incident: Incident }
  | {
      /** A peer (or another program) changed something. */
      readonly type: 'news';
      readonly news: L2News;
    };

export type HierarchyEventType = HierarchyEvent['type'];
export type HierarchyEventOf<T extends HierarchyEventType> = Extract<HierarchyEvent, { type: T }>;

/** Listeners by type. Asking {@link Events.wants} first keeps an event nobody listens to from being made at all. */
export class Events {
  readonly #listeners = new Map<HierarchyEventType, Set<(event: never) => void>>();
  #hearsHits = false;
  #hearsMisses = false;

  /** @returns a function that takes the listener away again. */
  on<T extends HierarchyEventType>(type: T, listener: (event: HierarchyEventOf<T>) => void): () => void {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners);
    listeners.add(listener);
    this.#note();
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(type) === listeners) this.#listeners.delete(type);
      this.#note();
    };
  }

  /** `wants('hit')` and `wants('miss')`, at no more than the price of a look, since each read asks. */
  get hearsHits(): boolean {
    return this.#hearsHits;
  }

  get hearsMisses(): boolean {
    return this.#hearsMisses;
  }

  #note(): void {
    this.#hearsHits = this.wants('hit');
    this.#hearsMisses = this.wants('miss');
  }

  wants(type: HierarchyEventType): boolean {
    return this.#listeners.has(type);
  }

  /** A listener that throws, or rejects, is reported as a process warning: it must not turn a read into a failure. */
  emit<T extends HierarchyEventType>(event: HierarchyEventOf<T> & { readonly type: T }): void {
    for (const listener of this.#listeners.get(event.type) ?? []) {
      const report = (error: unknown) =>
        process.emitWarning(`a listener for '${event.type}' threw: ${textOf(error)}`, 'TierwiseWarning');
      try {
        const answer = (listener as (event: HierarchyEventOf<T>) => unknown)(event);
        // An async one, whose rejection would be nobody's.
        if (answer instanceof Promise) answer.catch(report);
      } catch (error) {
        report(error);
      }
    }
  }
}
