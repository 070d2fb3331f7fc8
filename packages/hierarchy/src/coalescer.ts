interface Waiting<Q, A> {
  readonly question: Q;
  readonly resolve: (answer: A) => void;
  readonly reject: (error: unknown) => void;
}

interface Batch<Q, A> {
  readonly namespace: string;
  readonly account: string | undefined;
  readonly questions: Waiting<Q, A>[];
}

/** Gathers the questions of one turn of the event loop, and asks them as one batch per namespace. */
export class Coalescer<Q, A> {
  readonly #ask: (namespace: string, questions: readonly Q[], account: string | undefined) => Promise<A[]>;
  /** By namespace and account. */
  readonly #waiting = new Map<string, Batch<Q, A>>();

  /** @param ask answers a batch, in order. */
  constructor(ask: (namespace: string, questions: readonly Q[], account: string | undefined) => Promise<A[]>) {
    this.#ask = ask;
  }

  /** @param account on whose account it is asked, where that matters: questions on different ones are asked apart. */
  ask(namespace: string, question: Q, account?: string): Promise<A> {
    const group = account === undefined ? namespace : `${account}\n${namespace}`;
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(group);
      if (waiting !== undefined) {
        waiting.questions.push({ question, resolve, reject });
        return;
      }
      this.#waiting.set(group, { namespace, account, questions: [{ question, resolve, reject }] });
      // Runs when the promise jobs of this turn are done: questions that come by way of promises are gathered too.
      process.nextTick(() => this.#send(group, namespace, account));
    });
  }

  /** Asks at once whatever waits for the end of the turn: something must not overtake it. */
  flush(): void {
    for (const [group, { namespace, account }] of this.#waiting) this.#send(group, namespace, account);
  }

  #send(group: string, namespace: string, account: string | undefined): void {
    const batch = this.#waiting.get(group)?.questions;
    if (batch === undefined) return;
    this.#waiting.delete(group);
    this.#ask(
      namespace,
      batch.map(({ question }) => question),
      account,
    ).then(
      (answers) => {
        for (let i = 0; i < batch.length; i += 1) batch[i]?.resolve(answers[i] as A);
      },
      (error) => {
        for (const { reject } of batch) reject(error);
      },
    );
  }
}
