import type { L2 } from '@tierwise/l2';
import { dutiesOf, type Side } from './phase.js';
import type { MigrationRecord } from './record.js';
import type { RecordStore } from './record-store.js';

/**
 * What has to be done, once for each namespace, before a node may act in it in a new phase:
 *
 * - The new store must hold nothing of an earlier attempt, nor of whatever it was used for before: nobody invalidated that. So it is purged
 *   before anything is read from it, once for all nodes.
 * - The store that arbitrates logical time from now on must count from above all that this node has met by the other one: its next
 *   invalidation has to kill what is under way here (law 5).
 */
export class Preparation {
  readonly #stores: Readonly<Record<Side, L2>>;
  readonly #store: RecordStore;
  /** By namespace, the highest generation that this node was told of. */
  readonly #met = new Map<string, number>();
  /** What is ready, or getting ready, for `#phase`. */
  readonly #namespaces = new Map<string, { readonly done: Promise<void>; isDone: boolean }>();
  #phase = '';

  constructor(stores: Readonly<Record<Side, L2>>, store: RecordStore) {
    this.#stores = stores;
    this.#store = store;
  }

  /** A generation that the hierarchy knows, or is about to. */
  meet(namespace: string, generation: number): void {
    if (generation > (this.#met.get(namespace) ?? 0)) this.#met.set(namespace, generation);
  }

  /** @returns `undefined` when there is nothing (more) to be done. */
  prepare(namespace: string, record: MigrationRecord): Promise<void> | undefined {
    const phase = `${record.phase} ${record.run}`;
    if (phase !== this.#phase) {
      this.#phase = phase;
      this.#namespaces.clear();
    }
    const known = this.#namespaces.get(namespace);
    if (known !== undefined) return known.isDone ? undefined : known.done;
    const made = { done: this.#prepare(namespace, record), isDone: false };
    this.#namespaces.set(namespace, made);
    made.done.then(
      () => {
        made.isDone = true;
      },
      () => {
        if (this.#namespaces.get(namespace) === made) this.#namespaces.delete(namespace);
      },
    );
    return made.done;
  }

  async #prepare(namespace: string, { phase, run }: MigrationRecord): Promise<void> {
    const { lead } = dutiesOf(phase);
    const { to } = this.#stores;
    if (phase !== 'from' && !(await this.#store.isClean(namespace, run))) {
      await to.purge(namespace);
      await this.#store.setClean(namespace, run);
    }
    const known = this.#met.get(namespace) ?? 0;
    if (known > 0) await this.#stores[lead].time?.marks(namespace, [], { known });
  }
}
