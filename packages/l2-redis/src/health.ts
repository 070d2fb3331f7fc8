import type { L2CallOptions, L2Health } from '@tierwise/l2';
import type { ClusterFeed } from './cluster-feed.js';
import type { Context } from './context.js';
import type { Feed } from './feed.js';

/** Whether Redis answers, and facts about it. */
export class Health {
  readonly #context: Context;
  readonly #feed: Feed | ClusterFeed;

  constructor(context: Context, feed: Feed | ClusterFeed) {
    this.#context = context;
    this.#feed = feed;
  }

  /** Never rejects, except by abort. */
  async ask(options?: L2CallOptions): Promise<L2Health> {
    options?.signal?.throwIfAborted();
    const { calls, topology } = this.#context;
    const askedAt = performance.now();
    let latencyMs: number | undefined;
    const answer = (status: L2Health['status'], detail: string): L2Health => ({
      status,
      latencyMs: latencyMs ?? performance.now() - askedAt,
      feed: this.#feed.state,
      detail,
    });
    if (!calls.isOpen) return answer('down', 'not open');
    try {
      const facts = await this.#context.run('health', options, async (answered) => {
        // A user without the right to ask for INFO is as healthy as any.
        const sections = ['server', 'memory'].map((section) => answered(topology.info(section)).catch(() => ''));
        await answered(topology.ping());
        latencyMs = performance.now() - askedAt;
        return (await Promise.all(sections)).join('\n');
      });
      return answer('up', [...describe(facts), ...this.#complaints()].join(', '));
    } catch (error) {
      if (options?.signal?.aborted) throw error;
      return answer('down', error instanceof Error ? error.message : String(error));
    }
  }

  #complaints(): string[] {
    const { malformed } = this.#feed;
    return malformed === 0 ? [] : [`${malformed} messages of the feed were not understood`];
  }
}

function describe(info: string): string[] {
  const fact = (name: string): string | undefined => new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1];
  const valkey = fact('valkey_version');
  const version = valkey === undefined ? `Redis ${fact('redis_version') ?? 'of unknown version'}` : `Valkey ${valkey}`;
  const memory = fact('used_memory_human');
  return memory === undefined ? [version] : [version, `${memory} of memory in use`];
}
