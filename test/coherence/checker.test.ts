import { describe, expect, test } from 'vitest';
import { isTold, judge, type Limits } from './checker.js';
import type { Attempt, Disturbance, History, Life, Operation, Read } from './history.js';

const LIMITS: Limits = { grace: 100, silence: 1_000, maxStaleness: 5_000, flight: 300 };
const ALIVE: Life = { name: 'n1#1', node: 'n1', startedAt: 0, feed: [{ at: 1, state: 'alive' }] };
const OTHER: Life = { name: 'n2#1', node: 'n2', startedAt: 0, feed: [{ at: 1, state: 'alive' }] };

/** Version 2 of `k` by an operation of node 1 that began at 1,000 and was acknowledged at 1,010. */
const OUTDATED = operation('k', 2, [attempt('n1#1', 1_000, 1_010)]);

function attempt(life: string, begin: number, end: number, outcome: Attempt['outcome'] = 'acknowledged'): Attempt {
  return { name: `set ${begin}`, life, begin, end, outcome };
}

function operation(key: string, version: number, attempts: readonly Attempt[]): Operation {
  return { id: version, kind: 'delete', versions: new Map([[key, version]]), attempts };
}

function read(life: string, begin: number, version: number, more: Partial<Read> = {}): Read {
  const value = { key: 'k', version, from: 'load 1' };
  return { life, call: 'get', key: 'k', begin, end: begin + 1, value, ...more };
}

/** Which rules a history breaks. Without other words: both nodes alive, `OUTDATED`, nothing disturbed. */
function broken(reads: readonly Read[], history: Partial<History> = {}): string[] {
  const complete = { lives: [ALIVE, OTHER], operations: [OUTDATED], disturbances: [], ...history, reads };
  return judge(complete, LIMITS).violations.map(({ rule }) => rule);
}

function lives(...feed: Life['feed']): Pick<History, 'lives'> {
  return { lives: [ALIVE, { ...OTHER, feed }] };
}

function disturbed(node: string | undefined, from: number, to: number): { disturbances: Disturbance[] } {
  return { disturbances: [{ kind: 'silence', node, from, to }] };
}

describe('on the node that invalidated', () => {
  test('a read that began before the acknowledgement may return the old value', () => {
    expect(broken([read('n1#1', 1_009, 1, { end: 5_000 }), read('n1#1', 1_010, 1)])).toEqual([]);
  });

  test('a read that began after it may not, whatever disturbs the node', () => {
    const feed = [{ at: 1, state: 'deaf' }] as const;
    const everything = { ...disturbed(undefined, 0, 9_999), lives: [{ ...ALIVE, feed }, OTHER] };
    expect(broken([read('n1#1', 1_011, 1)], everything)).toEqual(['own invalidation']);
  });

  test('the new value, a newer one and none at all are fine', () => {
    expect(
      broken([read('n1#1', 1_011, 2), read('n1#1', 1_011, 3), { ...read('n1#1', 1_011, 1), value: undefined }]),
    ).toEqual([]);
  });

  test('an attempt that was rejected or lost forbids nothing until it is repeated', () => {
    for (const outcome of ['rejected', 'lost'] as const) {
      const failed = attempt('n1#1', 1_000, 1_010, outcome);
      expect(broken([read('n1#1', 2_000, 1)], { operations: [operation('k', 2, [failed])] })).toEqual([]);
      const repeated = operation('k', 2, [failed, attempt('n1#1', 2_000, 2_010)]);
      expect(broken([read('n1#1', 2_005, 1)], { operations: [repeated] })).toEqual([]);
      expect(broken([read('n1#1', 2_011, 1)], { operations: [repeated] })).toEqual(['own invalidation']);
    }
  });

  test('a restarted process is not the one that invalidated, but has only seen what came later', () => {
    const restarted = { name: 'n1#2', node: 'n1', startedAt: 1_011, feed: [] };
    expect(broken([read('n1#2', 1_020, 1)], { lives: [ALIVE, OTHER, restarted] })).toEqual(['started afterwards']);
  });

  test('a later operation by another node does not hide it', () => {
    const later = operation('k', 3, [attempt('n2#1', 1_020, 1_030)]);
    expect(broken([read('n1#1', 1_031, 1)], { operations: [OUTDATED, later] })).toEqual(['own invalidation']);
  });
});

