import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pack } from './pack.mjs';
import { run, tool } from './run.mjs';

/**
 * Checks the packages as a registry would get them: publint for what package.json promises, attw for whether types and
 * code resolve alike. The profile is esm-only: from Node 20.19 on, `require` loads ES modules too.
 */
export async function packageChecks(note) {
  const folder = await mkdtemp(join(tmpdir(), 'tierwise-pack-'));
  try {
    const tarballs = await pack(folder);
    for (const tarball of tarballs) {
      note(tarball);
      await run([...tool('publint'), '--strict', join(folder, tarball)]);
      await run([
        ...tool('@arethetypeswrong/cli', 'attw'),
        '--profile',
        'esm-only',
        '--no-emoji',
        join(folder, tarball),
      ]);
    }
    return `${tarballs.length} packages`;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
