import { setTimeout as sleep } from 'node:timers/promises';
import { createHierarchy, type Hierarchy, L2FailedError } from '@tierwise/hierarchy';
import type { L2 } from '@tierwise/l2';
import { HANG_MS, LIMITS, RECOVERY_MS } from './limits.js';
import { type ChaosOperation, KEY, OLD, type Sample, SourceDownError, TAG } from './operations.js';

/** A second key, which each node deletes during the fault. */
const VICTIM = 'victim';
const POLL_MS = 20;
/** On a busy machine. */
const START_MS = 30_000;

/** What became of one operation under one fault. */
export interface Verdict {
  /** Such as `L1`, `source`, `done`; forbidden are those that begin with `hangs`, `throws` and `stale`. */
  readonly what: string;
  /** How long the call took, in milliseconds. */
  readonly ms: number;
}

export function isForbidden({ what }: Verdict): boolean {
  return /^(?:hangs|throws|stale)/.test(what);
}

/** Where nodes find their second tier: behind the fault, or past it. */
export interface Places {
  readonly behind: () => L2;
  readonly past: () => L2;
}

/** One operation on a node of its own, with a peer that the network's faults do not reach. */
export class Cell {
  readonly operation: ChaosOperation;
  readonly #namespace: string;
  readonly #places: Places;
  readonly #node: Hierarchy;
  readonly #peer: Hierarchy;
  #hasDeferred = false;

