interface Waiting<Q, A> {
  readonly question: Q;
  readonly resolve: (answer: A) => void;
  readonly reject: (error: unknown) => void;
}

interface Batch<Q, A> {
  readonly namespace: string;
  readonly account: string | undefined;
  readonly questions: Waiting<Q, A>[];
  weight: number;
}

/** How much becomes one batch. */
export interface BatchLimits<Q> {
  readonly most: number;
  /** Of all questions together, unless one alone weighs more. */
  readonly maxWeight: number;
  readonly weigh: (question: Q) => number;
}

/** Gathers the questions of one turn of the event loop, and asks them as one batch per namespace. */
export class Coalescer<Q, A> {
  readonly #ask: (namespace: string, questions: readonly Q[], account: string | undefined) => Promise<A[]>;
  readonly #limits: BatchLimits<Q> | undefined;
  /** By namespace and account. */
  readonly #waiting = new Map<string, Batch<Q, A>>();

  /**
   * @param ask answers a batch, in order.
   * @param limits a batch that is full does not wait for the end of the turn. Default: it never is.
   */
  constructor(
    ask: (namespace: string, questions: readonly Q[], account: string | undefined) => Promise<A[]>,
    limits?: BatchLimits<Q>,
  ) {
    this.#ask = ask;
    this.#limits = limits;
  }

  /** @param account on whose account it is asked, where that matters: questions on different ones are asked apart. */
  ask(namespace: string, question: Q, account?: string): Promise<A> {
    const group = account === undefined ? namespace : `${account}\n${namespace}`;
    return new Promise((resolve, reject) => {
      const limits = this.#limits;
      const weight = limits === undefined ? 0 : limits.weigh(question);
      const waiting = this.#waiting.get(group);
      if (waiting !== undefined) {
        const isFull =
          limits !== undefined &&
          (waiting.questions.length >= limits.most || waiting.weight + weight > limits.maxWeight);
        if (!isFull) {
          waiting.questions.push({ question, resolve, reject });
          waiting.weight += weight;
          return;
        }
        this.#send(group, namespace, account);
      }
      this.#waiting.set(group, { namespace, account, questions: [{ question, resolve, reject }], weight });
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
