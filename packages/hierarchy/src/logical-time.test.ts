import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LogicalTime } from './logical-time.js';

const NO_MARKS = { dead: 0, stale: 0 };
const joined = (floor: number, maxTags?: number) => {
  const time = new LogicalTime(maxTags === undefined ? { local: false } : { local: false, maxTags });
  time.learned([], { generation: floor, namespace: NO_MARKS, tags: [] });
  time.relyFrom(floor);
  return time;
};

describe('a verdict', () => {
  test('a value from before a mark is dead or stale by its mode, one from its generation or later is alive', () => {
    const time = joined(10);
    time.invalidated(['x'], 'dead', 12);
    time.invalidated(['y'], 'stale', 14);
    expect(time.judge(11, ['x'])).toBe('dead');
    expect(time.judge(12, ['x'])).toBe('alive');
    expect(time.judge(13, ['y'])).toBe('stale');
    expect(time.judge(11, ['y', 'x'])).toBe('dead');
    expect(time.judge(14, ['x', 'y'])).toBe('alive');
  });

  test('the namespace’s own marks count for every value', () => {
    const time = joined(10);
    time.invalidated(null, 'stale', 12);
    expect(time.judge(11, [])).toBe('stale');
    time.invalidated(null, 'dead', 13);
    expect(time.judge(12, [])).toBe('dead');
    expect(time.judge(13, [])).toBe('alive');
  });

  test('without a feed to rely on, a tag is unknown until its mark was asked for', () => {
    const time = new LogicalTime({ local: false });
    expect(time.relied).toBe(false);
    expect(time.judge(1_000_000, ['x'])).toBe('unknown');
    time.learned(['x'], { generation: 20, namespace: NO_MARKS, tags: [{ dead: 5, stale: 5 }] });
    expect(time.judge(5, ['x'])).toBe('alive');
    expect(time.judge(4, ['x'])).toBe('dead');
  });

  test('from the floor on, a tag that this node never met is known to have no later mark', () => {
    const time = joined(10);
    expect(time.judge(10, ['x'])).toBe('alive');
    expect(time.judge(9, ['x'])).toBe('unknown');
  });

  test('a mark that L2 does not have counts as one at its counter', () => {
    const time = joined(10);
    time.learned(['x'], { generation: 12, namespace: NO_MARKS, tags: [undefined] });
    expect(time.judge(11, ['x'])).toBe('dead');
    expect(time.judge(12, ['x'])).toBe('alive');
  });
});

describe('the bound on tags', () => {
  test('a mark that is dropped raises the floor: nothing is taken for alive that it had killed', () => {
    const time = joined(10, 2);
    time.invalidated(['x'], 'dead', 12);
    time.invalidated(['y'], 'dead', 13);
    time.invalidated(['z'], 'dead', 14);
    expect(time.judge(11, ['x'])).toBe('unknown');
    expect(time.judge(12, ['x'])).toBe('alive');
    expect(time.judge(12, ['y'])).toBe('dead');
  });

  test('the mark that changed last stays longest', () => {
    const time = joined(10, 2);
    time.invalidated(['x'], 'dead', 12);
    time.invalidated(['y'], 'dead', 13);
    time.invalidated(['x'], 'dead', 14);
    time.invalidated(['z'], 'dead', 15);
    expect(time.judge(11, ['x'])).toBe('dead');
    expect(time.judge(11, ['y'])).toBe('unknown');
  });
});

describe('relying on the feed again', () => {
  test('marks met before are not believed any more, as later ones of the same tag may have been missed', () => {
    const time = joined(10);
    time.invalidated(['x'], 'dead', 12);
    time.distrust();
    time.relyFrom(20);
    expect(time.judge(15, ['x'])).toBe('unknown');
    expect(time.judge(20, ['x'])).toBe('alive');
  });

  test('news that came while the floor was being asked for is not lost', () => {
    const time = joined(10);
    time.distrust();
    time.invalidated(['x'], 'dead', 21);
    time.relyFrom(20);
    expect(time.judge(20, ['x'])).toBe('dead');
  });

  test('a mark of which one mode may have been missed counts at the floor in that mode', () => {
    const time = joined(10);
    time.distrust();
    time.invalidated(['x'], 'stale', 21);
    time.relyFrom(20);
    expect(time.judge(19, ['x'])).toBe('dead');
    expect(time.judge(20, ['x'])).toBe('stale');
  });
});

test('an answer from before the floor takes nothing back that the floor stands for', () => {
  const time = joined(10);
  time.distrust();
  time.relyFrom(20);
  time.learned(['x'], { generation: 12, namespace: NO_MARKS, tags: [{ dead: 5, stale: 5 }] });
  expect(time.judge(15, ['x'])).toBe('dead');
  expect(time.judge(20, ['x'])).toBe('alive');
});

test('a mark that left the map while nothing could be relied on is not forgotten by the next floor', () => {
  const time = joined(10, 1);
  time.distrust();
  time.invalidated(['x'], 'dead', 30);
  time.invalidated(['y'], 'dead', 31);
  time.relyFrom(20);
  expect(time.judge(25, ['x'])).toBe('unknown');
});

