import type { L2, L2CallOptions } from '../contract.js';
import { bytesOf, LONG } from './bench.js';

/** One call of an L2, on one key or tag of one namespace. */
export interface Call {
  readonly name: string;
  run(namespace: string, key: string, options?: L2CallOptions): Promise<unknown>;
}

/** One call of each kind that touches a namespace; those of missing capabilities are left out. */
export function everyCall(l2: L2): Call[] {
  const { leases, time, feed, replay, transactions } = l2;
  const calls: Call[] = [
    { name: 'read', run: (namespace, key, options) => l2.read(namespace, [key], options) },
    {
      name: 'write',
      run: (namespace, key, options) => l2.write(namespace, [{ key, bytes: bytesOf('new'), ...LONG }], options),
    },
    { name: 'delete', run: (namespace, key, options) => l2.delete(namespace, [key], options) },
    { name: 'expire', run: (namespace, key, options) => l2.expire(namespace, [key], options) },
    { name: 'touch', run: (namespace, key, options) => l2.touch(namespace, [key], LONG, options) },
    { name: 'purge', run: (namespace, _key, options) => l2.purge(namespace, options) },
  ];
  if (leases !== undefined) {
    calls.push(
      {
        name: 'acquire',
        run: (namespace, key, options) => leases.acquire(namespace, [{ key, seen: undefined }], 600_000, options),
      },
      { name: 'renew', run: (namespace, key, options) => leases.renew(namespace, key, 'token', 600_000, options) },
      { name: 'release', run: (namespace, key, options) => leases.release(namespace, key, 'token', options) },
    );
  }
  if (time !== undefined) {
    calls.push(
      {
        name: 'marks',
        run: (namespace, tag, options) => time.marks(namespace, [tag], { known: 0, ensureMs: 600_000, ...options }),
      },
      {
        name: 'advance',
        run: (namespace, tag, options) => time.advance(namespace, [tag], 'dead', { known: 0, ...options }),
      },
    );
  }
  if (feed !== undefined) {
    calls.push({ name: 'follow', run: (namespace, _key, options) => feed.follow(namespace, options) });
  }
  if (replay !== undefined) {
    calls.push({
      name: 'replay',
      run: (namespace, key, options) =>
        replay.replay(namespace, [{ key, bytes: bytesOf('new'), ...LONG, since: '' }], options),
    });
  }
  if (transactions !== undefined) {
    const none = { expect: [], writes: [], deletes: [] };
    calls.push(
      { name: 'transactions.read', run: (namespace, key, options) => transactions.read(namespace, [key], options) },
      {
        name: 'commit of a write',
        run: (namespace, key, options) =>
          transactions.commit(namespace, { ...none, writes: [{ key, bytes: bytesOf('new'), ...LONG }] }, options),
      },
      {
        name: 'commit of a delete',
        run: (namespace, key, options) => transactions.commit(namespace, { ...none, deletes: [key] }, options),
      },
    );
  }
  return calls;
}
