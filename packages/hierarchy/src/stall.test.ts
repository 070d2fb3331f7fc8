import { describe, expect, it } from 'vitest';
import { ManualClock } from '../test/manual-clock.js';
import { cluster } from '../test/nodes.js';

/** The clock of a process that can stand still: time passes, and no timer runs. */
class StandingClock extends ManualClock {
  #stoodStillMs = 0;

  override now(): number {
    return super.now() + this.#stoodStillMs;
  }

  standStill(ms: number): void {
    this.#stoodStillMs += ms;
  }
}

/** N2 holds `k` with its old value and stands still; N1 deletes `k`; the news lies unread in N2's feed. */
async function n2StandsStill(ms: number) {
  const { node } = cluster();
  const clock = new StandingClock();
  const n1 = await node();
  const n2 = await node({ clock, maxStaleness: '10s' });
  await n2.cache.getOrSet('k', () => 'old', { tags: ['t'] });
  n2.l2.holdNews();
  await n1.cache.delete('k');
  clock.standStill(ms);
  return { n2, clock };
}

describe('a process that stood still for longer than maxStaleness (law 8)', () => {
  it('N2 stands still, N1 deletes, N2 looks into L1 before its feed is read: N2 does not find the old value', async () => {
    const { n2 } = await n2StandsStill(10_000);
    expect(n2.cache.peek('k')).toBeUndefined();
    expect(await n2.cache.getOrSet('k', () => 'new')).toBe('new');
    n2.l2.releaseNews();
    expect(n2.cache.stats().loads).toMatchObject({ started: 2 });
  });

  it('N2 stands still, N1 deletes, the tick that was due runs first, then N2 looks: it does not find the old value', async () => {
    const { n2, clock } = await n2StandsStill(60_000);
    await clock.advance(5_000);
    expect(n2.cache.peek('k')).toBeUndefined();
  });

  it('a look into L2 under way while N2 stands still does not fill L1 after', async () => {
    const { node } = cluster();
    const clock = new StandingClock();
    const n1 = await node();
    const n2 = await node({ clock, maxStaleness: '10s' });
    await n1.cache.set('k', 'old');
    await n2.cache.set('other', 1);
    const held = n2.l2.hold('read', 'back');
    const reading = n2.cache.get('k');
    await held.arrived;
    n2.l2.holdNews();
    await n1.cache.delete('k');
    clock.standStill(10_000);
    n2.cache.peek('other');
    held.release();
    await reading;
    expect(n2.cache.peek('k')).toBeUndefined();
  });

  it('a shorter stand-still is within what is promised, and costs nothing', async () => {
    const { n2 } = await n2StandsStill(9_999);
    expect(n2.cache.peek('k')).toBe('old');
  });

  it('a node that is only idle keeps what it holds, without asking L2', async () => {
    const { node, clock } = cluster();
    const { cache, l2 } = await node({ maxStaleness: '10s' });
    await cache.set('k', 'v');
    for (let minute = 0; minute < 9; minute += 1) await clock.advance(60_000);
    expect(await cache.get('k')).toBe('v');
    expect(l2.count('read')).toBe(0);
  });

  it('it ticks only while there is a feed to rely on, and something in L1', async () => {
    const { node, clock } = cluster();
    const { cache, l2 } = await node();
    expect(clock.timers).toBe(0);
    await cache.set('k', 'v');
    const ticking = clock.timers;
    l2.tellState('deaf');
    expect(clock.timers).toBe(ticking - 1);
    l2.tellState('alive');
    await cache.set('k', 'v');
    expect(clock.timers).toBe(ticking);
    await cache.clear();
    await clock.advance(60_000);
    expect(clock.timers).toBe(0);
  });
});