describe('the generation', () => {
  test('is the highest met, by news or answers, in any order', () => {
    const time = joined(10);
    time.invalidated(['x'], 'dead', 15);
    time.invalidated(['y'], 'dead', 12);
    expect(time.generation).toBe(15);
    time.learned([], { generation: 14, namespace: NO_MARKS, tags: [] });
    expect(time.generation).toBe(15);
  });

  test('an answer that news has overtaken takes nothing back', () => {
    const time = joined(10);
    time.invalidated(['x'], 'stale', 19);
    time.learned(['x'], { generation: 17, namespace: NO_MARKS, tags: [{ dead: 17, stale: 13 }] });
    expect(time.judge(16, ['x'])).toBe('dead');
    expect(time.judge(18, ['x'])).toBe('stale');
  });

  test('is not raised by a doubt, which kills all the same', () => {
    const time = joined(10);
    time.doubt(['x'], 'dead', 10);
    expect(time.generation).toBe(10);
    expect(time.judge(10, ['x'])).toBe('dead');
    time.invalidated(['x'], 'dead', 11);
    expect(time.judge(11, ['x'])).toBe('alive');
  });

  test('`change` moves whenever a verdict can', () => {
    const time = joined(10);
    const moved = (act: () => void) => {
      const before = time.change;
      act();
      return time.change !== before;
    };
    expect(moved(() => time.invalidated(['x'], 'dead', 11))).toBe(true);
    expect(moved(() => time.invalidated(['x'], 'dead', 11))).toBe(false);
    expect(moved(() => time.invalidated(null, 'stale', 12))).toBe(true);
    expect(moved(() => time.learned([], { generation: 12, namespace: { dead: 5, stale: 12 }, tags: [] }))).toBe(true);
    expect(moved(() => time.learned([], { generation: 13, namespace: { dead: 5, stale: 12 }, tags: [] }))).toBe(false);
    expect(moved(() => time.distrust())).toBe(true);
    expect(moved(() => time.relyFrom(12))).toBe(true);
  });
});

/** A model that forgets nothing: what a verdict may be at the most, with marks in whatever order and however bounded. */
test('never alive (or stale) where the full history says dead', () => {
  const tag = fc.constantFrom('a', 'b', 'c', 'd', 'e');
  const step = fc.oneof(
    fc.record({ kind: fc.constant('news' as const), tag, mode: fc.constantFrom('dead' as const, 'stale' as const) }),
    fc.record({ kind: fc.constant('clear' as const), mode: fc.constantFrom('dead' as const, 'stale' as const) }),
    fc.record({ kind: fc.constant('missed' as const), tag }),
    fc.record({ kind: fc.constant('ask' as const), tag }),
    fc.record({ kind: fc.constant('rely' as const) }),
    fc.record({ kind: fc.constant('twice' as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 1, max: 4 }), (steps, maxTags) => {
      const time = new LogicalTime({ local: false, maxTags });
      const truth = new Map<string, { dead: number; stale: number }>();
      const own = { dead: 0, stale: 0 };
      let counter = 1;
      let deaf = true;
      let last: (() => void) | undefined;
      const markOf = (name: string) => truth.get(name) ?? { dead: 0, stale: 0 };
      const hear = (news: () => void) => {
        last = news;
        news();
      };
      for (const each of steps) {
        if (each.kind === 'news') {
          counter += 1;
          const generation = counter;
          truth.set(each.tag, { ...markOf(each.tag), [each.mode]: generation });
          hear(() => time.invalidated([each.tag], each.mode, generation));
        } else if (each.kind === 'clear') {
          counter += 1;
          const generation = counter;
          own[each.mode] = generation;
          hear(() => time.invalidated(null, each.mode, generation));
        } else if (each.kind === 'missed') {
          counter += 1;
          truth.set(each.tag, { ...markOf(each.tag), dead: counter });
          time.distrust();
          deaf = true;
        } else if (each.kind === 'ask') {
          time.learned([each.tag], { generation: counter, namespace: own, tags: [markOf(each.tag)] });
        } else if (each.kind === 'rely') {
          time.learned([], { generation: counter, namespace: own, tags: [] });
          time.relyFrom(counter);
          deaf = false;
        } else {
          last?.();
        }
        // Deaf, an old answer proves nothing: a reader asks again (see promote.ts).
        if (deaf) continue;
        for (let generation = 1; generation <= counter; generation += 1) {
          for (const name of ['a', 'b', 'c', 'd', 'e']) {
            const verdict = time.judge(generation, [name]);
            const dead = generation < markOf(name).dead || generation < own.dead;
            const stale = generation < markOf(name).stale || generation < own.stale;
            if (verdict === 'alive') expect({ dead, stale }).toEqual({ dead: false, stale: false });
            if (verdict === 'stale') expect(dead).toBe(false);
          }
        }
      }
    }),
    { numRuns: 500 },
  );
});
