import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { ManualClock } from '../test/manual-clock.js';
import { lonely } from '../test/nodes.js';
import { heapPressure, Pressure, type PressureState } from './pressure.js';

const FULL = { maxEntries: 1000, maxBytes: 100_000 };

function make(options: { shrinks?: boolean; interval?: number } = {}) {
  const clock = new ManualClock();
  const memory = { used: 0, limit: 1_000_000, looks: 0 };
  const l1 = { size: 1000, bytes: 100_000, bounds: { ...FULL } };
  const told: string[] = [];
  const states: PressureState[] = [];
  const pressure: Pressure = new Pressure(
    {
      clock,
      ...FULL,
      high: 0.85,
      low: 0.7,
      floor: 1 / 16,
      intervalMs: options.interval ?? 1000,
      measure: () => {
        memory.looks += 1;
        return memory;
      },
      onPressure: (state) => {
        told.push('short');
        states.push(state);
        if (options.shrinks !== false) pressure.shrink();
      },
      onRelief: (state) => {
        told.push('relief');
        states.push(state);
      },
    },
    () => ({
      size: l1.size,
      bytes: l1.bytes,
      resize: (bounds) => {
        l1.bounds = bounds;
        l1.size = Math.min(l1.size, bounds.maxEntries);
        l1.bytes = Math.min(l1.bytes, bounds.maxBytes);
      },
    }),
  );
  return { clock, memory, l1, told, states, pressure };
}

describe('other bounds', () => {
  test('while there is room, they hold at once', () => {
    const { l1, pressure } = make();
    pressure.rebound(2000, 50_000);
    expect(l1.bounds).toEqual({ maxEntries: 2000, maxBytes: 50_000 });
  });

  test('what was shrunk stays so where they are larger, and comes within them where they are smaller', () => {
    const { l1, memory, pressure } = make();
    memory.used = 900_000;
    pressure.filled(1);
    expect(l1.bounds).toEqual({ maxEntries: 750, maxBytes: 75_000 });
    pressure.rebound(2000, 200_000);
    expect(l1.bounds).toEqual({ maxEntries: 750, maxBytes: 75_000 });
    pressure.rebound(500, 100_000);
    expect(l1.bounds).toEqual({ maxEntries: 500, maxBytes: 75_000 });
    pressure.close();
  });
});

