import type { Random } from '../coherence/random.js';

const LONGEST_RUN = 16;

/** Does one to four things to bytes that happen to bytes: wrong ones, turned bits, missing ends, repeated, erased and foreign parts. */
export function mutated(bytes: Uint8Array, random: Random): Uint8Array {
  let result = Uint8Array.from(bytes);
  for (let left = 1 + random.below(4); left > 0; left -= 1) {
    const at = random.below(result.length);
    const length = random.below(Math.min(LONGEST_RUN, result.length - at) + 1);
    switch (random.below(6)) {
      case 0:
        result[at] = random.below(256);
        break;
      case 1:
        result[at] = (result[at] ?? 0) ^ (1 << random.below(8));
        break;
      case 2:
        result = result.slice(0, at);
        break;
      case 3:
        result.copyWithin(random.below(result.length), at, at + length);
        break;
      case 4:
        result.fill(random.pick([0, 0x80, 0xff]), at, at + length);
        break;
      default:
        result = Uint8Array.from([...result.subarray(0, at), ...noise(length, random), ...result.subarray(at)]);
    }
  }
  return result;
}

/** Bytes by chance. */
export function noise(length: number, random: Random): Uint8Array {
  return Uint8Array.from({ length }, () => random.below(256));
}
