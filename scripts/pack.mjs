/** `node scripts/pack.mjs <folder>`: packs every package of a built workspace into the folder, as a registry would get it. */
import { resolve } from 'node:path';
import { pack } from './lib/pack.mjs';

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: node scripts/pack.mjs <folder>');
for (const tarball of await pack(resolve(folder))) console.log(tarball);
