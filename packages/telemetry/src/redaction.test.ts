import { describe, expect, test } from 'vitest';
import { Redaction } from './redaction.js';

describe('names', () => {
  test('are hashed by default: alike for one name, unlike for two, and not to be guessed without the secret', () => {
    const [one, two] = [new Redaction(), new Redaction({})];
    expect(one.name('user:1')).toMatch(/^[\w-]{12}$/);
    expect(two.name('user:1')).toBe(one.name('user:1'));
    expect(one.name('user:2')).not.toBe(one.name('user:1'));
    const other = new Redaction({ hashSecret: 'a secret' });
    expect(other.name('user:1')).not.toBe(one.name('user:1'));
    expect(other.name('user:1')).toBe(new Redaction({ hashSecret: 'a secret' }).name('user:1'));
  });

  test('are omitted, or shown, where that is asked for', () => {
    expect(new Redaction({ keys: 'omit' }).name('user:1')).toBeUndefined();
    expect(new Redaction({ keys: 'plain' }).name('user:1')).toBe('user:1');
  });

  test('are not shown for an option that means nothing', () => {
    expect(() => new Redaction({ keys: 'hashed' as never })).toThrow(/'hash', 'omit' or 'plain'/);
    expect(() => new Redaction({ hashSecret: '' })).toThrow(/empty/);
  });
});

describe('texts', () => {
  const hashing = new Redaction({ hashSecret: 's' });
  const hash = (name: string) => hashing.name(name);

  test.each([
    ['the loader of "user:1" failed', `the loader of "${hash('user:1')}" failed`],
    ['no row for user:1!', `no row for ${hash('user:1')}!`],
    ['"a \\"b\\"" and "c"', `"${hash('a "b"')}" and "${hash('c')}"`],
    ['it ends in "the middle', 'it ends in "***"'],
    ['at redis://:s3cret@host:6379/0 and https://me:pw@x', 'at redis://***@host:6379/0 and https://***@x'],
    ['redis://:p@ss@host', 'redis://***@host'],
  ])('%j is shown as %j', (text, shown) => {
    expect(hashing.text(text, ['user:1', 'it'])).toBe(shown);
  });

  test('without names where they are omitted, and with them where they are plain, but never with passwords', () => {
    const text = 'of "user:1": user:1 at redis://:pw@host';
    expect(new Redaction({ keys: 'omit' }).text(text, ['user:1'])).toBe('of "***": *** at redis://***@host');
    expect(new Redaction({ keys: 'plain' }).text(text)).toBe('of "user:1": user:1 at redis://***@host');
  });

  test('are cut off, and never within a password', () => {
    const text = `${'x'.repeat(480)} redis://:${'secret'.repeat(20)}@host`;
    expect(hashing.text(text)).toBe(`${'x'.repeat(480)} redis://***@host`.slice(0, 500));
    expect(hashing.text('y '.repeat(1_000_000))).toHaveLength(501);
  });
});
