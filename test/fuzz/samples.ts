/** Values of every kind that a cache may hold, by the key that they are stored under. */
export const SAMPLES: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['null', null],
  ['text', 'text'],
  ['number', -0.5],
  ['record', { id: 5, name: 'Ada', list: [1, 2.5, -3], nested: { deep: [true, null, undefined] } }],
  [
    'collections',
    new Map<unknown, unknown>([
      ['a', new Set([1n, new Date(5)])],
      [{ k: 1 }, /x/gi],
    ]),
  ],
  ['odd ones', [new TypeError('e', { cause: 'c' }), new Float64Array([1, 2]), Buffer.from('bytes'), -0, '\ud800']],
  ['rows', Array.from({ length: 60 }, (_, id) => ({ id, name: `row ${id}`, at: new Date(id * 1e9) }))],
  ['long', 'All work and no play. '.repeat(200)],
]);
