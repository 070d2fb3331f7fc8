import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { openNode, ownServer, until } from './testing/node.js';

const LIMITS = { commandTimeout: 300, connectTimeout: 300, heartbeatInterval: 50, maxReconnectDelay: 10_000 };

/** Runs a program that is to end by itself, in a folder from which our packages can be imported. */
async function runs(program: string, ...args: string[]): Promise<string> {
  const source = `import { redisL2 } from '@tierwise/l2-redis';
    const [url, pid] = process.argv.slice(1);
    const states = [];
    const host = { origin: 'child', onNews() {}, onFeedState: (state) => states.push(state) };
    const l2 = redisL2({ url, ...${JSON.stringify(LIMITS)} });
    ${program}
    console.log('closed');`;
  const options = { cwd: join(import.meta.dirname, '..'), timeout: 8_000 };
  const argv = ['--input-type=module', '--eval', source, ...args];
  const { stdout } = await promisify(execFile)(process.execPath, argv, options);
  return stdout.trim();
}

test('a process whose L2 is closed comes to its end', async (context) => {
  const server = await ownServer(context);
  const program = `await l2.open(host);
    await l2.feed.follow('n');
    await l2.read('n', ['a']);
    await l2.close();
    await l2.close();`;
  expect(await runs(program, server.url)).toBe('closed');
});

test('also when the server is frozen', async (context) => {
  const server = await ownServer(context);
  const program = `await l2.open(host);
    await l2.feed.follow('n');
    process.kill(Number(pid), 'SIGSTOP');
    l2.read('n', ['a']).catch((error) => console.log(error.code));
    await l2.close();`;
  expect(await runs(program, server.url, String(server.pid))).toBe('ERR_TIERWISE_L2_CLOSED\nclosed');
});

test('also while it waits to connect again, and before it ever was connected', async (context) => {
  const server = await ownServer(context);
  await server.kill();
  const program = `await l2.open(host).catch((error) => console.log(error.code));
    await l2.close();`;
  expect(await runs(program, server.url)).toBe('ERR_TIERWISE_L2_UNAVAILABLE\nclosed');
  expect(await runs('await l2.close();', server.url)).toBe('closed');
});

test('close leaves no socket and no timer, and tells the host nothing more', async (context) => {
  const server = await ownServer(context);
  const resources = () => process.getActiveResourcesInfo().filter((each) => /TCP|Timeout/.test(each)).length;
  const before = resources();
  const node = await openNode({ url: server.url, ...LIMITS });
  await until('alive', () => node.states.at(-1) === 'alive');
  expect(resources()).toBeGreaterThan(before);
  await node.l2.close();
  expect(node.states).toEqual(['alive']);
  await until('nothing is left', () => resources() <= before);
});