describe('on another node', () => {
  test('with a feed that nothing disturbs: until the grace is over', () => {
    expect(broken([read('n2#1', 1_110, 1)])).toEqual([]);
    expect(broken([read('n2#1', 1_111, 1)])).toEqual(['undisturbed']);
  });

  test('that went deaf long before or long after, the same', () => {
    const past = lives({ at: 1, state: 'deaf' }, { at: 900, state: 'alive' });
    expect(broken([read('n2#1', 1_111, 1)], past)).toEqual(['undisturbed']);
    const future = lives({ at: 1, state: 'alive' }, { at: 1_200, state: 'deaf' });
    expect(broken([read('n2#1', 1_300, 1)], future)).toEqual(['undisturbed']);
  });

  test('disturbed at that time: until it must have found out, and maxStaleness from there', () => {
    for (const disturbance of [
      disturbed('n2', 1_110, 1_200),
      disturbed(undefined, 0, 1_010),
      disturbed('n2', 0, 9_999),
    ]) {
      expect(broken([read('n2#1', 7_110, 1)], disturbance)).toEqual([]);
      expect(broken([read('n2#1', 7_111, 1)], disturbance)).toEqual(['disturbed']);
    }
  });

  test('disturbed at another time, or another one disturbed: no excuse', () => {
    for (const disturbance of [disturbed('n1', 0, 9_999), disturbed('n2', 0, 1_009), disturbed('n2', 1_111, 9_999)]) {
      expect(broken([read('n2#1', 1_111, 1)], disturbance)).toEqual(['undisturbed']);
    }
  });

  test('deaf by its own account: maxStaleness', () => {
    const deaf = lives({ at: 1, state: 'alive' }, { at: 900, state: 'deaf' });
    expect(broken([read('n2#1', 6_110, 1)], deaf)).toEqual([]);
    expect(broken([read('n2#1', 6_111, 1)], deaf)).toEqual(['deaf']);
  });

  test('that turned deaf afterwards: maxStaleness from there', () => {
    const deaf = { ...lives({ at: 1, state: 'alive' }, { at: 1_510, state: 'deaf' }), ...disturbed('n2', 900, 9_999) };
    expect(broken([read('n2#1', 6_610, 1)], deaf)).toEqual([]);
    expect(broken([read('n2#1', 6_611, 1)], deaf)).toEqual(['deaf']);
  });

  test('whose feed came back afterwards: not at all from then on', () => {
    const back = lives({ at: 1, state: 'alive' }, { at: 900, state: 'deaf' }, { at: 1_050, state: 'alive' });
    expect(broken([read('n2#1', 1_050, 1)], back)).toEqual([]);
    expect(broken([read('n2#1', 1_051, 1)], back)).toEqual(['feed came back']);
  });

  test('that started afterwards: not at all', () => {
    const young = { lives: [ALIVE, { ...OTHER, startedAt: 1_011 }], ...disturbed('n2', 0, 9_999) };
    expect(broken([read('n2#1', 1_012, 1)], young)).toEqual(['started afterwards']);
  });

  test('what happened in the moment of the acknowledgement has happened', () => {
    expect(broken([read('n2#1', 1_300, 1)], lives({ at: 1, state: 'alive' }, { at: 1_010, state: 'deaf' }))).toEqual(
      [],
    );
    expect(broken([read('n2#1', 1_050, 1)], lives({ at: 1, state: 'deaf' }, { at: 1_010, state: 'alive' }))).toEqual(
      [],
    );
    const young = { lives: [ALIVE, { ...OTHER, startedAt: 1_010 }] };
    expect(broken([read('n2#1', 1_050, 1)], young)).toEqual([]);
  });

  test('that turned deaf before the news had to be there: as if disturbed', () => {
    const soon = lives({ at: 1, state: 'alive' }, { at: 1_110, state: 'deaf' });
    expect(broken([read('n2#1', 6_210, 1)], soon)).toEqual([]);
    expect(broken([read('n2#1', 6_211, 1)], soon)).toEqual(['deaf']);
    const late = lives({ at: 1, state: 'alive' }, { at: 1_111, state: 'deaf' });
    expect(broken([read('n2#1', 1_300, 1)], late)).toEqual(['undisturbed']);
  });

  test('whose feed comes and goes: the first time counts', () => {
    const back = { state: 'alive' } as const;
    const gone = { state: 'deaf' } as const;
    const flapping = lives(
      { at: 900, ...gone },
      { at: 1_050, ...back },
      { at: 1_200, ...gone },
      { at: 3_000, ...back },
    );
    expect(broken([read('n2#1', 1_060, 1)], { ...flapping, ...disturbed('n2', 0, 9_999) })).toEqual(['feed came back']);
    const twice = lives({ at: 1, ...back }, { at: 1_110, ...gone }, { at: 3_000, ...gone });
    expect(broken([read('n2#1', 6_211, 1)], twice)).toEqual(['deaf']);
  });

  test('that never said that its feed is alive: deaf', () => {
    expect(broken([read('n2#1', 6_111, 1)], lives({ at: 7_000, state: 'alive' }))).toEqual(['deaf']);
  });

  test('that says nothing of its feed: by what disturbed it alone', () => {
    expect(broken([read('n2#1', 1_111, 1)], lives())).toEqual(['undisturbed']);
    expect(broken([read('n2#1', 7_110, 1)], { ...lives(), ...disturbed('n2', 0, 9_999) })).toEqual([]);
  });

  test('from L2: no longer than a read can be under way, though deaf or disturbed', () => {
    const deaf = { ...lives({ at: 1, state: 'alive' }, { at: 900, state: 'deaf' }), ...disturbed('n2', 0, 9_999) };
    expect(broken([read('n2#1', 1_310, 1, { tier: 'l2' })], deaf)).toEqual([]);
    expect(broken([read('n2#1', 1_311, 1, { tier: 'l2' })], deaf)).toEqual(['from L2']);
    expect(broken([read('n2#1', 1_311, 1, { tier: 'l1' })], deaf)).toEqual([]);
  });
});

