import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { foreignImports } from './support/foreign-imports.js';

const execute = promisify(execFile);
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const packages = await readPackages();

/** The entry points that are there for the sake of optional peers; all others must do without any. */
const PEER_ENTRIES: readonly string[] = [
  '@tierwise/l2/conformance',
  '@tierwise/pools/http',
  '@tierwise/telemetry/prometheus',
  '@tierwise/telemetry/opentelemetry',
];

let folder: string;

// Packing and installing from the registry: seconds, or minutes on a slow line.
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tierwise-packages-'));
  await writeFile(join(folder, 'package.json'), '{ "private": true }');
  await execute(process.execPath, [join(root, 'scripts/pack.mjs'), folder]);
  const tarballs = (await readdir(folder)).filter((name) => name.endsWith('.tgz')).map((name) => `./${name}`);
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];
  await execute('npm', ['install', ...quiet, ...tarballs], { cwd: folder });
}, 240_000);

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe.each(packages)('$name, packed and installed in an empty folder', (manifest) => {
  const entries = Object.keys(manifest.exports)
    .filter((path) => path !== './package.json')
    .map((path) => ({ path, specifier: manifest.name + path.slice(1) }));

  describe.each(entries)('$specifier', ({ path, specifier }) => {
    const usesPeers = PEER_ENTRIES.includes(specifier);

    if (!usesPeers) {
      it('gives the same exports to import, to require and in the workspace', async () => {
        const inWorkspace = Object.keys(await import(join(manifest.folder, entry(path).default))).sort();
        expect(inWorkspace).not.toEqual([]);
        expect(await exportsBy(`import * as it from '${specifier}'; ${PRINT}`, 'module')).toEqual(inWorkspace);
        expect(await exportsBy(`const it = require('${specifier}'); ${PRINT}`, 'commonjs')).toEqual(inWorkspace);
      });
    }

    it('loads, and mentions in its types, only what the package declares', async () => {
      const allowed = new Set([...manifest.declared, ...(usesPeers ? manifest.optionalPeers : [])]);
      for (const file of Object.values(entry(path))) {
        const foreign = await foreignImports(join(folder, 'node_modules', manifest.name, file));
        expect([...foreign].filter((name) => !allowed.has(name) && !name.startsWith('node:'))).toEqual([]);
      }
    });
  });

  it('has neither tests nor build state in its tarball, and no workspace versions', async () => {
    const installed = join(folder, 'node_modules', manifest.name);
    const files = await readdir(installed, { recursive: true });
    expect(files).toContain('package.json');
    expect(files.filter((file) => /\.test[.-]|tsbuildinfo/.test(file))).toEqual([]);
    expect(await readFile(join(installed, 'package.json'), 'utf8')).not.toMatch(/"(?:workspace|catalog):/);
  });

  function entry(path: string): Entry {
    const found = manifest.exports[path];
    if (typeof found !== 'object') throw new Error(`${manifest.name} exports ${path} without types`);
    return found;
  }
});

const PRINT = `process.stdout.write(JSON.stringify(Object.keys(it).filter((name) => name !== '__esModule').sort()))`;

async function exportsBy(code: string, type: 'module' | 'commonjs'): Promise<unknown> {
  const { stdout } = await execute(process.execPath, [`--input-type=${type}`, '--eval', code], { cwd: folder });
  return JSON.parse(stdout);
}

interface Entry {
  readonly types: string;
  readonly default: string;
}

interface Package {
  readonly name: string;
  readonly folder: string;
  readonly exports: Readonly<Record<string, Entry | string>>;
  /** Packages that are surely there where this one is installed. */
  readonly declared: readonly string[];
  /** Packages that are there only if the user wants them. */
  readonly optionalPeers: readonly string[];
}

async function readPackages(): Promise<Package[]> {
  const names = await readdir(join(root, 'packages'));
  return Promise.all(
    names.sort().map(async (name) => {
      const folder = join(root, 'packages', name);
      const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
      const optionalPeers = Object.keys(manifest.peerDependenciesMeta ?? {});
      const peers = Object.keys(manifest.peerDependencies ?? {}).filter((peer) => !optionalPeers.includes(peer));
      const declared = [...Object.keys(manifest.dependencies ?? {}), ...peers, manifest.name];
      return { name: manifest.name, folder, exports: manifest.exports, declared, optionalPeers };
    }),
  );
}
