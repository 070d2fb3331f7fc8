import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);

/** Whether V8 has the methods of strings at hand, in a process that has run `code`. */
async function isFastAfter(code: string): Promise<string> {
  const args = ['--allow-natives-syntax', '--input-type=module', '-e'];
  const ask = 'console.log(%HasFastProperties(String.prototype));';
  const { stdout } = await run(process.execPath, [...args, `${code}\n${ask}`], { cwd: import.meta.dirname });
  return stdout.trim();
}

// Where this fails, the other one proves nothing any more, and the import has had its time.
test.runIf(process.versions.node.startsWith('20.'))('ioredis by itself makes the methods of strings slow', async () => {
  expect(await isFastAfter("await import('ioredis');")).toBe('false');
});

test('ioredis as this package brings it leaves the methods of strings fast', async () => {
  expect(await isFastAfter("await import('@tierwise/l2-redis');")).toBe('true');
});