describe('put aside by a node that could not reach L2', () => {
  const deferred = { ...attempt('n1#1', 1_000, 1_010), deferredAt: 1_005 };
  const operations = [operation('k', 2, [deferred])];
  const told = (...recovered: number[]): Partial<History> => ({ operations, lives: [{ ...ALIVE, recovered }, OTHER] });

  test('it binds that node at once', () => {
    expect(broken([read('n1#1', 1_011, 1)], told())).toEqual(['own invalidation']);
  });

  test('it binds other nodes from when it has been made up for', () => {
    expect(broken([read('n2#1', 99_999, 1)], told())).toEqual([]);
    expect(broken([read('n2#1', 99_999, 1)], told(1_004))).toEqual([]);
    expect(broken([read('n2#1', 3_100, 1)], told(3_000, 9_000))).toEqual([]);
    expect(broken([read('n2#1', 3_101, 1)], told(3_000, 9_000))).toEqual(['undisturbed']);
    // Told before the call was over.
    expect(broken([read('n2#1', 1_110, 1)], told(1_006))).toEqual([]);
    expect(broken([read('n2#1', 1_111, 1)], told(1_006))).toEqual(['undisturbed']);
  });

  test('a node that started, or whose feed came back, before it was made up for, may have it; after that it may not', () => {
    const lives = [
      { ...ALIVE, recovered: [3_000] },
      { ...OTHER, startedAt: 2_000 },
    ];
    expect(broken([read('n2#1', 3_050, 1)], { operations, lives })).toEqual([]);
    const young = [
      { ...ALIVE, recovered: [3_000] },
      { ...OTHER, startedAt: 3_001 },
    ];
    expect(broken([read('n2#1', 3_050, 1)], { operations, lives: young })).toEqual(['started afterwards']);
  });

  test('the next process of its node knows it by its journal, and makes up for it', () => {
    const next: Life = { ...ALIVE, name: 'n1#2', startedAt: 2_000, recovered: [3_000] };
    const history = { operations, lives: [ALIVE, next, OTHER] };
    expect(broken([read('n1#2', 2_001, 1)], history)).toEqual(['own journal']);
    expect(broken([read('n2#1', 3_100, 1), read('n2#1', 3_101, 1)], history)).toEqual(['undisturbed']);
    // Another node recovers for itself alone.
    const other = { operations, lives: [ALIVE, { ...OTHER, recovered: [1_500] }] };
    expect(broken([read('n2#1', 9_999, 1)], other)).toEqual([]);
  });

  test('whether others can know is known of each attempt', () => {
    expect(isTold(deferred, [ALIVE, OTHER])).toBe(false);
    expect(isTold(deferred, [{ ...ALIVE, recovered: [1_005] }, OTHER])).toBe(true);
    expect(isTold(attempt('n1#1', 1_000, 1_010), [ALIVE])).toBe(true);
    expect(isTold({ ...deferred, outcome: 'lost' }, [ALIVE])).toBe(true);
  });

  test('stale reads until then count as disturbed', () => {
    const reads = [read('n2#1', 2_000, 1), read('n2#1', 3_050, 1)];
    const { otherNodes } = judge(
      { disturbances: [], reads, operations, ...told(3_000), lives: told(3_000).lives ?? [] },
      LIMITS,
    );
    expect(otherNodes).toMatchObject({ undisturbed: { reads: 1 }, disturbed: { reads: 1 } });
  });

  describe('a set, after another set', () => {
    const first: Operation = { ...operation('k', 1, [attempt('n2#1', 500, 510)]), kind: 'set' };
    const second: Operation = { ...operation('k', 2, [deferred]), kind: 'setMany' };
    const value = { key: 'k', version: 1, from: 'set 500' };
    const conflicts = (begin: number, more: { operations?: Operation[]; life?: string } = {}) => {
      const { lives = [] } = told(3_000);
      const reads = [read(more.life ?? 'n2#1', begin, 1, { value })];
      const judged = judge({ lives, reads, disturbances: [], operations: more.operations ?? [first, second] }, LIMITS);
      return [judged.conflicts, judged.violations.length];
    };

    test('which of the two stays is not said: either, on all nodes', () => {
      expect(conflicts(9_000)).toEqual([1, 0]);
      expect(conflicts(9_000, { life: 'n1#1' })).toEqual([1, 0]);
    });

    test('until it is made up for its node goes by its own', () => {
      expect(conflicts(2_000, { life: 'n1#1' })).toEqual([0, 1]);
    });

    test('a deletion in between, or one that was deferred, holds', () => {
      const between = { ...operation('k', 2, [attempt('n2#1', 600, 610)]), kind: 'delete' };
      expect(conflicts(9_000, { operations: [first, between, second] })).toEqual([1, 1]);
      expect(conflicts(9_000, { operations: [first, { ...second, kind: 'delete' }] })).toEqual([0, 1]);
    });

    test('a set that was not deferred, or one long before the outage, is no excuse', () => {
      const direct = { ...operation('k', 2, [attempt('n1#1', 1_000, 1_010)]), kind: 'set' };
      expect(conflicts(9_000, { operations: [first, direct] })).toEqual([0, 1]);
      const late = { ...attempt('n1#1', 31_000, 31_010), deferredAt: 31_005 };
      const history = { lives: [{ ...ALIVE, recovered: [33_000] }, OTHER], disturbances: [] };
      const reads = [read('n2#1', 40_000, 1, { value })];
      const operations = [first, { ...second, attempts: [late] }];
      expect(judge({ ...history, reads, operations }, LIMITS)).toMatchObject({ conflicts: 0, violations: [{}] });
    });
  });
});

