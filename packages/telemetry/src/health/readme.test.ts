import { expect, test } from 'vitest';
import { printedBySnippet } from '../../test/readme.js';

test('the snippet of the section Health prints what its comments say', async () => {
  const { printed, promised } = await printedBySnippet('Health');
  expect(promised).toHaveLength(3);
  expect(printed).toEqual(promised);
});
