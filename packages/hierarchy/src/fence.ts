import { SlotMap } from '@tierwise/l1';

/**
 * Fences: what keeps a value that was read or loaded before an invalidation from being stored after it (law 1).
 *
 * Whatever is going to store something under a key — a read of L2, a load, a write — takes a token when it begins and may
 * store only while that token is whole. An invalidation of the key breaks the tokens that are out; losing the feed breaks
 * all of them at once and moves the epoch on. Nothing ever waits for a fence: it is a check, not a lock.
 */

/** What takes part: reads and loads are broken by every write; writes settle their order among themselves by version. */
export type TokenKind = 'read' | 'write';

export class Token {
  readonly kind: TokenKind;
  /** When, in milliseconds of the node's clock: what it stands for may have been read as early as that. */
  readonly began: number;
  /** Broken: what it stands for may neither be stored nor be joined by new callers. */
  doomed = false;
  /** The highest version that another write of this node got for the same key meanwhile. */
  rival = 0;
  /** Under way: the store of this token's value in L2. Only set for an L2 without leases, see `set.ts`. */
  filling: Promise<unknown> | undefined;
  #onDoom: (() => void)[] | undefined;

  constructor(kind: TokenKind, began: number) {
    this.kind = kind;
    this.began = began;
  }

  /** Calls `listener` when the token breaks by {@link Token.doom}. Not for one that is broken already. */
  onDoom(listener: () => void): void {
    this.#onDoom ??= [];
    this.#onDoom.push(listener);
  }

  doom(): void {
    if (this.doomed) return;
    this.doomed = true;
    const listeners = this.#onDoom;
    this.#onDoom = undefined;
    for (const listener of listeners ?? []) listener();
  }
}

/** The tokens that are out, of one namespace. */
export class Fences {
  /** By key. Nearly always there is one, which then needs no set. */
  readonly #out = new SlotMap<Token | Set<Token>>();
  readonly #now: () => number;
  #epoch = 0;

  /** @param now the node's clock, in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Grows whenever all that is known from before has to be taken for unknown. L1's entries carry the one of their fill. */
  get epoch(): number {
    return this.#epoch;
  }

  /** How many tokens are out. 0 when nothing is under way. */
  get size(): number {
    let size = 0;
    for (const out of this.#out.values()) size += out instanceof Token ? 1 : out.size;
    return size;
  }

  /** @param now the time, for a caller that has read the clock already. */
  begin(key: string, kind: TokenKind, now = this.#now()): Token {
    const token = new Token(kind, now);
    const out = this.#out.get(key);
    if (out === undefined) this.#out.set(key, token);
    else if (out instanceof Token) this.#out.set(key, new Set([out, token]));
    else out.add(token);
    return token;
  }

  end(key: string, token: Token): void {
    const out = this.#out.get(key);
    if (out === token) this.#out.delete(key);
    else if (out instanceof Set && out.delete(token) && out.size === 0) this.#out.delete(key);
  }

  /** Breaks the tokens of a key: those of reads and loads, or of writes as well. */
  doom(key: string, kinds: 'reads' | 'all'): void {
    for (const token of this.#of(key)) {
      if (kinds === 'all' || token.kind === 'read') token.doom();
    }
  }

  /** A write of this node got a version: other writes of the key store theirs only if it is higher. */
  tellRivals(key: string, own: Token, version: number): void {
    for (const token of this.#of(key)) {
      if (token !== own && token.kind === 'write') token.rival = Math.max(token.rival, version);
    }
  }

  /** Stores under way, of one key or of all, that a later write has to wait for; empty wherever L2 has leases. */
  fillsUnderWay(key?: string): Promise<unknown>[] {
    const keys = key === undefined ? [...this.#out.keys()] : [key];
    return keys.flatMap((key) => [...this.#of(key)].flatMap((token) => token.filling ?? []));
  }

  /** Whether a write of the key is under way on this node. */
  isWriting(key: string): boolean {
    for (const token of this.#of(key)) {
      if (token.kind === 'write') return true;
    }
    return false;
  }

  /** Breaks all tokens: everything known so far may be old. */
  nextEpoch(): void {
    this.#epoch += 1;
    for (const key of this.#out.keys()) {
      for (const token of this.#of(key)) token.doom();
    }
  }

  #of(key: string): Iterable<Token> {
    const out = this.#out.get(key);
    return out === undefined ? NONE : out instanceof Token ? [out] : out;
  }
}

const NONE: readonly Token[] = [];
