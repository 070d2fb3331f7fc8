/**
 * Two shops read prices through a cache that they share; a transaction makes them read anew, once it is committed.
 *
 *   node examples/sql-read-through/dist/main.js [postgres://user:password@host/database]
 *
 * Without a database of your own, one is started within this process. What is cached lies in a directory of its own.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startDatabase } from './database.js';
import { openShop } from './shop.js';

const [url] = process.argv.slice(2);
const database = url
  ? { client: () => new pg.Client({ connectionString: url }), stop: async () => {} }
  : await startDatabase();

const admin = database.client();
await admin.connect();
await admin.query('DROP TABLE IF EXISTS products');
await admin.query('CREATE TABLE products (name text PRIMARY KEY, price int)');
await admin.query("INSERT INTO products VALUES ('pear', 10)");

const dir = await mkdtemp(join(tmpdir(), 'tierwise-sql-'));
const north = openShop(database, dir);
const south = openShop(database, dir);

console.log(`north reads ${await north.readPrice('pear')}`);
console.log(`north reads ${await north.readPrice('pear')}`);
console.log(`south reads ${await south.readPrice('pear')}`);

const rollingBack = north.changePrice('pear', 11, async () => {
  throw new Error('changed my mind');
});
await rollingBack.catch((error: Error) => console.log(`north rolls back: ${error.message}`));
console.log(`south reads ${await south.readPrice('pear')}`);

await north.changePrice('pear', 12, async () => {
  console.log(`south reads before the commit: ${await south.readPrice('pear')}`);
});
console.log('north commits');
console.log(`north reads ${await north.readPrice('pear')}`);
console.log(`south reads ${await south.readPrice('pear')}`);

await Promise.all([north.close(), south.close()]);
await admin.query('DROP TABLE products');
await admin.end();
await database.stop();
await rm(dir, { recursive: true });
