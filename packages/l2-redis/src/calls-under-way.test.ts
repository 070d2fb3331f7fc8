import { L2UnavailableError } from '@tierwise/l2';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Calls } from './calls.js';
import { NAME } from './name.js';

/** A call whose work ends when the test says so, with what came of it. */
class Driven {
  readonly controller = new AbortController();
  outcome: unknown;
  times = 0;
  #resolve: (value: string) => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(calls: Calls) {
    const work = new Promise<string>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    calls
      .run('read', { signal: this.controller.signal }, () => work)
      .then(
        (value) => this.#ended(value),
        (error) => this.#ended(error),
      );
  }

  answer(): void {
    this.#resolve('answered');
  }

  fail(error: L2UnavailableError): void {
    this.#reject(error);
  }

  #ended(outcome: unknown): void {
    this.outcome = outcome;
    this.times += 1;
  }
}

/** One call, by its place in the order in which they began, or several at once in one turn. */
type Step =
  | { readonly what: 'begin' }
  | { readonly what: 'failAll' }
  | { readonly what: 'answer' | 'fail' | 'abort'; readonly of: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.constant<Step>({ what: 'begin' }) },
  {
    weight: 5,
    arbitrary: fc.record({ what: fc.constantFrom('answer', 'fail', 'abort'), of: fc.nat(9) }) as fc.Arbitrary<Step>,
  },
  { weight: 1, arbitrary: fc.constant<Step>({ what: 'failAll' }) },
);

const turn = () => new Promise<void>((resolve) => process.nextTick(resolve));

test('whatever ends in whatever order, each call ends once, by what came first; what is under way fails with the connection', async () => {
  await fc.assert(
    // Steps of one turn happen before anyone hears of any of them.
    fc.asyncProperty(fc.array(fc.array(step, { maxLength: 6 }), { maxLength: 8 }), async (turns) => {
      const calls = new Calls(60_000);
      const driven: Driven[] = [];
      const expected: unknown[] = [];
      const lost = (n: number) => new L2UnavailableError(NAME, `lost ${n}`);
      for (const [n, steps] of turns.entries()) {
        // An abort and a lost connection end a call at once; what its work says is heard at the end of the turn.
        const heard: (() => void)[] = [];
        for (const step of steps) {
          if (step.what === 'begin') {
            driven.push(new Driven(calls));
            expected.push(undefined);
          } else if (step.what === 'failAll') {
            const error = lost(n);
            calls.failAll(error);
            for (const index of driven.keys()) expected[index] ??= error;
          } else {
            const call = driven[step.of];
            if (call === undefined) continue;
            const error = lost(n);
            if (step.what === 'abort') {
              expected[step.of] ??= error;
              call.controller.abort(error);
            } else {
              if (step.what === 'answer') call.answer();
              else call.fail(error);
              heard.push(() => {
                expected[step.of] ??= step.what === 'answer' ? 'answered' : error;
              });
            }
          }
        }
        for (const hear of heard) hear();
        await turn();
        expect(driven.map(({ outcome }) => outcome)).toEqual(expected);
      }
      const error = lost(-1);
      calls.failAll(error);
      await turn();
      expect(driven.map(({ outcome }) => outcome)).toEqual(expected.map((outcome) => outcome ?? error));
      expect(driven.map(({ times }) => times)).toEqual(driven.map(() => 1));
    }),
    { numRuns: 200 },
  );
});