describe('memory pressure', () => {
  test('is looked at when L1 is filled, once an interval, and never by a timer while there is none', async () => {
    const { clock, memory, pressure } = make();
    for (let fill = 0; fill < 100; fill += 1) pressure.filled(1);
    expect(memory.looks).toBe(1);
    await clock.advance(10_000);
    expect([memory.looks, clock.timers]).toEqual([1, 0]);
    pressure.filled(1);
    expect(memory.looks).toBe(2);
  });

  test('is looked at sooner when much is filled within the interval', () => {
    const { memory, pressure } = make();
    for (let fill = 0; fill < 100; fill += 1) pressure.filled(1000);
    // 64 looks for as many bytes as there may be: about 6 for a tenth of that.
    expect(memory.looks).toBeGreaterThan(3);
    expect(memory.looks).toBeLessThan(10);
  });

  test('a measure that throws fails no fill, and is warned of once', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    onTestFinished(() => warn.mockRestore());
    const broken = () => {
      throw new Error('out of order');
    };
    const { cache, clock } = lonely({ incidents: { memory: { measure: broken } } });
    for (let n = 0; n < 3; n += 1) {
      await cache.set('k', n);
      await clock.advance(1_000);
    }
    expect(cache.peek('k')).toBe(2);
    expect(warn.mock.calls.map(([text]) => String(text))).toEqual([expect.stringContaining('out of order')]);
  });

  test('an L1 that holds next to nothing is not to blame: it keeps bounds with which it is of use', async () => {
    const { clock, memory, l1, pressure } = make();
    l1.size = 1;
    l1.bytes = 40;
    memory.used = 900_000;
    pressure.filled(40);
    await clock.advance(60_000);
    // Between the thresholds nothing changes: it may stay so for good.
    memory.used = 800_000;
    await clock.advance(60_000);
    expect(l1.bounds).toEqual({ maxEntries: 62, maxBytes: 6250 });
    pressure.close();
  });

  test('L1 shrinks step by step, down to its floor and no further', async () => {
    const { clock, memory, l1, pressure } = make();
    memory.used = 900_000;
    pressure.filled(1);
    expect(l1.bounds).toEqual({ maxEntries: 750, maxBytes: 75_000 });
    await clock.advance(1000);
    expect(l1.bounds).toEqual({ maxEntries: 562, maxBytes: 56_250 });
    await clock.advance(60_000);
    expect(l1.bounds).toEqual({ maxEntries: 62, maxBytes: 6250 });
    pressure.close();
  });

  test('between the thresholds nothing changes; below them it grows back step by step, and then it is over', async () => {
    const { clock, memory, l1, told, states, pressure } = make();
    memory.used = 900_000;
    pressure.filled(1);
    memory.used = 800_000;
    await clock.advance(10_000);
    expect(l1.bounds.maxEntries).toBe(750);
    memory.used = 600_000;
    await clock.advance(1000);
    expect(l1.bounds).toEqual({ maxEntries: 938, maxBytes: 93_750 });
    await clock.advance(2000);
    expect(l1.bounds).toEqual(FULL);
    expect(told).toEqual(['short', 'relief']);
    expect(states[1]).toMatchObject({ share: 0.6, ...FULL });
    expect(clock.timers).toBe(0);
  });

  test('growing back too far doubles the wait for the next step', async () => {
    const { clock, memory, l1, pressure } = make();
    // Memory that is short exactly while L1 may hold more than 800.
    const react = () => {
      memory.used = l1.bounds.maxEntries > 800 ? 900_000 : 600_000;
      l1.size = l1.bounds.maxEntries;
      l1.bytes = l1.bounds.maxBytes;
    };
    const resizes: number[] = [];
    let last = 0;
    react();
    pressure.filled(1);
    for (let second = 0; second < 200; second += 1) {
      react();
      await clock.advance(1000);
      if (l1.bounds.maxEntries !== last) resizes.push(second);
      last = l1.bounds.maxEntries;
    }
    const early = resizes.filter((second) => second < 50).length;
    const late = resizes.filter((second) => second >= 150).length;
    expect(early).toBeGreaterThan(2 * late);
    pressure.close();
  });

  test('where nobody shrinks L1, it is over as soon as memory is', async () => {
    const { clock, memory, l1, told, pressure } = make({ shrinks: false });
    memory.used = 900_000;
    pressure.filled(1);
    memory.used = 100_000;
    await clock.advance(1000);
    expect([told, l1.bounds, clock.timers]).toEqual([['short', 'relief'], FULL, 0]);
  });

  test('the figures are those of this process', () => {
    const { used, limit } = heapPressure();
    expect(used).toBeGreaterThan(1_000_000);
    expect(limit).toBeGreaterThan(used);
  });
});

/** Fills L1, which may hold far more than the heap, with objects. @returns how the process ended, and what it said. */
function fill(responses: boolean): Promise<{ code: number | null; said: string }> {
  const script = `
    import { createHierarchy } from '@tierwise/hierarchy';
    const cache = createHierarchy({ namespace: 'n', ttl: '1h', l1: { maxEntries: 1_000_000, maxBytes: '1gb' },
      incidents: { enabled: ${responses} } });
    const seen = new Set();
    cache.on('incident', ({ phase, incident }) => seen.add(phase + ' ' + incident.kind));
    for (let key = 0; key < 3_000; key += 1) {
      await cache.set('key ' + key, Array.from({ length: 300 }, (_, index) => ({ index, name: 'object ' + key + ' ' + index })));
      await cache.get('key ' + key); // decoded, and so on V8's heap
      if (key % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const { memory } = cache.stats();
    console.log(JSON.stringify({ seen: [...seen], entries: memory.entries, open: cache.incidents().open.length }));
    await cache.close();`;
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const args = ['--max-old-space-size=48', '--no-warnings', '--input-type=module', '--eval', script];
  return new Promise((resolve) => {
    const child = execFile(process.execPath, args, { cwd, timeout: 30_000 }, (_, stdout) => {
      resolve({ code: child.exitCode, said: stdout });
    });
  });
}

describe('a process whose L1 may hold more than its heap', () => {
  test('survives, since L1 gives way', { timeout: 40_000 }, async () => {
    const { code, said } = await fill(true);
    expect(code).toBe(0);
    const { seen, entries } = JSON.parse(said);
    expect(seen).toContain('begin memory-pressure');
    expect(entries).toBeGreaterThan(0);
    expect(entries).toBeLessThan(3_000);
  });

  test('dies where responses are off', { timeout: 40_000 }, async () => {
    expect((await fill(false)).code).not.toBe(0);
  });
});
