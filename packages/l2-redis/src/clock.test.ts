import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RedisClock } from './clock.js';

/** A node's clock and Redis', both driven by hand. */
class World {
  local = 1_000;
  redis = 1_763_661_000_000;
  readonly clock = new RedisClock(() => this.local);

  pass(ms: number, redisMs = ms): void {
    this.local += ms;
    this.redis += redisMs;
  }

  /** A request that takes `there` ms to Redis and `back` ms from it. */
  ask(there: number, back: number): void {
    const sentAt = this.clock.local();
    this.pass(there);
    const micros = Math.floor(this.redis * 1_000);
    this.pass(back);
    this.clock.learn(micros, sentAt);
  }

  /** By how much the node thinks it later in Redis than it is. */
  get error(): number {
    return this.clock.now() - this.redis;
  }
}

test('the node never thinks it earlier in Redis than it is, and later by the way there at most', () => {
  const way = fc.double({ min: 0, max: 50, noNaN: true });
  fc.assert(
    fc.property(fc.array(fc.tuple(way, way, fc.nat(20_000)), { minLength: 1, maxLength: 20 }), (steps) => {
      const world = new World();
      let best = Number.POSITIVE_INFINITY;
      for (const [there, back, pause] of steps) {
        world.ask(there, back);
        best = Math.min(best, there);
        // TIME is cut to whole microseconds, and doubles of this size are exact to a quarter of one.
        expect(world.error).toBeGreaterThan(-0.01);
        world.pass(pause);
        expect(world.error).toBeGreaterThan(-0.01);
      }
      world.ask(best, 0);
      // The bound has been widened since its request was sent, by a thousandth of that time.
      expect(world.error).toBeLessThanOrEqual(best * 1.001 + 0.01);
    }),
  );
});

test('nor does it ever think it later in Redis than it is where that counts, and earlier by the way back at most', () => {
  const way = fc.double({ min: 0, max: 50, noNaN: true });
  fc.assert(
    fc.property(fc.array(fc.tuple(way, way, fc.nat(20_000)), { minLength: 1, maxLength: 20 }), (steps) => {
      const world = new World();
      let best = Number.POSITIVE_INFINITY;
      for (const [there, back, pause] of steps) {
        world.ask(there, back);
        best = Math.min(best, back);
        expect(world.clock.earliest() - world.redis).toBeLessThan(0.01);
        world.pass(pause);
        expect(world.clock.earliest() - world.redis).toBeLessThan(0.01);
      }
      world.ask(0, best);
      expect(world.redis - world.clock.earliest()).toBeLessThanOrEqual(best * 1.001 + 0.01);
    }),
  );
});

test('a slow answer does not spoil what a quick one told', () => {
  const world = new World();
  world.ask(1, 1);
  world.ask(400, 1);
  expect(world.error).toBeLessThan(2);
});

test('clocks that run apart by 500 ppm never make it too early, nor too late where that counts', () => {
  const world = new World();
  world.ask(1, 1);
  for (let i = 0; i < 60; i += 1) {
    world.pass(1_000, 1_000.5);
    expect(world.error).toBeGreaterThanOrEqual(0);
  }
  for (let i = 0; i < 60; i += 1) {
    world.pass(1_000, 999);
    if (i === 0) world.ask(0, 0);
    expect(world.clock.earliest()).toBeLessThanOrEqual(world.redis + 0.001);
  }
});

test('a clock of Redis that steps forth or back is followed with the next answer', () => {
  const world = new World();
  world.ask(1, 1);
  world.redis += 900_000;
  world.ask(1, 1);
  expect(world.error).toBeCloseTo(1, 1);
  expect(world.clock.earliest() - world.redis).toBeCloseTo(-1, 1);
  world.redis -= 1_800_000;
  world.ask(1, 1);
  expect(world.error).toBeCloseTo(1, 1);
  expect(world.clock.earliest() - world.redis).toBeCloseTo(-1, 1);
});

test('a sample is stale after 30 s, before the first, and after a reconnect', () => {
  const world = new World();
  expect(world.clock.isStale).toBe(true);
  expect(() => world.clock.now()).toThrow('not known');
  world.ask(1, 1);
  world.pass(29_000);
  expect(world.clock.isStale).toBe(false);
  world.pass(2_000);
  expect(world.clock.isStale).toBe(true);
  world.ask(1, 1);
  world.clock.forget();
  expect(world.clock.isStale).toBe(true);
});

test('after 30 s a slower answer does as well, so that not every call asks anew', () => {
  const world = new World();
  world.ask(0.1, 0.1);
  world.pass(31_000);
  world.ask(45, 1);
  expect(world.clock.isStale).toBe(false);
  expect(world.error).toBeGreaterThanOrEqual(0);
});
