import type { L2 } from '@tierwise/l2';
import { entry } from './node.js';

/** Every call that needs an answer of Redis, by name. */
export function everyCall(l2: L2, namespace = 'n'): [name: string, run: () => Promise<unknown>][] {
  const { leases, time, feed, replay, transactions } = l2;
  if (!leases || !time || !feed || !replay || !transactions) throw new Error('a capability is missing');
  return [
    ['read', () => l2.read(namespace, ['a'])],
    ['write', () => l2.write(namespace, [entry('a')])],
    ['delete', () => l2.delete(namespace, ['a'])],
    ['expire', () => l2.expire(namespace, ['a'])],
    ['touch', () => l2.touch(namespace, ['a'], { freshMs: 1, keepMs: 1 })],
    ['purge', () => l2.purge(namespace)],
    ['acquire', () => leases.acquire(namespace, [{ key: 'a', seen: undefined }], 1_000)],
    ['renew', () => leases.renew(namespace, 'a', 'token', 1_000)],
    ['release', () => leases.release(namespace, 'a', 'token')],
    ['marks', () => time.marks(namespace, ['t'], { known: 0 })],
    ['advance', () => time.advance(namespace, ['t'], 'dead', { known: 0 })],
    ['replay', () => replay.replay(namespace, [{ ...entry('a'), since: '' }])],
    ['transactions.read', () => transactions.read(namespace, ['a'])],
    ['commit', () => transactions.commit(namespace, { expect: [], writes: [entry('a')], deletes: ['b'] })],
    ['follow', () => feed.follow(`${namespace} that is new`)],
  ];
}
