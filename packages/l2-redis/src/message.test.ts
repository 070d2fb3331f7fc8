import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeMessage, resetMessage, signature } from './message.js';

const decodeWhole = (text: string) => decodeMessage(Buffer.from(text), 'n');
const decode = (text: string) => decodeWhole(text)?.news;

test.each([
  ['[1,"changed","o","fill",["a","é"]]', { type: 'changed', cause: 'fill', keys: ['a', 'é'] }],
  ['[1,"released","o",["a"]]', { type: 'released', keys: ['a'] }],
  ['[1,"marks","o",["t"],"dead",7]', { type: 'marks', tags: ['t'], mode: 'dead', generation: 7 }],
  ['[1,"marks","o",null,"stale",7]', { type: 'marks', tags: null, mode: 'stale', generation: 7 }],
  [resetMessage('o', 'purge'), { type: 'reset', reason: 'purge' }],
])('%s is understood', (text, news) => {
  expect(decode(text)).toEqual({ ...news, namespace: 'n', origin: 'o' });
});

test.each([
  ['o', 'request-7'],
  ['o', undefined],
  ['', 'x'],
  ['o\nwith\nlines', undefined],
  ['o\n', '~'.repeat(64)],
])('the origin %j and the correlation id %j are read as they were written', (origin, correlationId) => {
  const news = decode(JSON.stringify([1, 'released', signature(origin, correlationId), ['a']]));
  const id = correlationId === undefined ? {} : { correlationId };
  expect(news).toEqual({ type: 'released', namespace: 'n', keys: ['a'], origin, ...id });
});

test('without a correlation id, a message is as it always was; what is no such id is not taken for one', () => {
  expect(signature('o', undefined)).toBe('o');
  for (const rubbish of ['two words', 'x'.repeat(65), 'é', '\u0000']) {
    expect(decode(JSON.stringify([1, 'released', `o\n${rubbish}`, ['a']]))).not.toHaveProperty('correlationId');
  }
});

test.each([
  ['[1,"changed","o","write",["a","b"],[7,0]]', [7, 0]],
  ['[1,"changed","o","write",["a"]]', undefined],
  ['[1,"changed","o","write",["a"],[7,8]]', undefined],
  ['[1,"changed","o","write",["a"],["7"]]', undefined],
  ['[1,"released","o",["a"],[7]]', undefined],
])('the versions in %s are %j', (text, versions) => {
  expect(decodeWhole(text)?.news.type).toBeDefined();
  expect(decodeWhole(text)?.versions).toEqual(versions);
});

test.each([
  '',
  'null',
  '{}',
  '[]',
  '"changed"',
  '[1]',
  '[1,"changed","o","write"]',
  '[1,"changed","o","write",[1]]',
  '[1,"changed","o","burn",["a"]]',
  '[1,"changed",7,"write",["a"]]',
  '[1,"released","o","a"]',
  '[1,"marks","o",["t"],"dead"]',
  '[1,"marks","o",["t"],"dead",1.5]',
  '[1,"marks","o",["t"],"dying",7]',
  '[1,"marks","o",{},"dead",7]',
  '[1,"reset","o"]',
  '[1,"other","o"]',
  '["2","changed","o","write",["a"]]',
  '[0,"changed","o","write",["a"]]',
])('%j is not understood, and does not throw', (text) => {
  expect(decode(text)).toBeUndefined();
});

test('a message of a newer format is news, though not known which: nothing held is valid any more', () => {
  expect(decode('[2,"changed",{"some":"thing"}]')).toEqual({
    type: 'reset',
    namespace: 'n',
    reason: 'a message of format 2',
    origin: undefined,
  });
});

test('no bytes make it throw', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.uint8Array(), fc.json().map(Buffer.from), fc.array(fc.jsonValue()).map(asMessage)),
      (bytes) => {
        decodeMessage(Buffer.from(bytes), 'n');
      },
    ),
    { numRuns: 1_000 },
  );
});

function asMessage(rest: unknown[]): Buffer {
  return Buffer.from(JSON.stringify([1, ...rest]));
}