  constructor(operation: ChaosOperation, namespace: string, places: Places) {
    this.operation = operation;
    this.#namespace = namespace;
    this.#places = places;
    this.#node = this.#open(places.behind);
    this.#peer = this.#open(places.past);
    this.#node.on('deferred', () => {
      this.#hasDeferred = true;
    });
  }

  /** Puts values into L2 and where they are to be held. */
  async prepare(): Promise<void> {
    const { keys, isWarm, pastMs } = this.operation;
    // On a busy machine the first attempt to connect may be too late, which is not what is tested here.
    await Promise.allSettled([this.#node.ready(), this.#peer.ready()]);
    const old: Sample = { from: OLD };
    const held = isWarm ? [VICTIM, KEY] : [VICTIM];
    const isReady = await within(START_MS, async () => {
      const stored = await this.#peer.getMany([...keys, VICTIM]);
      if (stored.includes(undefined)) {
        await settled(this.#peer.set(VICTIM, old, { tags: [TAG] }));
        await settled(
          this.#peer.setMany(
            keys.map((key) => [key, old]),
            { tags: [TAG], ...(pastMs !== undefined && { ttl: pastMs, staleIfError: '1h' }) },
          ),
        );
      }
      await this.#node.getMany(held);
      return this.#isHeld(held);
    });
    if (isReady && pastMs !== undefined) await sleep(pastMs);
    if (!isReady) {
      const states = [this.#node, this.#peer].map((cache) => cache.stats()).map(({ l2, outbox }) => ({ l2, outbox }));
      throw new Error(`the nodes for ${this.operation.name} do not get ready: ${JSON.stringify(states)}`);
    }
  }

  /** Asks for what nobody has, as a service would go on doing while the fault lasts. */
  async suffer(ms: number): Promise<void> {
    for (const end = performance.now() + ms; performance.now() < end; ) {
      await settled(this.#node.get('nothing'));
      await sleep(POLL_MS);
    }
  }

  async run(): Promise<Verdict> {
    const { operation } = this;
    const begin = performance.now();
    const verdict = await Promise.race([
      operation.run(this.#node).then(
        (found) => (found.length === 0 ? this.#acknowledged() : whoAnswered(found, operation)),
        (error) => this.#failed(error),
      ),
      sleep(HANG_MS, 'hangs', { ref: false }),
    ]);
    const ms = performance.now() - begin;
    // What was rejected promises nothing until it is repeated.
    if (operation.invalidates && (verdict === 'done' || verdict === 'deferred')) {
      const found = this.#node.peek<Sample>(KEY) ?? (await inTime(this.#node.get<Sample>(KEY)));
      if (found === 'hangs') return { what: 'hangs: the read after it', ms };
      if (found?.from === OLD) return { what: 'stale, on the same node', ms };
    }
    return { what: verdict, ms };
  }

  /** Deletes the second key, the fault being there. @returns whether that was acknowledged, or what is wrong. */
  async invalidate(): Promise<boolean | string> {
    if (this.operation.name === 'close') return true;
    const outcome = await Promise.race([
      this.#node.delete(VICTIM).then(
        () => true,
        (error) => (error instanceof L2FailedError ? false : `throws ${error}`),
      ),
      sleep(HANG_MS, 'hangs', { ref: false }),
    ]);
    const held = this.#node.peek<Sample>(VICTIM);
    return held === undefined ? outcome : 'stale, on the same node';
  }

  /**
   * After the fault: what was rejected is repeated, as callers are told to; then nobody may serve what was invalidated.
   *
   * @param deleted whether the deletion of {@link VICTIM} was acknowledged.
   * @param done whether the operation was.
   */
  async recover(deleted: boolean, done: boolean): Promise<string | undefined> {
    const { operation } = this;
    if (operation.name === 'close') return undefined;
    const again = async (call: () => Promise<unknown>) =>
      within(RECOVERY_MS, async () => (await settled(call())) !== 'rejected');
    if (!deleted && !(await again(() => this.#node.delete(VICTIM)))) return 'hangs: rejected after the fault';
    if (!done && !(await again(() => operation.run(this.#node)))) return 'hangs: rejected after the fault';
    const keys = operation.invalidates ? [VICTIM, KEY] : [VICTIM];
    const isClean = async (node: Hierarchy) => {
      const found = await Promise.all(keys.map((key) => node.get<Sample>(key).catch(() => undefined)));
      return found.every((value) => value?.from !== OLD);
    };
    if (!(await within(RECOVERY_MS, () => isClean(this.#peer)))) return 'stale, on the peer';
    const young = this.#open(this.#places.past);
    try {
      if (!(await within(RECOVERY_MS, () => isClean(young)))) return 'stale, in L2';
      // And does not come back.
      if (!(await isClean(this.#node))) return 'stale, on the same node';
    } finally {
      await young.close();
    }
    return undefined;
  }

  async stop(): Promise<void> {
    await Promise.all([this.#node.close(), this.#peer.close()]);
  }

  #open(place: () => L2): Hierarchy {
    return createHierarchy({
      namespace: this.#namespace,
      l2: place(),
      ttl: '1h',
      l2Timeout: LIMITS.l2Timeout,
      breaker: { openFor: LIMITS.breakerOpenFor },
      maxStaleness: LIMITS.maxStaleness,
      lease: { ttl: LIMITS.leaseTtl, wait: LIMITS.leaseWait },
      closeTimeout: LIMITS.closeTimeout,
    });
  }

  #isHeld(keys: readonly string[]): boolean {
    return keys.every((key) => this.#node.peek(key) !== undefined && this.#peer.peek(key) !== undefined);
  }

  #acknowledged(): string {
    return this.#hasDeferred ? 'deferred' : 'done';
  }

  #failed(error: unknown): string {
    if (error instanceof L2FailedError && this.operation.invalidates) return 'L2FailedError';
    if (error instanceof SourceDownError) return "the source's error";
    return `throws ${error instanceof Error ? error.name : String(error)}`;
  }
}

/** Who answered a read, by the values. */
function whoAnswered(found: readonly (Sample | undefined)[], { isWarm }: ChaosOperation): string {
  const names = found.map((sample) => {
    if (sample === undefined) return 'nothing';
    return sample.from === OLD ? (isWarm ? 'L1' : 'L2') : sample.from;
  });
  return [...new Set(names)].join(' and ');
}

function inTime<T>(call: Promise<T>): Promise<T | 'hangs'> {
  return Promise.race([call, sleep(HANG_MS, 'hangs' as const, { ref: false })]);
}

function settled(call: Promise<unknown>): Promise<'resolved' | 'rejected'> {
  return call.then(
    () => 'resolved' as const,
    () => 'rejected' as const,
  );
}

/** Asks until it is so. @returns whether it was, in time. */
async function within(ms: number, isSo: () => Promise<boolean>): Promise<boolean> {
  for (const end = performance.now() + ms; performance.now() < end; await sleep(POLL_MS)) if (await isSo()) return true;
  return false;
}
