import { expect, it } from 'vitest';
import { Checker, type Obligation, type Read } from './checker.js';

const GRACE_MS = 100;
const AT = 1_000;

/** Row 7 was changed to version 2, and node 1 was asked to invalidate it; that had resolved at 1,000 ms. */
function afterInvalidation(more: Partial<Obligation> = {}): Checker {
  const checker = new Checker(GRACE_MS);
  checker.oblige({ node: 1, at: AT, by: 'tag', rows: [[7, 2]], asNeighbour: true, ...more });
  return checker;
}

const read = (node: number, began: number, version: number, asNeighbour = false): Read => ({
  node,
  began,
  shown: [{ id: 7, version, asNeighbour }],
});

it('finds a read stale that began on the same node when the invalidation had resolved', () => {
  const checker = afterInvalidation();
  expect(checker.check(read(1, AT, 1))).toBe(false);
  expect(checker.check(read(1, AT + 5, 1))).toBe(false);
  expect(checker.verdict).toMatchObject({ stale: 2, late: 0, worstLagMs: 0 });
  expect(checker.verdict.examples[0]).toBe(
    'node 1 showed version 1 of row 7 to a read that began 0.0 ms after version 2 was invalidated for by tag on node 1',
  );
});

it('lets a read show what was before if it began before the end of the invalidation', () => {
  const checker = afterInvalidation();
  expect(checker.check(read(1, AT - 0.001, 1))).toBe(true);
  expect(checker.check(read(2, AT - 0.001, 1))).toBe(true);
  expect(checker.verdict).toMatchObject({ stale: 0, late: 0, rowsChecked: 2 });
});

it('gives the other node its grace, and reports how much of it was used', () => {
  const checker = afterInvalidation();
  expect(checker.check(read(2, AT + 30, 1))).toBe(false);
  expect(checker.check(read(2, AT + 12, 1))).toBe(false);
  expect(checker.verdict).toMatchObject({ stale: 0, late: 2, worstLagMs: 30, p99LagMs: 30 });
});

it('finds the other node stale when its grace is over', () => {
  const checker = afterInvalidation();
  checker.check(read(2, AT + GRACE_MS, 1));
  expect(checker.verdict.stale).toBe(0);
  checker.check(read(2, AT + GRACE_MS + 0.001, 1));
  expect(checker.verdict.stale).toBe(1);
});

it('takes the new version and any later one', () => {
  const checker = afterInvalidation();
  expect(checker.check(read(1, AT + 1, 2))).toBe(true);
  expect(checker.check(read(2, AT + 500, 3))).toBe(true);
});

it('holds values that show the row as a neighbour to it only where they were invalidated too', () => {
  const byTag = afterInvalidation();
  byTag.check(read(1, AT + 1, 1, true));
  expect(byTag.verdict.stale).toBe(1);
  const byKey = afterInvalidation({ by: 'delete', asNeighbour: false });
  expect(byKey.check(read(1, AT + 1, 1, true))).toBe(true);
  byKey.check(read(1, AT + 1, 1));
  expect(byKey.verdict.stale).toBe(1);
});

it('excuses nothing by a later invalidation on the other node', () => {
  const checker = afterInvalidation();
  checker.oblige({ node: 2, at: AT + 500, by: 'tag', rows: [[7, 3]], asNeighbour: true });
  checker.check(read(1, AT + 510, 2));
  expect(checker.verdict).toMatchObject({ stale: 0, late: 1 });
  checker.check(read(1, AT + 510, 1));
  expect(checker.verdict).toMatchObject({ stale: 1, late: 1 });
});

it('checks all rows of an invalidation, and leaves other rows alone', () => {
  const checker = afterInvalidation({
    rows: [
      [7, 2],
      [8, 5],
    ],
  });
  const shown = [7, 8, 9].map((id) => ({ id, version: 1, asNeighbour: false }));
  checker.check({ node: 1, began: AT + 1, shown });
  expect(checker.verdict).toMatchObject({ rowsChecked: 3, stale: 2, invalidations: 1 });
});