test('a value of another key is wrong, how new it may be', () => {
  const value = { key: 'other', version: 9, from: 'load 1' };
  expect(broken([read('n2#1', 1_011, 1, { value })], disturbed('n2', 0, 9_999))).toEqual(['foreign']);
});

test.each(['rejected', 'lost'] as const)(
  'a value that a %s attempt wrote is counted apart, since such a write may take effect late',
  (outcome) => {
    const failed = attempt('n2#1', 500, 510, outcome);
    const operations = [operation('k', 1, [failed, attempt('n1#1', 600, 610)]), OUTDATED];
    const late = read('n1#1', 1_011, 1, { value: { key: 'k', version: 1, from: failed.name } });
    const judged = judge({ lives: [ALIVE, OTHER], operations, disturbances: [], reads: [late] }, LIMITS);
    expect(judged).toMatchObject({ violations: [], unacknowledgedWrites: 1, sameNode: { reads: 0 } });
    const inTime = { ...late, begin: 1_010 };
    expect(judge({ lives: [ALIVE, OTHER], operations, disturbances: [], reads: [inTime] }, LIMITS)).toMatchObject({
      unacknowledgedWrites: 0,
    });
  },
);

test('operations count from their acknowledgement, in whatever order they were begun or written down', () => {
  const later = operation('k', 3, [attempt('n1#1', 900, 2_000)]);
  expect(broken([read('n1#1', 1_500, 1)], { operations: [later, OUTDATED] })).toEqual(['own invalidation']);
  const twice = operation('k', 2, [attempt('n1#1', 1_000, 1_010), attempt('n1#1', 1_020, 1_030)]);
  expect(broken([read('n1#1', 1_015, 1)], { operations: [twice] })).toEqual(['own invalidation']);
});

