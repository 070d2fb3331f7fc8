/** A connection, as far as order is concerned. */
export interface OrderedLine {
  /** Whether nothing that is on its way over it will be done any more, before what is sent over others. */
  readonly isLost: boolean;
}

/** What is under way for a slot. */
interface UnderWay<L> {
  readonly line: L;
  calls: number;
}

/**
 * Keeps what belongs together in order although it may go over several connections: while a slot (the one by which Redis Cluster
 * places keys, since all names of one key share it) has something under way, whatever follows for it goes over the same connection. So Redis does it
 * in the order in which it was sent, given-up calls included, which stay under way until Redis has answered them or their connection is lost.
 *
 * A script with keys of several slots that are under way on *different* connections waits until they are on one at most, and what comes
 * after for these slots waits behind it.
 */
export class SlotOrder<L extends OrderedLine> {
  readonly #underWay = new Map<number, UnderWay<L>>();
  /** By slot, the last one that waits to be sent. */
  readonly #gates = new Map<number, Promise<void>>();
  /** Those who wait for anything to end. */
  #waiting: (() => void)[] = [];

  /** How many slots have something under way, or waiting. 0 when all is quiet. */
  get size(): number {
    return this.#underWay.size + this.#gates.size;
  }

  /** The connection over which something is under way for a slot. */
  lineOf(slot: number): L | undefined {
    const line = this.#underWay.get(slot)?.line;
    return line?.isLost ? undefined : line;
  }

  /**
   * Sends what concerns slots, at once unless it has to wait.
   *
   * @param choose the connection for what may take any. May throw.
   * @param giveUpAt on the clock of `performance.now`: what has waited for longer is not sent.
   */
  send<T>(slots: Iterable<number>, choose: () => L, send: (line: L) => Promise<T>, giveUpAt: number): Promise<T> {
    const own = new Set(slots);
    if (this.#isGated(own)) return this.#sendLater(own, choose, send, giveUpAt);
    const lines = this.#linesOf(own);
    if (lines.size > 1) return this.#sendLater(own, choose, send, giveUpAt);
    const [line = choose()] = lines;
    return this.#go(own, line, send);
  }

  #isGated(slots: ReadonlySet<number>): boolean {
    if (this.#gates.size === 0) return false;
    return [...slots].some((slot) => this.#gates.has(slot));
  }

  #linesOf(slots: ReadonlySet<number>): Set<L> {
    const lines = new Set<L>();
    for (const slot of slots) {
      const line = this.lineOf(slot);
      if (line !== undefined) lines.add(line);
    }
    return lines;
  }

  #go<T>(slots: ReadonlySet<number>, line: L, send: (line: L) => Promise<T>): Promise<T> {
    const answer = send(line);
    const begun = [...slots].map((slot) => this.#begin(slot, line));
    const settled = (): void => {
      for (const [slot, underWay] of begun) this.#end(slot, underWay);
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const go of waiting) go();
    };
    answer.then(settled, settled);
    return answer;
  }

  #begin(slot: number, line: L): [slot: number, underWay: UnderWay<L>] {
    let underWay = this.#underWay.get(slot);
    if (underWay === undefined || underWay.line !== line) {
      underWay = { line, calls: 0 };
      this.#underWay.set(slot, underWay);
    }
    underWay.calls += 1;
    return [slot, underWay];
  }

  #end(slot: number, underWay: UnderWay<L>): void {
    underWay.calls -= 1;
    if (underWay.calls === 0 && this.#underWay.get(slot) === underWay) this.#underWay.delete(slot);
  }

  async #sendLater<T>(
    slots: ReadonlySet<number>,
    choose: () => L,
    send: (line: L) => Promise<T>,
    giveUpAt: number,
  ): Promise<T> {
    const before = [...slots].map((slot) => this.#gates.get(slot));
    let open = (): void => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    for (const slot of slots) this.#gates.set(slot, gate);
    let answer: Promise<T>;
    try {
      await Promise.all(before);
      while (this.#linesOf(slots).size > 1) await new Promise<void>((resolve) => this.#waiting.push(resolve));
      if (performance.now() > giveUpAt) throw new Error('what had to be done before it took too long');
      const [line = choose()] = this.#linesOf(slots);
      answer = this.#go(slots, line, send);
    } finally {
      for (const slot of slots) if (this.#gates.get(slot) === gate) this.#gates.delete(slot);
      open();
    }
    return answer;
  }
}
