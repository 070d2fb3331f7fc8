import { L2InvalidError, L2TimeoutError, L2UnavailableError } from '@tierwise/l2';
import { describe, expect, test } from 'vitest';
import { ManualClock, settle } from '../test/manual-clock.js';
import { Breaker, type BreakerState } from './breaker.js';
import { L2Line, L2SkippedError } from './l2-line.js';
import { Tracing } from './tracing.js';

function line(options: { failures?: number; maxInFlight?: number } = {}) {
  const clock = new ManualClock();
  const states: BreakerState[] = [];
  const breaker = new Breaker({ failures: options.failures ?? 3, onChange: (state) => states.push(state) });
  const maxInFlight = options.maxInFlight ?? 1000;
  const tracing = new Tracing(undefined);
  return {
    clock,
    states,
    breaker,
    line: new L2Line({ name: 'test', clock, breaker, tracing, limitMs: 100, maxInFlight }),
  };
}

const ok = async () => 'ok';
const down = () => Promise.reject(new L2UnavailableError('test', 'down'));
const invalid = () => Promise.reject(new L2InvalidError('test', 'no such thing'));
const never = () => new Promise<never>(() => {});

async function send(to: L2Line, ...runs: (() => Promise<unknown>)[]): Promise<void> {
  for (const run of runs) await to.send('read', run).catch(() => {});
}

describe('the breaker (39)', () => {
  test('opens on so many errors in a row, and sends nothing from then on', async () => {
    const { line: to, breaker, states } = line();
    await send(to, down, down, ok, down, down);
    expect(breaker.state).toBe('closed');
    await send(to, down);
    expect(states).toEqual(['open']);
    let sent = false;
    const refused = to.send('read', async () => {
      sent = true;
    });
    await expect(refused).rejects.toMatchObject({ code: 'ERR_TIERWISE_L2_UNAVAILABLE', reason: 'breaker-open' });
    expect([sent, to.skipped]).toEqual([false, 1]);
  });

  test('opens on time-outs', async () => {
    const { line: to, breaker, clock } = line();
    const calls = [1, 2, 3].map(() => to.send('read', never));
    const settled = Promise.allSettled(calls);
    await clock.advance(100);
    for (const call of await settled) expect(call).toMatchObject({ reason: expect.any(L2TimeoutError) });
    expect(breaker.state).toBe('open');
  });

  test('opens when every other call times out, though none fails twice in a row', async () => {
    const { line: to, breaker, clock } = line();
    for (let call = 0; call < 9; call += 1) {
      const late = send(to, never);
      await clock.advance(100);
      await late;
      await send(to, ok);
      expect(breaker.state).toBe('closed');
    }
    const last = send(to, never);
    await clock.advance(100);
    await last;
    expect(breaker.state).toBe('open');
  });

  test('does not mind what is asked wrongly, or what was sent before it opened', async () => {
    const { line: to, breaker } = line();
    await send(to, invalid, invalid, invalid, invalid);
    expect(breaker.state).toBe('closed');
    const slow = deferred<string>();
    const before = to.send('read', () => slow.promise);
    await send(to, down, down, down);
    slow.resolve('late');
    expect(await before).toBe('late');
    expect(breaker.state).toBe('open');
  });

  test('half-open, only what goes first is sent; it opens again, or closes', async () => {
    const { line: to, breaker, states } = line();
    await send(to, down, down, down);
    breaker.tryOut();
    await expect(to.send('read', ok)).rejects.toBeInstanceOf(L2SkippedError);
    expect(await to.send('health', ok, { first: true })).toBe('ok');
    breaker.reopen();
    breaker.tryOut();
    breaker.close();
    expect(await to.send('read', ok)).toBe('ok');
    await send(to, down, down);
    expect(states).toEqual(['open', 'half-open', 'open', 'half-open', 'closed']);
  });

  test('none: never opens', async () => {
    const { line: to, breaker } = line({ failures: Number.POSITIVE_INFINITY });
    await send(to, ...Array(50).fill(down));
    expect(breaker.state).toBe('closed');
  });
});

describe('the bulkhead', () => {
  test('refuses at once what is more than the bound, given-up commands included', async () => {
    const { line: to, clock } = line({ maxInFlight: 2 });
    const slow = deferred<string>();
    const givenUp = to.send('read', () => slow.promise).catch(() => 'given up');
    await clock.advance(100);
    expect(await givenUp).toBe('given up');
    const second = to.send('read', () => slow.promise);
    expect(to.inFlight).toBe(2);
    await expect(to.send('read', ok)).rejects.toMatchObject({ reason: 'too-many-in-flight' });
    slow.resolve('at last');
    expect(await second).toBe('at last');
    await settle();
    expect(to.inFlight).toBe(0);
    expect(await to.send('read', ok)).toBe('ok');
  });

  test('a backend that throws instead of rejecting counts like one that rejects', async () => {
    const { line: to } = line();
    const throwing = () => {
      throw new Error('at once');
    };
    await expect(to.send('read', throwing)).rejects.toThrow('at once');
    expect(to.inFlight).toBe(0);
  });
});

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
