import { getEventListeners } from 'node:events';
import { createHierarchy } from '@tierwise/hierarchy';
import { expect, onTestFinished, test } from 'vitest';
import { ManualClock } from '../../test/manual-clock.js';
import { PoolClosedError, PoolTimeoutError } from '../index.js';
import type { SqlClient, SqlResult } from './client.js';
import {
  cachedQuery,
  invalidateTables,
  SqlAfterCommitError,
  SqlCommitUnknownError,
  type SqlTransaction,
  sqlPool,
} from './index.js';

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

/** An error as the server tells it. */
const serverError = (code: string, severity = 'ERROR') => Object.assign(new Error('server'), { code, severity });

test.each([
  ['without a word', new Error('Connection terminated unexpectedly')],
  ['by the socket', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })],
  ['by an administrator', serverError('57P01', 'FATAL')],
  ['by an administrator who speaks Russian', serverError('57P01', 'ВАЖНО')],
  ['by a proxy', serverError('08006')],
  ['by the server, whatever its reason', serverError('53200', 'FATAL')],
])('a connection that breaks during the commit, %s: what follows a commit is done', async (_how, cut) => {
  const { client, ended } = clientThat(async (text) => {
    if (text === 'COMMIT') throw cut;
    return fine(text);
  });
  const db = sqlPool({ client, clock: new ManualClock() });
  const done: string[] = [];
  const committing = db.transaction(async (tx) => {
    tx.afterCommit((outcome) => done.push(outcome));
  });
  await expect(committing).rejects.toThrow(SqlCommitUnknownError);
  await expect(committing).rejects.toMatchObject({ code: 'ERR_TIERWISE_POOL_COMMIT_UNKNOWN', cause: cut });
  expect(done).toEqual(['unknown']);
  expect(ended()).toBe(1);
  expect(db.stats()).toMatchObject({ borrowed: 0, size: 0 });
});

/** A database of one row, whose commits are cut and happen when the test says so. */
function slowToCommit() {
  let row = 'old';
  let commit = (): void => {};
  const clock = new ManualClock();
  const { client } = clientThat(async (text) => {
    if (text === 'COMMIT') {
      commit = () => {
        row = 'new';
      };
      throw new Error('cut');
    }
    return { rows: [{ row }], rowCount: 1, command: text.split(' ')[0] ?? '' };
  });
  const db = sqlPool({ client, clock, statementTimeout: 100 });
  const cache = createHierarchy({ namespace: 'doubt', ttl: '1h' });
  onTestFinished(() => cache.close());
  const read = cachedQuery<{ row: string }>(db, cache, { text: 'SELECT row', tables: ['rows'] });
  const write = (tx: SqlTransaction) => Promise.resolve(tx.afterCommit(() => invalidateTables(cache, ['rows'])));
  return { db, clock, read, write, commit: () => commit() };
}

test('the connection is cut in mid-commit, others load the old row, the server commits: the old row does not stay', async () => {
  const { db, clock, read, write, commit } = slowToCommit();
  await read();
  await expect(db.transaction(write)).rejects.toThrow(SqlCommitUnknownError);
  expect(await read()).toEqual([{ row: 'old' }]);
  commit();
  expect(await read()).toEqual([{ row: 'old' }]);
  await clock.advance(1_100);
  expect(await read()).toEqual([{ row: 'new' }]);
  expect(clock.timers.filter((ms) => ms < 10_000)).toEqual([]);
});

test('a pool that closes does not leave with a commit in doubt', async () => {
  const { db, clock, read, write, commit } = slowToCommit();
  await expect(db.transaction(write)).rejects.toThrow(SqlCommitUnknownError);
  const stale = await read();
  commit();
  const reading = read; // from the cache: the pool is closed then
  await db.close();
  expect(stale).toEqual([{ row: 'old' }]);
  await expect(reading()).rejects.toThrow(PoolClosedError);
  expect(clock.timers).toEqual([]);
});

test('a task that fails while the outcome is unknown fails nobody else, now or later', async () => {
  const clock = new ManualClock();
  const { client } = clientThat(async (text) => {
    if (text === 'COMMIT') throw new Error('cut');
    return fine(text);
  });
  const db = sqlPool({ client, clock, statementTimeout: 100 });
  const done: string[] = [];
  const committing = db.transaction(async (tx) => {
    tx.afterCommit(() => {
      throw new Error('cache is away');
    });
    tx.afterCommit(() => done.push('second'));
  });
  await expect(committing).rejects.toThrow(SqlCommitUnknownError);
  await clock.advance(1_100);
  expect(done).toEqual(['second', 'second']);
});

