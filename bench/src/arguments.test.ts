import { describe, expect, it } from 'vitest';
import { parseArguments } from './arguments.js';

describe('parseArguments', () => {
  it('runs everything thoroughly where nothing is said', () => {
    expect(parseArguments([], ['P1'])).toEqual({ quick: false, check: false, only: undefined, profiles: undefined });
  });

  it('takes several scenarios, in small letters too', () => {
    expect(parseArguments(['--quick', '--only', 'p1, P3'], ['P1', 'P2', 'P3'])).toMatchObject({
      quick: true,
      only: ['P1', 'P3'],
    });
  });

  it('refuses scenarios and options that there are not', () => {
    expect(() => parseArguments(['--only', 'P9'], ['P1'])).toThrow('there is no scenario P9');
    expect(() => parseArguments(['--quik'], ['P1'])).toThrow();
  });
});
