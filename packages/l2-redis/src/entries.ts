import {
  checkLife,
  checkWrite,
  type L2CallOptions,
  type L2Life,
  type L2Read,
  type L2Write,
  type L2Written,
} from '@tierwise/l2';
import type { Context } from './context.js';
import { decodeEnvelope } from './envelope.js';
import { isShort, namesOfWrites, scanPattern } from './keys.js';
import { resetMessage, signature } from './message.js';
import { NAME } from './name.js';
import { DELETE } from './scripts/delete.js';
import { EXPIRE } from './scripts/expire.js';
import type { Script } from './scripts/script.js';
import { TOUCH } from './scripts/touch.js';
import { WRITE } from './scripts/write.js';
import type { Stored } from './topology.js';

/** What stands for the empty string as a lease, which the script takes for none. No grant ever has this token. */
const NEVER_GRANTED = '-';

/** The calls on entries: what they send, and what they make of the answers. What is atomic is a script. */
export class Entries {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  async read(namespace: string, keys: readonly string[], options?: L2CallOptions): Promise<L2Read[]> {
    const { topology } = this.#context;
    const names = this.#context.enter(options, namespace, keys);
    if (keys.length === 0) return [];
    return this.#context.run('read', options, (answered) =>
      topology.read(keys.map(names.entry), answered).then((stored) => stored.map(decodeStored)),
    );
  }

  async write(namespace: string, entries: readonly L2Write[], options?: L2CallOptions): Promise<L2Written[]> {
    const names = this.#context.enter(options, namespace);
    for (const entry of entries) checkWrite(NAME, entry);
    if (entries.length === 0) return [];
    const head = this.#context.newsHead(namespace, options);
    return this.#context.run('write', options, (answered) =>
      this.#context.inGroups(
        entries,
        ({ key }) => names.entry(key),
        async (group) => {
          const keys = namesOfWrites(names, group);
          const args = [...head, ...argumentsOf(group)];
          const { reply } = await this.#context.runInTime('write', answered, WRITE, keys, args);
          const written = reply.map(toWritten);
          // A fill replaces what nobody invalidated: if it is lost, nothing invalid is back.
          const sets = group.filter(({ lease }, i) => lease === undefined && written[i]?.status === 'stored');
          this.#context.recent.addEntries(
            namespace,
            sets.map(({ key }) => key),
            'delete',
          );
          return written;
        },
        ({ bytes }) => bytes.byteLength,
      ),
    );
  }

  delete(namespace: string, keys: readonly string[], options?: L2CallOptions): Promise<boolean[]> {
    return this.#revoke('delete', DELETE, namespace, keys, options);
  }

  expire(namespace: string, keys: readonly string[], options?: L2CallOptions): Promise<boolean[]> {
    return this.#revoke('expire', EXPIRE, namespace, keys, options);
  }

  async touch(namespace: string, keys: readonly string[], life: L2Life, options?: L2CallOptions): Promise<boolean[]> {
    const names = this.#context.enter(options, namespace, keys);
    checkLife(NAME, life);
    const head = [...this.#context.newsHead(namespace, options), life.freshMs, life.keepMs];
    const namesOf = (key: string): string[] =>
      isShort(life) ? [names.entry(key), names.note(key)] : [names.entry(key)];
    return this.#change('touch', TOUCH, keys, namesOf, head, options);
  }

  async purge(namespace: string, options?: L2CallOptions): Promise<number> {
    const { topology, origin } = this.#context;
    const names = this.#context.enter(options, namespace);
    const pattern = scanPattern(topology.keyPrefix, names);
    const entryRoot = Buffer.from(names.entryRoot);
    const isEntry = (key: Buffer): boolean => key.subarray(0, entryRoot.length).equals(entryRoot);
    return this.#context.run('purge', options, async (answered) => {
      let removed = 0;
      let cursor = '0';
      do {
        const page = await answered(topology.scan(cursor, pattern));
        // Leases first: a fill that comes in between is refused, rather than kept.
        const leases = page.keys.filter((key) => !isEntry(key));
        if (leases.length > 0) await answered(topology.unlink(leases));
        const entries = page.keys.filter(isEntry);
        if (entries.length > 0) removed += await answered(topology.unlink(entries));
        cursor = page.cursor;
      } while (cursor !== '0');
      await answered(
        topology.publish(
          this.#context.channel(namespace),
          resetMessage(signature(origin, options?.correlationId), 'purge'),
        ),
      );
      return removed;
    });
  }

  /** The common shape of `delete` and `expire`: each revokes the leases of its keys. */
  async #revoke(
    operation: 'delete' | 'expire',
    script: Script,
    namespace: string,
    keys: readonly string[],
    options: L2CallOptions | undefined,
  ): Promise<boolean[]> {
    const names = this.#context.enter(options, namespace, keys);
    const namesOf = (key: string): string[] => [names.entry(key), names.lease(key), names.note(key)];
    const existed = await this.#change(
      operation,
      script,
      keys,
      namesOf,
      this.#context.newsHead(namespace, options),
      options,
    );
    this.#context.recent.addEntries(namespace, keys, operation);
    return existed;
  }

  /** Runs a script that answers per key whether there was an entry. */
  async #change(
    operation: string,
    script: Script,
    keys: readonly string[],
    namesOf: (key: string) => string[],
    head: readonly (string | number)[],
    options: L2CallOptions | undefined,
  ): Promise<boolean[]> {
    if (keys.length === 0) return [];
    return this.#context.run(operation, options, (answered) =>
      this.#context.inGroups(
        keys,
        (key) => namesOf(key)[0] as string,
        async (group) => {
          const told = group.map((key) => JSON.stringify(key));
          const { reply } = await this.#context.runTimed(answered, script, group.flatMap(namesOf), [...head, ...told]);
          return reply.map((flag) => Number(flag) === 1);
        },
      ),
    );
  }
}

/** Of {@link WRITE}, after its head. */
function argumentsOf(writes: readonly L2Write[]): (string | Uint8Array)[] {
  const lives = Buffer.allocUnsafe(12 * writes.length);
  const hasFills = writes.some(({ lease }) => lease !== undefined);
  const args: (string | Uint8Array)[] = [lives, hasFills ? '1' : ''];
  for (let i = 0; i < writes.length; i += 1) {
    const { key, bytes, freshMs, keepMs, lease } = writes[i] as L2Write;
    lives.writeUIntBE(freshMs, 12 * i, 6);
    lives.writeUIntBE(keepMs, 12 * i + 6, 6);
    args.push(JSON.stringify(key), bytes);
    if (hasFills) args.push(lease === undefined ? '' : lease || NEVER_GRANTED);
  }
  return args;
}

function decodeStored(stored: Stored | null): L2Read {
  return stored === null ? undefined : decodeEnvelope(stored.bytes, stored.now);
}

function toWritten(version: unknown): L2Written {
  return Number(version) === 0 ? { status: 'refused' } : { status: 'stored', version: Number(version) };
}
