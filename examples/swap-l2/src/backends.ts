import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { L2 } from '@tierwise/l2';
import { MemoryStore, memoryL2 } from '@tierwise/l2/memory';
import { embeddedL2 } from '@tierwise/l2-embedded';
import { redisL2 } from '@tierwise/l2-redis';

/** Makes an L2 for each node that asks, and cleans up in the end. */
export interface Backend {
  readonly open: () => L2 | undefined;
  readonly end?: () => Promise<void>;
}

/** The backends that `--l2` can name. Everything that differs between them stands here. */
export const backends: Readonly<Record<string, (url: string) => Promise<Backend>>> = {
  none: async () => ({ open: () => undefined }),
  memory: async () => {
    const store = new MemoryStore();
    return { open: () => memoryL2(store) };
  },
  embedded: async () => {
    const dir = await mkdtemp(join(tmpdir(), 'tierwise-swap-l2-'));
    return { open: () => embeddedL2({ dir }), end: () => rm(dir, { recursive: true }) };
  },
  redis: async (url) => ({ open: () => redisL2({ url }) }),
};
