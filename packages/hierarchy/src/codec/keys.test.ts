import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { EncryptionKeyError } from './errors.js';
import { checkRing, parseKey } from './keys.js';

const key = randomBytes(32);

describe('parseKey', () => {
  it.each<[string, string | Uint8Array]>([
    ['bytes', new Uint8Array(key)],
    ['a Buffer', key],
    ['hex', key.toString('hex')],
    ['hex in capitals', key.toString('hex').toUpperCase()],
    ['base64', key.toString('base64')],
    ['base64url', key.toString('base64url')],
    ['base64 without padding', key.toString('base64').replace('=', '')],
  ])('takes %s', (_, written) => {
    expect(Buffer.from(parseKey(written)).equals(key)).toBe(true);
  });

  it('copies, so that wiping the original does not change it', () => {
    const original = new Uint8Array(32).fill(7);
    const parsed = parseKey(original);
    original.fill(0);
    expect(parsed[0]).toBe(7);
  });

  it.each<[string, unknown]>([
    ['31 bytes', new Uint8Array(31)],
    ['33 bytes', new Uint8Array(33)],
    ['an empty string', ''],
    ['a passphrase', 'correct horse battery staple'],
    ['a passphrase of 32 characters', 'correct horse battery staple 123'],
    ['16 bytes of hex', randomBytes(16).toString('hex')],
    ['64 characters that are not hex', 'z'.repeat(64)],
    ['base64 with a line break', `${key.toString('base64')}\n`],
    ['mixed alphabets', `+_${'A'.repeat(41)}`],
    ['undefined', undefined],
    ['null', null],
    ['a number', 5],
  ])('refuses %s', (_, written) => {
    expect(() => parseKey(written as string)).toThrow(EncryptionKeyError);
  });

  it('never prints the key', () => {
    const secret = 'my-very-secret-passphrase';
    let message = '';
    try {
      parseKey(secret);
    } catch (error) {
      message = `${(error as Error).stack} ${JSON.stringify(error)}`;
    }
    expect(message).toContain('25 characters');
    expect(message).not.toContain(secret);
  });
});

describe('checkRing', () => {
  it('keeps the order and copies the keys', () => {
    const bytes = new Uint8Array(32).fill(1);
    const ring = checkRing([
      { id: 'new', key: bytes },
      { id: 'old', key: new Uint8Array(32) },
    ]);
    bytes.fill(0);
    expect(ring.map(({ id }) => id)).toStrictEqual(['new', 'old']);
    expect(ring[0].key[0]).toBe(1);
  });

  it.each<[string, { id: string; key: Uint8Array }[]]>([
    ['an empty ring', []],
    ['an empty id', [{ id: '', key }]],
    ['an id of 65 bytes', [{ id: `${'é'.repeat(32)}x`, key }]],
    ['an ill-formed id', [{ id: '\ud800', key }]],
    [
      'two keys of one id',
      [
        { id: 'a', key },
        { id: 'a', key: new Uint8Array(32) },
      ],
    ],
    ['a short key', [{ id: 'a', key: new Uint8Array(16) }]],
  ])('refuses %s', (_, keys) => {
    expect(() => checkRing(keys)).toThrow(EncryptionKeyError);
  });
});
