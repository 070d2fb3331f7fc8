import { expect, test } from 'vitest';
import { SlotOrder } from './slot-order.js';

/** Two connections, whose answers the test gives. */
function setup() {
  const [a, b] = [
    { name: 'a', isLost: false },
    { name: 'b', isLost: false },
  ];
  const order = new SlotOrder<typeof a>();
  const sent: string[] = [];
  const answers = new Map<string, { resolve: () => void; reject: (error: Error) => void }>();
  const send = (name: string, slots: number[], chosen = a, giveUpAt = Number.POSITIVE_INFINITY): Promise<void> =>
    order.send(
      slots,
      () => chosen,
      (line) => {
        sent.push(`${name} on ${line.name}`);
        return new Promise<void>((resolve, reject) => answers.set(name, { resolve, reject }));
      },
      giveUpAt,
    );
  const answer = async (name: string): Promise<void> => {
    answers.get(name)?.resolve();
    await settled();
  };
  return { a, b, order, sent, send, answer, answers };
}

/** All that can happen by itself has happened. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test('what concerns a slot follows what is under way for it, and goes anywhere afterwards', async () => {
  const { b, order, sent, send, answer } = setup();
  void send('write', [1]);
  void send('delete', [1], b);
  void send('other', [2], b);
  await answer('write');
  void send('read', [1], b);
  expect(sent).toEqual(['write on a', 'delete on a', 'other on b', 'read on a']);
  for (const name of ['delete', 'read', 'other']) await answer(name);
  expect(order.size).toBe(0);
  void send('later', [1], b);
  expect(sent.at(-1)).toBe('later on b');
});

test('what was refused is not under way any more', async () => {
  const { b, order, sent, send, answers } = setup();
  const refused = send('write', [1]);
  answers.get('write')?.reject(new Error('no'));
  await expect(refused).rejects.toThrow('no');
  expect(order.size).toBe(0);
  void send('delete', [1], b);
  expect(sent.at(-1)).toBe('delete on b');
});

test('a lost connection is followed no more, and what was under way on it ends nothing of what came after', async () => {
  const { a, b, order, sent, send, answer, answers } = setup();
  const lost = send('write', [1]);
  a.isLost = true;
  void send('delete', [1], b);
  answers.get('write')?.reject(new Error('lost'));
  await expect(lost).rejects.toThrow('lost');
  void send('read', [1], a);
  expect(sent).toEqual(['write on a', 'delete on b', 'read on b']);
  await answer('delete');
  await answer('read');
  expect(order.size).toBe(0);
});

test('slots under way on two connections: who needs both waits for one, and who comes after waits behind', async () => {
  const { b, order, sent, send, answer } = setup();
  void send('write 1', [1]);
  void send('write 2', [2], b);
  const commit = send('commit', [1, 2], b);
  void send('read 1', [1], b);
  void send('other', [3], b);
  await settled();
  expect(sent).toEqual(['write 1 on a', 'write 2 on b', 'other on b']);
  await answer('write 1');
  expect(sent.slice(3)).toEqual(['commit on b', 'read 1 on b']);
  for (const name of ['write 2', 'commit', 'read 1', 'other']) await answer(name);
  await commit;
  expect(order.size).toBe(0);
});

test('two who wait for the same slots are sent in their order', async () => {
  const { b, sent, send, answer } = setup();
  void send('write 1', [1]);
  void send('write 2', [2], b);
  void send('first', [1, 2]);
  void send('second', [2, 1], b);
  await answer('write 2');
  expect(sent.slice(2)).toEqual(['first on a', 'second on a']);
});

test('who comes when the first of two has gone waits behind the second', async () => {
  const { b, sent, send, answer } = setup();
  void send('write 1', [1]);
  void send('write 2', [2], b);
  void send('write 3', [3], b);
  void send('first', [1, 2]);
  void send('second', [2, 3]);
  await answer('write 2');
  void send('third', [2], b);
  expect(sent.slice(3)).toEqual(['first on a']);
  await answer('write 3');
  expect(sent.slice(4)).toEqual(['second on a', 'third on a']);
});

test('what has waited for too long is not sent, and holds nobody up', async () => {
  const { b, order, sent, send, answer } = setup();
  void send('write 1', [1]);
  void send('write 2', [2], b);
  const late = expect(send('late', [1, 2], b, performance.now() - 1)).rejects.toThrow('too long');
  const behind = send('behind', [2], b);
  await answer('write 1');
  await late;
  expect(sent.slice(2)).toEqual(['behind on b']);
  await answer('write 2');
  await answer('behind');
  await behind;
  expect(order.size).toBe(0);
});
