import type { Read, Value } from './history.js';
import type { L2Place, Order } from './subject.js';

/** What a node process is started with, as JSON. */
export interface NodeConfig {
  /** The life's name. */
  readonly life: string;
  /** The module of the cache under test. */
  readonly subject: string;
  readonly l2: L2Place;
  readonly seed: string;
  readonly clockAheadMs: number;
  /** A folder of this node's own, that outlives its process. */
  readonly dir: string;
  /** Fences to be taken out: see `breaks.ts`. */
  readonly breaks: readonly string[];
}

export type ToNode =
  | { readonly type: 'loaded'; readonly id: number; readonly version: number }
  | { readonly type: 'order'; readonly id: number; readonly order: Order }
  /** Stops reading at random, looks once more at every key, closes. */
  | { readonly type: 'finish' };

export type FromNode =
  | { readonly type: 'ready' }
  | { readonly type: 'load'; readonly id: number; readonly key: string }
  | {
      readonly type: 'ordered';
      readonly id: number;
      readonly begin: number;
      readonly end: number;
      readonly error: string | undefined;
      readonly deferredAt: number | undefined;
    }
  | ({ readonly type: 'log' } & NodeLog)
  | { readonly type: 'finished' };

/** What has been since the last message of this kind. */
export interface NodeLog {
  readonly reads: readonly (Omit<Read, 'value' | 'life'> & { readonly value: Value | undefined })[];
  readonly feed: readonly { readonly at: number; readonly state: 'alive' | 'deaf' }[];
  readonly recovered: readonly number[];
  /** Times in which the process did not get to do anything. */
  readonly stalls: readonly { readonly from: number; readonly to: number }[];
}
