import { expect, test } from 'vitest';
import { printedBySnippet } from '../../test/readme.js';

test('the snippet of the section Metrics prints what its comments say', async () => {
  const { printed, promised } = await printedBySnippet('Metrics');
  expect(promised).toHaveLength(2);
  expect(printed).toEqual(promised);
});
