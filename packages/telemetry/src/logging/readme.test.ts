import { expect, test } from 'vitest';
import { printedBySnippet } from '../../test/readme.js';

test('the snippet of the section Logs prints what its comments say', async () => {
  const { printed, promised } = await printedBySnippet('Logs');
  expect(promised).toHaveLength(3);
  // How long the load took is different each time.
  expect(printed.map((line) => line.replace(/"ms":[\d.]+/, '"ms":0'))).toEqual(promised);
});
