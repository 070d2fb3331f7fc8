import { expect, test } from 'vitest';
import { ManualClock } from '../../test/manual-clock.js';
import { PoolTimeoutError } from '../index.js';
import type { SqlClient, SqlResult } from './client.js';
import { SqlAfterCommitError, sqlPool } from './index.js';

type Answer = (text: string) => Promise<SqlResult<unknown>>;

/** A client that answers as the test says. */
function clientThat(answer: Answer): { client: () => SqlClient; ended: () => number } {
  let ended = 0;
  const client: SqlClient = {
    connect: async () => {},
    query: ({ text }) => answer(text),
    end: async () => {
      ended++;
    },
    on: () => {},
  };
  return { client: () => client, ended: () => ended };
}

const fine = (text: string): SqlResult<unknown> => ({ rows: [], rowCount: 0, command: text.split(' ')[0] ?? '' });

test('a connection that breaks during the commit: what follows a commit is done, since it may have happened', async () => {
  const cut = new Error('Connection terminated unexpectedly');
  const { client, ended } = clientThat(async (text) => {
    if (text === 'COMMIT') throw cut;
    return fine(text);
  });
  const db = sqlPool({ client });
  const done: string[] = [];
  const committing = db.transaction(async (tx) => {
    tx.afterCommit(() => done.push('invalidated'));
  });
  await expect(committing).rejects.toBe(cut);
  expect(done).toEqual(['invalidated']);
  expect(ended()).toBe(1);
  expect(db.stats()).toMatchObject({ borrowed: 0, size: 0 });
});

test('a commit that the server refuses is none: nothing follows it, and the connection stays', async () => {
  const refused = Object.assign(new Error('could not serialize'), { code: '40001', severity: 'ERROR' });
  const { client } = clientThat(async (text) => {
    if (text === 'COMMIT') throw refused;
    return fine(text);
  });
  const db = sqlPool({ client });
  const done: string[] = [];
  const committing = db.transaction(async (tx) => tx.afterCommit(() => done.push('never')));
  await expect(committing).rejects.toBe(refused);
  expect([done, db.stats().idle]).toEqual([[], 1]);
});

test('a task after the commit that fails is told as that, and the others are done', async () => {
  const db = sqlPool({ client: clientThat(async (text) => fine(text)).client });
  const done: string[] = [];
  const committing = db.transaction(async (tx) => {
    tx.afterCommit(() => Promise.reject(new Error('cache is away')));
    tx.afterCommit(() => done.push('second'));
  });
  await expect(committing).rejects.toThrow(SqlAfterCommitError);
  expect(done).toEqual(['second']);
});

test('a server that does not answer at all costs the connection, a second after its own time-out', async () => {
  const clock = new ManualClock();
  const { client, ended } = clientThat(async (text) => (text === 'SELECT 2' ? new Promise(() => {}) : fine(text)));
  const db = sqlPool({ client, clock, statementTimeout: 100 });
  await db.query('SELECT 1');
  const waiting = expect(db.query('SELECT 2')).rejects.toThrow(PoolTimeoutError);
  await clock.advance(1_099);
  expect(db.stats().borrowed).toBe(1);
  await clock.advance(1);
  await waiting;
  expect(db.stats()).toMatchObject({ borrowed: 0, size: 0, destroyed: { discarded: 1 } });
  expect(ended()).toBe(1);
});
