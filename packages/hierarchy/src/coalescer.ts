interface Waiting<Q, A> {
  readonly question: Q;
  readonly resolve: (answer: A) => void;
  readonly reject: (error: unknown) => void;
}

/** Gathers the questions of one turn of the event loop, and asks them as one batch per namespace. */
export class Coalescer<Q, A> {
  readonly #ask: (namespace: string, questions: readonly Q[]) => Promise<A[]>;
  readonly #waiting = new Map<string, Waiting<Q, A>[]>();

  /** @param ask answers a batch, in order. */
  constructor(ask: (namespace: string, questions: readonly Q[]) => Promise<A[]>) {
    this.#ask = ask;
  }

  ask(namespace: string, question: Q): Promise<A> {
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(namespace);
      if (waiting !== undefined) {
        waiting.push({ question, resolve, reject });
        return;
      }
      this.#waiting.set(namespace, [{ question, resolve, reject }]);
      // Runs when the promise jobs of this turn are done: questions that come by way of promises are gathered too.
      process.nextTick(() => this.#send(namespace));
    });
  }

  #send(namespace: string): void {
    const batch = this.#waiting.get(namespace) ?? [];
    this.#waiting.delete(namespace);
    this.#ask(
      namespace,
      batch.map(({ question }) => question),
    ).then(
      (answers) => {
        for (const [index, { resolve }] of batch.entries()) resolve(answers[index] as A);
      },
      (error) => {
        for (const { reject } of batch) reject(error);
      },
    );
  }
}
