import { type L2LeaseToken, type L2News, L2UnavailableError } from '@tierwise/l2';
import { MemoryStore, memoryL2 } from '@tierwise/l2/memory';
import type { MigratingL2 } from '../src/index.js';
import type { MigrateL2Options } from '../src/options.js';
import type { MigrationPhase } from '../src/phase.js';
import { HeldL2 } from './held-l2.js';
import { opened, putRecord, quick } from './phases.js';

export const SPACE = 'shop';
export const LIFE = { freshMs: 60_000, keepMs: 60_000 };

/** A node of a test: its migration, what it has heard, and its ways to both stores. */
export interface TestNode {
  readonly id: string;
  readonly l2: MigratingL2;
  readonly from: HeldL2;
  readonly to: HeldL2;
  readonly news: L2News[];
  readonly states: string[];
}

/** Two stores, and nodes that need not know of the same phase. */
export class TestCluster {
  readonly from = new MemoryStore();
  readonly to = new MemoryStore();
  readonly #nodes: MigratingL2[] = [];
  #epoch = 7;

  /** Tells one node of another phase. */
  async turn(node: TestNode, phase: MigrationPhase, percentage = 0): Promise<void> {
    this.#epoch += 1;
    await this.#put(phase, percentage, node.id);
    await node.l2.migration.refresh();
  }

  /**
   * A node of its own phase: it is told so by a record of its own. (Two nodes of neighbouring phases are a cluster in the middle of a
   * change; that a node may be that late is what the record's trust is for.)
   */
  async node(phase: MigrationPhase, percentage = 0, more: Partial<MigrateL2Options> = {}): Promise<TestNode> {
    const id = `node ${this.#nodes.length}`;
    const [from, to] = [new HeldL2(memoryL2(this.from)), new HeldL2(memoryL2(this.to))];
    await this.#put(phase, percentage, id);
    const l2 = quick(from.l2, to.l2, { id, ...more });
    const news: L2News[] = [];
    const states: string[] = [];
    await l2.open({ origin: id, onNews: (each) => news.push(each), onFeedState: (state) => states.push(state) });
    this.#nodes.push(l2);
    await l2.feed?.follow(SPACE);
    return { id, l2, from, to, news, states };
  }

  /** Puts a value into one store, or both, behind all nodes' backs. */
  async put(key: string, text: string, ...sides: ('from' | 'to')[]): Promise<void> {
    for (const side of sides) {
      const l2 = await opened(memoryL2(this[side]));
      await l2.write(SPACE, [{ key, bytes: new TextEncoder().encode(text), ...LIFE }]);
      await l2.close();
    }
  }

  /** What a store has. */
  async in(side: 'from' | 'to', key = 'k'): Promise<string | undefined> {
    const l2 = await opened(memoryL2(this[side]));
    const [read] = await l2.read(SPACE, [key]);
    await l2.close();
    return read?.status === 'found' ? new TextDecoder().decode(read.bytes) : undefined;
  }

  async #put(phase: MigrationPhase, percentage: number, id: string): Promise<void> {
    const writer = await opened(memoryL2(this.from));
    await putRecord(writer, phase, percentage, this.#epoch, id);
    await writer.close();
  }

  async close(): Promise<void> {
    await Promise.all(this.#nodes.map((l2) => l2.close()));
  }
}

export async function set(node: TestNode, text: string, key = 'k'): Promise<void> {
  await node.l2.write(SPACE, [{ key, bytes: new TextEncoder().encode(text), ...LIFE }]);
}

export async function get(node: TestNode, key = 'k'): Promise<string | undefined> {
  const [read] = await node.l2.read(SPACE, [key]);
  return read?.status === 'found' ? new TextDecoder().decode(read.bytes) : undefined;
}

/** Asks for the lease of a key that has no entry. @returns its token, or what was answered instead. */
export async function lease(node: TestNode, key = 'k'): Promise<L2LeaseToken> {
  const [answer] = (await node.l2.leases?.acquire(SPACE, [{ key, seen: undefined }], 60_000)) ?? [];
  return answer?.status === 'granted' ? answer.token : String(answer?.status);
}

export async function fill(node: TestNode, text: string, token: L2LeaseToken, key = 'k'): Promise<string> {
  const bytes = new TextEncoder().encode(text);
  const [written] = await node.l2.write(SPACE, [{ key, bytes, ...LIFE, lease: token }]);
  return String(written?.status);
}

export const down = new L2UnavailableError('memory', 'is down');
