import { expect, it } from 'vitest';
import { figure, percent } from './numbers.js';

it('shows three digits that mean something', () => {
  expect([0, 1, 0.0123456, 0.5, 12.345, 123.45, 1234.5, 9_876_543].map(figure)).toEqual([
    '0',
    '1.00',
    '0.0123',
    '0.500',
    '12.3',
    '123',
    '1,230',
    '9,880,000',
  ]);
});

it('shows parts as percent', () => {
  expect(percent(0.125)).toBe('13 %');
});
