import type { L2, L2Host } from '@tierwise/l2';

type Call = 'read' | 'write' | 'delete' | 'expire' | 'purge' | 'acquire' | 'advance' | 'marks' | 'release' | 'follow';

/** A call that a test holds. */
export interface Held {
  /** Resolves when the call is there. */
  readonly arrived: Promise<void>;
  /** Lets it go on. */
  go(): void;
  /** Has it fail instead. */
  fail(error: Error): void;
}

interface Gate extends Held {
  readonly when: 'before' | 'after';
  readonly arrive: () => void;
  readonly passed: Promise<void>;
}

/** An L2 whose calls a test holds, before the store sees them or before their answers arrive, and lets go by hand. */
export class HeldL2 {
  readonly l2: L2;
  /** The calls that reached the store, in order. */
  readonly calls: string[] = [];
  readonly #gates = new Map<string, Gate[]>();
  #down: Error | undefined;
  #host: L2Host | undefined;

  constructor(inner: L2) {
    const guard = <T extends object>(target: T, names: readonly string[]): T =>
      new Proxy(target, {
        get: (object, name) => {
          const value = Reflect.get(object, name);
          if (name === 'leases' || name === 'time' || name === 'feed')
            return value && guard(value, ['acquire', 'advance', 'marks', 'release', 'follow']);
          if (typeof value !== 'function') return value;
          if (name === 'open') {
            return (host: L2Host) => {
              this.#host = host;
              return value.call(object, host);
            };
          }
          if (!names.includes(String(name))) return value.bind(object);
          return (...args: unknown[]) => this.#pass(String(name), args, () => value.apply(object, args));
        },
      });
    this.l2 = guard(inner, ['read', 'write', 'delete', 'expire', 'purge']);
  }

  /** Holds the next call of this kind on a namespace of a test's own. */
  hold(call: Call, when: 'before' | 'after' = 'before'): Held {
    let arrive = () => {};
    let go = () => {};
    let fail = (_: Error) => {};
    const arrived = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    const passed = new Promise<void>((resolve, reject) => {
      [go, fail] = [resolve, reject];
    });
    passed.catch(() => {});
    const gate = { when, arrived, arrive, passed, go, fail };
    this.#gates.set(call, [...(this.#gates.get(call) ?? []), gate]);
    return gate;
  }

  /** From now on every call fails; with `undefined` none does. */
  down(error: Error | undefined): void {
    this.#down = error;
  }

  /** The store loses its feed, or has it back. */
  feed(state: 'alive' | 'deaf'): void {
    this.#host?.onFeedState(state);
  }

  async #pass(name: string, args: unknown[], run: () => Promise<unknown>): Promise<unknown> {
    if (this.#down !== undefined) throw this.#down;
    if (String(args[0]).startsWith('tierwise-migration')) return run();
    const gate = this.#gates.get(name)?.shift();
    if (gate?.when === 'before') {
      gate.arrive();
      await gate.passed;
    }
    this.calls.push(name);
    const answer = await run();
    if (gate?.when === 'after') {
      gate.arrive();
      await gate.passed;
    }
    return answer;
  }
}
