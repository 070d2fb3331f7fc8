import { describe, expect, it } from 'vitest';
import { createHierarchy, type HierarchyOptions } from './index.js';

/** Uses a key twice, then sweeps over more than L1 holds. @returns whether the key is still in L1. */
async function survivesSweep(l1: HierarchyOptions['l1']): Promise<boolean> {
  const cache = createHierarchy({ namespace: 'policy', l1: { maxEntries: 10, ...l1 } });
  await cache.set('used again', 1);
  await cache.get('used again');
  for (let i = 0; i < 100; i++) await cache.getOrSet(`swept ${i}`, async () => i);
  const survives = cache.peek('used again') !== undefined;
  await cache.close();
  return survives;
}

describe('l1.policy', () => {
  it('is LRU by default, which a sweep empties, and can be ARC, which it does not', async () => {
    expect(await survivesSweep({})).toBe(false);
    expect(await survivesSweep({ policy: 'lru' })).toBe(false);
    expect(await survivesSweep({ policy: 'arc' })).toBe(true);
  });

  it('is refused where it is no policy', () => {
    expect(() => createHierarchy({ namespace: 'policy', l1: { policy: 'fifo' as never } })).toThrow(
      expect.objectContaining({ code: 'ERR_TIERWISE_INVALID_OPTION', message: expect.stringContaining('l1.policy') }),
    );
  });

  it('cannot be changed at run time', async () => {
    const cache = createHierarchy({ namespace: 'policy', l1: { maxEntries: 10 } });
    expect(() => cache.reconfigure({ l1: { policy: 'arc' } as never })).toThrow(
      expect.objectContaining({ problems: [{ option: 'l1.policy', reason: expect.stringContaining('is fixed') }] }),
    );
    await cache.close();
  });
});