test('of all that a read broke, the worst is told', () => {
  const worst = (...acknowledged: [life: string, end: number][]) => {
    const operations = acknowledged.map(([life, end], i) => operation('k', 2 + i, [attempt(life, end - 10, end)]));
    const reads = [read('n2#1', 1_200, 1)];
    return judge({ lives: [ALIVE, OTHER], operations, disturbances: [], reads }, LIMITS).violations;
  };
  expect(worst(['n1#1', 1_010], ['n2#1', 1_150])).toMatchObject([{ rule: 'undisturbed', staleMs: 190 }]);
  expect(worst(['n1#1', 1_010], ['n2#1', 1_050])).toMatchObject([{ rule: 'own invalidation', staleMs: 150 }]);
});

test('stale reads are counted with how stale they were, allowed or not; each once, by the worst', () => {
  const operations = [OUTDATED, operation('k', 3, [attempt('n1#1', 1_020, 1_030)])];
  const reads = [read('n1#1', 1_040, 1), read('n2#1', 1_050, 1), read('n2#1', 1_060, 2), read('n2#1', 1_070, 3)];
  const { sameNode, otherNodes } = judge({ lives: [ALIVE, OTHER], operations, disturbances: [], reads }, LIMITS);
  expect(sameNode).toMatchObject({ reads: 1, worstMs: 30 });
  expect(otherNodes.undisturbed).toMatchObject({ reads: 2, worstMs: 40 });
  expect(otherNodes.disturbed).toMatchObject({ reads: 0, worstMs: 0 });
  const deaf = { operations, reads, disturbances: [], ...lives({ at: 1, state: 'deaf' }) };
  expect(judge(deaf, LIMITS).otherNodes).toMatchObject({ undisturbed: { reads: 0 }, disturbed: { reads: 2 } });
});

test('a violation tells which read, which operation, and by how much', () => {
  const stale = read('n1#1', 1_015, 1);
  const { violations } = judge({ lives: [ALIVE], operations: [OUTDATED], disturbances: [], reads: [stale] }, LIMITS);
  expect(violations).toEqual([
    {
      rule: 'own invalidation',
      read: stale,
      operation: OUTDATED,
      attempt: OUTDATED.attempts[0],
      staleMs: 5,
      allowedMs: 0,
    },
  ]);
});
