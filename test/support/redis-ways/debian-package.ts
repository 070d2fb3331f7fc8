import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { localServer } from './local-server.js';
import { Missing, type Way } from './way.js';

/** Where invoke-rc.d asks whether it may start a service; 101 means no. */
const POLICY = '/usr/sbin/policy-rc.d';

/**
 * As root on Debian and its kin: installs the package `redis-server`, says so, and goes on as with any server on PATH. The
 * package's own service is kept from starting: the machine has asked for a test run, not for a database.
 */
export const debianPackage: Way = async (say) => {
  if (process.getuid?.() !== 0) return new Missing('not root, so redis-server cannot be installed');
  if (!existsSync('/usr/bin/apt-get')) return new Missing('not a Debian machine (no apt-get)');
  say('installing the Debian package redis-server (its service is not started)');
  const ownPolicy = !existsSync(POLICY);
  if (ownPolicy) await writeFile(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await aptGet('update', '-qq');
    await aptGet('install', '-y', '-qq', '--no-install-recommends', 'redis-server');
  } catch (error) {
    return new Missing(`redis-server could not be installed: ${(error as Error).message}`);
  } finally {
    if (ownPolicy) await rm(POLICY, { force: true });
  }
  return localServer(say);
};

async function aptGet(...args: string[]): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const child = spawn('/usr/bin/apt-get', args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (data: Buffer) => {
    output += data;
  });
  child.stderr.on('data', (data: Buffer) => {
    output += data;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`apt-get ${args[0]} failed:\n${output.trim()}`);
}