test.each([
  ['the connection is cut', new Error('cut')],
  ['the server ends it', serverError('57P01', 'FATAL')],
])(
  '%s before the commit, and the function swallows that: nothing was committed, nothing follows',
  async (_what, cut) => {
    const sent: string[] = [];
    const { client, ended } = clientThat(async (text) => {
      sent.push(text);
      if (text.startsWith('UPDATE')) throw cut;
      return fine(text);
    });
    const db = sqlPool({ client });
    const done: string[] = [];
    const committing = db.transaction(async (tx) => {
      tx.afterCommit(() => done.push('never'));
      await tx.query('UPDATE a').catch(() => {});
      await tx.query('SELECT 1').catch(() => {});
    });
    await expect(committing).rejects.toBe(cut);
    expect(done).toEqual([]);
    expect(sent).toEqual(['SET statement_timeout = 30000', 'BEGIN', 'UPDATE a']);
    expect(ended()).toBe(1);
  },
);

test('an abort while a statement of a transaction runs is told at once: nothing waits behind that statement', async () => {
  const sent: string[] = [];
  const { client, ended } = clientThat((text) => {
    sent.push(text);
    return text === 'SELECT slow' ? new Promise(() => {}) : Promise.resolve(fine(text));
  });
  const db = sqlPool({ client });
  const abort = new AbortController();
  const done: string[] = [];
  const running = db.transaction(
    async (tx) => {
      tx.afterCommit(() => done.push('never'));
      setImmediate(() => abort.abort(new Error('enough')));
      await tx.query('SELECT slow');
    },
    { signal: abort.signal },
  );
  await expect(running).rejects.toThrow('enough');
  expect([sent.at(-1), ended(), done]).toEqual(['SELECT slow', 1, []]);
  expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
});

test('an abort costs the connection though its reason looks like an error after which one stays', async () => {
  const abort = new AbortController();
  const { client, ended } = clientThat((text) => {
    if (text !== 'SELECT slow') return Promise.resolve(fine(text));
    abort.abort(serverError('23505'));
    return new Promise(() => {});
  });
  const db = sqlPool({ client });
  await expect(db.query('SELECT slow', [], { signal: abort.signal })).rejects.toMatchObject({ code: '23505' });
  expect(ended()).toBe(1);
  expect(db.stats()).toMatchObject({ borrowed: 0, idle: 0, destroyed: { discarded: 1 } });
});

test('a statement whose signal is aborted already is not sent, and costs neither the connection nor the transaction', async () => {
  const sent: string[] = [];
  const { client } = clientThat(async (text) => {
    sent.push(text);
    return fine(text);
  });
  const db = sqlPool({ client });
  await db.transaction(async (tx) => {
    const given = tx.query('SELECT never', [], { signal: AbortSignal.abort(new Error('gone')) });
    await expect(given).rejects.toThrow('gone');
    await tx.query('SELECT 1');
  });
  expect(sent.slice(1)).toEqual(['BEGIN', 'SELECT 1', 'COMMIT']);
  expect(db.stats()).toMatchObject({ idle: 1, created: 1 });
});

test('an abort in any phase fails the call, loses no count and leaves no listener', async () => {
  const phases = ['connect', 'SET', 'BEGIN', 'SELECT', 'work'];
  for (const phase of phases) {
    const abort = new AbortController();
    const hang = (here: boolean): Promise<void> => {
      if (!here) return Promise.resolve();
      setImmediate(() => abort.abort(new Error(`left at ${phase}`)));
      return new Promise(() => {});
    };
    const { client } = clientThat((text) => hang(text.startsWith(phase)).then(() => fine(text)));
    const clock = new ManualClock();
    const db = sqlPool({
      clock,
      max: 1,
      client: () => ({ ...client(), connect: () => hang(phase === 'connect') }),
    });
    const call = db.transaction(
      async (tx) => {
        await tx.query('SELECT 1');
        if (phase === 'work') abort.abort(new Error('left at work'));
      },
      { signal: abort.signal },
    );
    await expect(call).rejects.toThrow(`left at ${phase}`);
    expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
    expect(db.stats()).toMatchObject({ borrowed: 0, waiting: 0 });
    const closing = db.close({ deadline: 0 });
    await clock.advance(10_000);
    await closing;
    expect(db.stats().size).toBe(0);
    expect(clock.timers).toEqual([]);
  }
});

test('a connection that breaks while it is validated is replaced, and the call does not hear of it', async () => {
  let connections = 0;
  const { client } = clientThat(async (text) => fine(text));
  const db = sqlPool({
    validateAfter: 0,
    client: () => {
      const own = ++connections;
      return {
        ...client(),
        query: async ({ text }) => {
          if (own === 1 && text === 'SELECT 1') throw new Error('cut');
          return fine(text);
        },
      };
    },
  });
  await db.query('SELECT 2');
  expect((await db.query('SELECT 3')).command).toBe('SELECT');
  expect(connections).toBe(2);
  expect(db.stats()).toMatchObject({ borrowed: 0, size: 1, destroyed: { invalid: 1 }, errors: { validation: 1 } });
});

test('a commit that the server refuses is none: nothing follows it, and the connection stays', async () => {
  const refused = serverError('40001');
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
