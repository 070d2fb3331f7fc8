import { createHierarchy } from '@tierwise/hierarchy';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { deferred } from '../../test/deferred.js';
import { givenServer, pgliteServer, type SqlServer } from '../../test/sql-server.js';
import { PoolMisuseError, type PoolStats } from '../index.js';
import {
  cachedQuery,
  invalidateTables,
  SqlCommitUnknownError,
  type SqlPool,
  type SqlPoolOptions,
  SqlRolledBackError,
  sqlPool,
} from './index.js';

const url = process.env['DATABASE_URL'];
const SERVERS: { name: string; start: () => Promise<SqlServer> }[] = [{ name: 'PGlite', start: pgliteServer }];
if (url) SERVERS.push({ name: 'the server of DATABASE_URL', start: () => givenServer(url) });

const TABLE = `tierwise_pool_${process.pid}`;

describe.each(SERVERS)('on $name', ({ start }) => {
  let server: SqlServer;
  let db: SqlPool;
  const pools: SqlPool[] = [];

  const open = (options: Partial<SqlPoolOptions> = {}): SqlPool => {
    const pool = sqlPool({ client: () => server.client(), max: 4, ...options });
    pools.push(pool);
    return pool;
  };

  beforeAll(async () => {
    server = await start();
  }, 60_000);

  afterAll(async () => {
    await db.query(`DROP TABLE IF EXISTS ${TABLE}`);
    await Promise.all(pools.map((pool) => pool.close()));
    await server.close();
  });

  beforeEach(async () => {
    db = open();
    await db.query(`DROP TABLE IF EXISTS ${TABLE}`);
    await db.query(`CREATE TABLE ${TABLE} (id int PRIMARY KEY, name text)`);
    await db.query(`INSERT INTO ${TABLE} VALUES (1, 'Ada'), (2, 'Grace')`);
  });

  const names = async (): Promise<string[]> => {
    const { rows } = await db.query<{ name: string }>(`SELECT name FROM ${TABLE} ORDER BY id`);
    return rows.map((row) => row.name);
  };

  test('a statement with parameters; an error of SQL is the server’s, and costs no connection', async () => {
    const { rows, rowCount } = await db.query<{ name: string }>(`SELECT name FROM ${TABLE} WHERE id = $1`, [2]);
    expect([rows, rowCount]).toEqual([[{ name: 'Grace' }], 1]);
    await expect(db.query('SELECT * FROM no_such_table')).rejects.toMatchObject({ code: '42P01' });
    expect(db.stats()).toMatchObject({ pool: 'sql', borrowed: 0, idle: 1, size: 1, created: 1 });
  });

  test('a transaction is committed when its function resolves, rolled back when it rejects', async () => {
    const done: string[] = [];
    const result = await db.transaction(async (tx) => {
      tx.afterCommit(() => done.push('committed'));
      await tx.query(`UPDATE ${TABLE} SET name = 'Adele' WHERE id = 1`);
      expect(done).toEqual([]);
      return 'ok';
    });
    expect([result, done, await names()]).toEqual(['ok', ['committed'], ['Adele', 'Grace']]);
    const failing = db.transaction(async (tx) => {
      tx.afterCommit(() => done.push('never'));
      await tx.query(`DELETE FROM ${TABLE}`);
      throw new Error('changed my mind');
    });
    await expect(failing).rejects.toThrow('changed my mind');
    expect([done, await names()]).toEqual([['committed'], ['Adele', 'Grace']]);
    expect(db.stats().borrowed).toBe(0);
  });

  test('a failed statement whose error is swallowed does not count as committed', async () => {
    const done: string[] = [];
    const swallowing = db.transaction(async (tx) => {
      tx.afterCommit(() => done.push('never'));
      await tx.query(`DELETE FROM ${TABLE}`);
      await tx.query('SELECT 1/0').catch(() => {});
    });
    await expect(swallowing).rejects.toThrow(SqlRolledBackError);
    expect([done, await names()]).toEqual([[], ['Ada', 'Grace']]);
  });

  test('a transaction is unusable after its end, when its connection may be another one’s', async () => {
    let kept: Parameters<Parameters<typeof db.transaction>[0]>[0] | undefined;
    await db.transaction(async (tx) => {
      kept = tx;
    });
    await expect(kept?.query('SELECT 1')).rejects.toThrow(PoolMisuseError);
  });

  test('the options of a transaction reach the server', async () => {
    const writing = db.transaction((tx) => tx.query(`DELETE FROM ${TABLE}`), {
      readOnly: true,
      isolation: 'serializable',
    });
    await expect(writing).rejects.toMatchObject({ code: '25006' });
    const level = await db.transaction(
      async (tx) => (await tx.query<{ transaction_isolation: string }>('SHOW transaction_isolation')).rows[0],
      { isolation: 'repeatable read' },
    );
    expect(level).toEqual({ transaction_isolation: 'repeatable read' });
  });

  test('an abort ends what is in flight: its connection goes, the pool lives', async () => {
    const abort = new AbortController();
    const stuck = db.transaction(
      async (tx) => {
        await tx.query(`DELETE FROM ${TABLE}`);
        abort.abort(new Error('enough'));
        await tx.query('SELECT 1');
      },
      { signal: abort.signal },
    );
    await expect(stuck).rejects.toThrow('enough');
    expect(await names()).toEqual(['Ada', 'Grace']);
    expect(db.stats().borrowed).toBe(0);
  });

  test('sockets that are reset under load fail only the calls in flight, and lose no count', async () => {
    await killedUnderLoad(async () => server.cutter.cut());
  });

  test('a statement that takes too long is ended by the server, and its connection stays', async (context) => {
    if (!server.terminate) return context.skip(); // PGlite keeps no time
    const pool = open({ statementTimeout: 50 });
    await expect(pool.query('SELECT pg_sleep(10)')).rejects.toMatchObject({ code: '57014' });
    expect(pool.stats()).toMatchObject({ idle: 1, created: 1 });
  });

  test('a commit that is cut and happens nevertheless leaves no old rows in the cache', async (context) => {
    const admin = server.direct?.();
    if (!admin) return context.skip(); // PGlite gives a commit up with its connection
    await admin.connect();
    const cache = createHierarchy({ namespace: 'cut', ttl: '1h' });
    const held = `${TABLE}_held`;
    // The commit waits until the test lets go of the lock.
    const body = `BEGIN PERFORM pg_advisory_xact_lock(${process.pid}); RETURN NEW; END`;
    await admin.query(`CREATE FUNCTION ${held}() RETURNS trigger AS '${body}' LANGUAGE plpgsql`);
    await admin.query(
      `CREATE CONSTRAINT TRIGGER held AFTER UPDATE ON ${TABLE} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ${held}()`,
    );
    await admin.query(`SELECT pg_advisory_lock(${process.pid})`);
    const pool = open({ statementTimeout: 3_000 });
    const text = `SELECT name FROM ${TABLE} WHERE id = 1`;
    const read = cachedQuery<{ name: string }>(db, cache, { text, tables: [TABLE] });
    const outcomes: string[] = [];
    const committing = pool
      .transaction(async (tx) => {
        tx.afterCommit((outcome) => {
          outcomes.push(outcome);
          return invalidateTables(cache, [TABLE]);
        });
        await tx.query(`UPDATE ${TABLE} SET name = 'Alan' WHERE id = 1`);
      })
      .catch((error) => error);
    const rows = async (statement: string) => (await admin.query(statement)).rowCount;
    const waiting = `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = ${process.pid} AND NOT granted`;
    while ((await rows(waiting)) === 0);
    server.cutter.cut();
    expect(await committing).toBeInstanceOf(SqlCommitUnknownError);
    expect(await read()).toEqual([{ name: 'Ada' }]);
    await admin.query(`SELECT pg_advisory_unlock(${process.pid})`);
    while ((await rows(`${text} AND name = 'Alan'`)) === 0);
    expect(await read()).toEqual([{ name: 'Ada' }]);
    while (outcomes.length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
    await cache.get('another turn');
    expect(await read()).toEqual([{ name: 'Alan' }]);
    await cache.close();
    await admin.query(`DROP FUNCTION ${held} CASCADE`);
    await admin.end();
  }, 20_000);

  test('an abort does not wait for the statement that it gives up', async (context) => {
    if (!server.terminate) return context.skip(); // PGlite is one thread with the test
    const pool = open();
    const abort = new AbortController();
    const since = performance.now();
    const sleeping = pool.transaction((tx) => tx.query('SELECT pg_sleep(20)'), { signal: abort.signal });
    setTimeout(() => abort.abort(new Error('enough')), 100);
    await expect(sleeping).rejects.toThrow('enough');
    expect(performance.now() - since).toBeLessThan(5_000);
    expect(pool.stats()).toMatchObject({ borrowed: 0 });
  });

  test('so do connections that the server terminates', async (context) => {
    if (!server.terminate) return context.skip();
    await killedUnderLoad(server.terminate);
  });

  async function killedUnderLoad(kill: () => Promise<void>): Promise<void> {
    const pool = open({ max: 4, maxWaiting: 1_000 });
    let failed = 0;
    let succeeded = 0;
    const load = async (rounds: number): Promise<void> => {
      for (let round = 0; round < rounds; round++) {
        await pool.query('SELECT $1::int AS n', [round]).then(
          () => succeeded++,
          () => failed++,
        );
      }
    };
    const loads = Promise.all(Array.from({ length: 20 }, () => load(20)));
    for (let kills = 1; kills <= 3; kills++) {
      while (succeeded < kills * 60) await new Promise((resolve) => setImmediate(resolve));
      await kill();
    }
    await loads;
    // A call is in flight on each of 4 connections, three times; that of one being made may fail as well.
    expect(failed).toBeGreaterThan(0);
    expect(failed).toBeLessThanOrEqual(24);
    expect(failed + succeeded).toBe(400);
    const stats: PoolStats = pool.stats();
    expect(stats).toMatchObject({ borrowed: 0, waiting: 0, connecting: 0 });
    expect((await pool.query('SELECT 1')).rowCount).toBe(1);
    await pool.close();
    const { created, destroyed, size } = pool.stats();
    expect(size).toBe(0);
    expect(Object.values(destroyed).reduce((sum, count) => sum + count, 0)).toBe(created);
    expect(destroyed.lost + destroyed.discarded).toBeGreaterThanOrEqual(4);
  }

  describe('cachedQuery', () => {
    const cached = () => {
      const cache = createHierarchy({ namespace: 'rows', ttl: '1m' });
      let asked = 0;
      const counting: Pick<SqlPool, 'query'> = {
        query: (...args) => {
          asked++;
          return db.query(...args);
        },
      };
      const byId = cachedQuery<{ name: string }>(counting, cache, {
        text: `SELECT name FROM ${TABLE} WHERE id = $1`,
        tables: [TABLE],
      });
      return { cache, byId, asked: () => asked };
    };

    test('asks once for the same values, and tells values apart', async () => {
      const { byId, asked, cache } = cached();
      expect([await byId([1]), await byId([1]), await byId([2])]).toEqual([
        [{ name: 'Ada' }],
        [{ name: 'Ada' }],
        [{ name: 'Grace' }],
      ]);
      expect(asked()).toBe(2);
      await byId(['1']);
      expect(asked()).toBe(3);
      await cache.close();
    });

    test('rows are invalidated after the commit: not before it, and not by a rollback', async () => {
      const { byId, asked, cache } = cached();
      await byId([1]);
      const rename = async (name: string, commits: Promise<boolean>) => {
        const updated = deferred<void>();
        const end = db.transaction(async (tx) => {
          tx.afterCommit(() => invalidateTables(cache, [TABLE]));
          await tx.query(`UPDATE ${TABLE} SET name = $1 WHERE id = 1`, [name]);
          updated.resolve();
          if (!(await commits)) throw new Error('no');
        });
        await updated.promise;
        return { end };
      };
      const first = deferred<boolean>();
      const rolledBack = await rename('Alan', first.promise);
      expect(await byId([1])).toEqual([{ name: 'Ada' }]);
      first.resolve(false);
      await expect(rolledBack.end).rejects.toThrow('no');
      await byId([1]);
      expect(asked()).toBe(1);

      const second = deferred<boolean>();
      const committed = await rename('Alan', second.promise);
      expect(await byId([1])).toEqual([{ name: 'Ada' }]);
      expect(asked()).toBe(1);
      second.resolve(true);
      await committed.end;
      expect(await byId([1])).toEqual([{ name: 'Alan' }]);
      expect(asked()).toBe(2);
      await cache.close();
    });
  });
});
