import { createHash } from 'node:crypto';

const longName = 'long '.repeat(1_000);
const hashOf = (encoding: 'hex' | 'base64' | 'base64url'): string =>
  createHash('sha256').update(longName).digest(encoding);

/** The longest name that the contract allows: 65,536 bytes of UTF-8. */
export const longestName = `${'é'.repeat(32_767)}ab`;

/**
 * Names that break naive backends: separators and quotes of key layouts, hash tags, globs, paths, properties of objects,
 * control characters, characters that look alike or fold into one another, and names which imitate the physical name that a
 * backend may give another one.
 */
export const hostileNames: readonly string[] = [
  ...['', ' ', '  ', 'a', 'A', 'a ', ' a', '\t', '\n', '\r\n', '\0', '\0\0', 'a\0', 'a\0b', '\x1b', '\x7f', '\x80'],
  ...['{', '}', '{}', '}{', '}a', 'a}', '{a', '{a}', '{a}}', '{{a}}', 'a{b}c', 'a{b}{c}', '{}a'],
  ...[':', '::', ':a', 'a:', 'a:b', 'a:b:c', ';', ',', '|', '#', '~', '$', '%', '%%', '%7B', '%00', 'a%20', '+', '&'],
  ...['*', 'a*', '?', 'a?', '[a]', 'a?[b]', '[^a]', '\\', '\\*', 'a\\', '"', "'", '`', '/', '//', '../a', '.', '..'],
  ...['v:{a}', 'v:{', 'v:a', 'l:{a}', 'l:a', 'm:a', 'tw1:', 'tw1::v:{a}', 'a:v:{a}', 'a}:v:{a', '{v:{a}}'],
  ...['undefined', 'null', 'true', '0', '-0', '1', '1e3', '__proto__', 'constructor', 'toString', 'hasOwnProperty'],
  ...[
    'é',
    'e\u0301',
    'ß',
    'ss',
    'SS',
    'İ',
    'i',
    'ı',
    'ﬁ',
    'fi',
    'µ',
    'μ',
    '京都',
    'שלום',
    '\u202eab',
    '\ufeff',
    '\u200b',
  ],
  ...['\ufffd', '\uffff', '😀', '😃', '👩‍👩‍👧‍👦', '👩', '\u{10ffff}'],
  ...['x'.repeat(1_000), `${'x'.repeat(999)}y`, 'x'.repeat(1_001), 'x'.repeat(5_000), `${'x'.repeat(4_999)}y`],
  ...['é'.repeat(5_000), '{'.repeat(1_000), longName, `${longName}a`, longestName],
  ...(['hex', 'base64', 'base64url'] as const).flatMap((encoding) => [
    hashOf(encoding),
    ...['#', 'h:', 'sha256:', ':'].map((prefix) => prefix + hashOf(encoding)),
  ]),
];

/** Lone surrogates are no characters: they have no UTF-8, and encoders turn all of them into U+FFFD. */
export const malformedNames: readonly string[] = ['\ud800', '\udfff', 'a\ud83d', '\ude00b', '\ude00\ud83d'];

/** Hostile names of namespaces, with pairs that one separator alone would not keep apart. */
export const hostileNamespaces: readonly string[] = [
  ...[
    '',
    'users',
    'usersAbc',
    'users:abc',
    'users:',
    ':users',
    'users*',
    'use?s',
    'u[s]ers',
    'a*',
    'a?[b]',
    '*',
    '{x}',
  ],
  ...[
    '{',
    '}',
    'v:{k',
    'v',
    ':v',
    'users:v:{k}',
    '%',
    '\\',
    '\0',
    ' ',
    'é',
    'e\u0301',
    '😀',
    'x'.repeat(3_000),
    '__proto__',
  ],
];
