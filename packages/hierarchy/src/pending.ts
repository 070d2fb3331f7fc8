import type { L2MarkMode } from '@tierwise/l2';

/** A value that L2 is to get. */
export interface PendingValue {
  readonly bytes: Uint8Array;
  /** As of `at`, in milliseconds; so is `keepMs`. */
  readonly freshMs: number;
  readonly keepMs: number;
  /** The store's moment when the write began. */
  readonly since: string;
  /** When that was on this node's clock. */
  readonly at: number;
}

/** What a caller ordered for a key. */
export interface KeyOrder {
  readonly op: 'set' | 'delete' | 'expire';
  readonly key: string;
  /** Of a `set`. Without one, the key's earlier values are to go, and that is all. */
  readonly value?: PendingValue | undefined;
  /** It may have reached L2, and may take effect there at any time yet. */
  readonly inDoubt: boolean;
  /** On whose account it was ordered. */
  readonly correlationId?: string | undefined;
}

/** A record in the journal, which is given back when all that it stands for is settled. */
export interface Ticket {
  /** How many pending items it stands for. */
  open: number;
  /** The journal's number of it; `undefined` as long as it is not written, and without a journal. */
  number?: number;
  /** Resolves when the journal has it. */
  written?: Promise<void>;
}

export interface PendingKey extends KeyOrder {
  readonly ticket: Ticket;
  /** On its way to L2 right now. */
  sending: boolean;
}

export interface PendingMark {
  /** `null`: the whole namespace. */
  readonly tag: string | null;
  readonly mode: L2MarkMode;
  readonly ticket: Ticket;
  /** On whose account it was ordered. */
  readonly correlationId?: string | undefined;
  sending: boolean;
}

export interface PendingOfNamespace {
  readonly keys: Map<string, PendingKey>;
  /** By {@link markName}. */
  readonly marks: Map<string, PendingMark>;
}

/**
 * What L2 has yet to be told: per namespace the last order of each key, and the invalidations. Only memory, nothing else: what becomes of
 * it in the journal is told by the tickets that each call hands back, for they are not needed any more.
 */
export class Pending {
  readonly namespaces = new Map<string, PendingOfNamespace>();
  #items = 0;
  #bytes = 0;

  /** Keys and invalidations. */
  get size(): number {
    return this.#items;
  }

  /** Of values. */
  get bytes(): number {
    return this.#bytes;
  }

  has(namespace: string, key: string): boolean {
    return this.#items > 0 && this.namespaces.get(namespace)?.keys.has(key) === true;
  }

  hasMarks(namespace: string): boolean {
    return this.#items > 0 && (this.namespaces.get(namespace)?.marks.size ?? 0) > 0;
  }

  /** The clearing of a namespace with which all that is in it when it is sent dies, so that nothing else has to be sent. */
  clearingOf(namespace: string): PendingMark | undefined {
    const clear = this.namespaces.get(namespace)?.marks.get(markName(null, 'dead'));
    // One that is under way may have taken effect already: what happens to a key from now on is not covered.
    return clear?.sending === true ? undefined : clear;
  }

  /** The last order of a key counts. @returns the ticket of what it replaces. */
  addKey(namespace: string, order: KeyOrder, ticket: Ticket): Ticket | undefined {
    const { keys } = this.#of(namespace);
    const before = keys.get(order.key);
    if (before !== undefined) this.#forget(before);
    const after = { ...follow(before, order), ticket, sending: false };
    keys.set(order.key, after);
    this.#items += 1;
    this.#bytes += after.value?.bytes.byteLength ?? 0;
    return before?.ticket;
  }

  /** The clearing of a namespace replaces all that is pending in it. @returns the tickets of what is replaced. */
  addMarks(
    namespace: string,
    tags: readonly string[] | null,
    mode: L2MarkMode,
    ticket: Ticket,
    correlationId?: string,
  ): Ticket[] {
    const replaced = tags === null && mode === 'dead' ? this.#drop(namespace) : [];
    const { marks } = this.#of(namespace);
    for (const tag of tags ?? [null]) {
      const name = markName(tag, mode);
      const before = marks.get(name);
      if (before !== undefined) replaced.push(before.ticket);
      else this.#items += 1;
      marks.set(name, { tag, mode, ticket, correlationId, sending: false });
    }
    return replaced;
  }

  /** L2 has it. @returns whether it still was the last order of its key: else a later one is still to be sent. */
  doneKey(namespace: string, item: PendingKey): boolean {
    const pending = this.namespaces.get(namespace);
    if (pending?.keys.get(item.key) !== item) return false;
    this.#forget(item);
    pending.keys.delete(item.key);
    this.#tidy(namespace, pending);
    return true;
  }

  doneMark(namespace: string, item: PendingMark): boolean {
    const pending = this.namespaces.get(namespace);
    const name = markName(item.tag, item.mode);
    if (pending?.marks.get(name) !== item) return false;
    this.#items -= 1;
    pending.marks.delete(name);
    this.#tidy(namespace, pending);
    return true;
  }

  /** Turns a value into the deletion of its key: that is always safe, and takes no room. */
  giveValueUp(namespace: string, key: string): void {
    const keys = this.namespaces.get(namespace)?.keys;
    const item = keys?.get(key);
    if (item?.value === undefined) return;
    this.#bytes -= item.value.bytes.byteLength;
    keys?.set(key, { ...item, op: 'delete', value: undefined, sending: false, inDoubt: item.inDoubt || item.sending });
  }

  #drop(namespace: string): Ticket[] {
    const pending = this.namespaces.get(namespace);
    if (pending === undefined) return [];
    const items = [...pending.keys.values(), ...pending.marks.values()];
    for (const item of pending.keys.values()) this.#forget(item);
    this.#items -= pending.marks.size;
    this.namespaces.delete(namespace);
    return items.map(({ ticket }) => ticket);
  }

  #of(namespace: string): PendingOfNamespace {
    let pending = this.namespaces.get(namespace);
    if (pending === undefined) {
      pending = { keys: new Map(), marks: new Map() };
      this.namespaces.set(namespace, pending);
    }
    return pending;
  }

  #forget(item: PendingKey): void {
    this.#items -= 1;
    this.#bytes -= item.value?.bytes.byteLength ?? 0;
  }

  #tidy(namespace: string, pending: PendingOfNamespace): void {
    if (pending.keys.size === 0 && pending.marks.size === 0) this.namespaces.delete(namespace);
  }
}

/** What is to be sent for a key when `order` follows what was pending. */
function follow(before: PendingKey | undefined, order: KeyOrder): KeyOrder {
  const { key, value, correlationId } = order;
  // Something older may still arrive in L2: a value that was to be stored only over older ones could not be told from it.
  const inDoubt = order.inDoubt || before?.inDoubt === true || (before?.op === 'set' && before.sending);
  // A value gives way to a peer's. One after a deletion must not: the peer's may be what was deleted.
  const mayGiveWay = before === undefined || before.op === 'set';
  if (order.op === 'set' && value !== undefined && !inDoubt && mayGiveWay)
    return { op: 'set', key, value, inDoubt, correlationId };
  // What the earlier order was to replace must not be left there as a stale value.
  const mayStay = order.op === 'expire' && (before === undefined || before.op === 'expire');
  return { op: mayStay ? 'expire' : 'delete', key, inDoubt, correlationId };
}

function markName(tag: string | null, mode: L2MarkMode): string {
  return tag === null ? mode : `${mode}:${tag}`;
}
