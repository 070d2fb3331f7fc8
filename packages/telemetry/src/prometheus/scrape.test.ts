import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { dashboardQueries, OPS } from '../../test/ops.js';

const DEMO = fileURLToPath(new URL('../../../../examples/city-service/dist/demo.js', import.meta.url));
const isInstalled = spawnSync('prometheus', ['--version']).error === undefined;
/** PostgreSQL starts in the demo, and other tests run meanwhile (milliseconds). */
const LIMIT_MS = 180_000;

test.skipIf(!isInstalled)(
  'a Prometheus that scrapes the demo has data for every query of the dashboard',
  { timeout: LIMIT_MS },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tierwise-prometheus-'));
    const children: ChildProcess[] = [];
    try {
      const demo = spawn(
        process.execPath,
        [DEMO, '--seconds', '60', '--grace', '5000', '--metrics', '0', '--seed', '1'],
        {
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      );
      children.push(demo);
      const targets = await printed(demo, /metrics: (.+)/);
      const hosts = targets.split(' ').map((url) => new URL(url).host);
      expect(hosts).toHaveLength(2);
      await writeFile(
        join(folder, 'prometheus.yml'),
        `global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: ['${OPS}rules.yml', '${OPS}alerts.yml']
scrape_configs:
  - { job_name: demo, static_configs: [{ targets: ${JSON.stringify(hosts)} }] }
`,
      );
      const port = await freePort();
      const prometheus = spawn(
        'prometheus',
        [
          `--config.file=${folder}/prometheus.yml`,
          `--storage.tsdb.path=${folder}/data`,
          `--web.listen-address=127.0.0.1:${port}`,
          '--log.level=error',
        ],
        { stdio: ['ignore', 'inherit', 'inherit'] },
      );
      children.push(prometheus);

      const ask = async (query: string): Promise<number[]> => {
        const response = await fetch(`http://127.0.0.1:${port}/api/v1/query?${new URLSearchParams({ query })}`).catch(
          () => undefined,
        );
        if (response === undefined || response.status === 503) return [];
        const { status, error, data } = (await response.json()) as {
          status: string;
          error?: string;
          data: { result: { value: [number, string] }[] };
        };
        expect(status, `${query}: ${error}`).toBe('success');
        return data.result.map(({ value }) => Number(value[1]));
      };
      const queries = [
        ...dashboardQueries('10s'),
        { panel: 'a recording rule', expr: 'tierwise:reads:rate5m' },
        { panel: 'both nodes are scraped', expr: 'sum(up) == 2' },
      ];
      let open = queries;
      const deadline = performance.now() + LIMIT_MS / 2;
      while (open.length > 0 && performance.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, 500));
        const still = await Promise.all(open.map(async ({ expr }) => !(await ask(expr)).some(Number.isFinite)));
        open = open.filter((_, index) => still[index]);
      }
      expect(open).toEqual([]);
      expect(await ask('ALERTS{alertstate="firing"}')).toEqual([]);
    } finally {
      for (const child of children.reverse()) await end(child);
      await rm(folder, { recursive: true, force: true });
    }
  },
);

function printed({ stdout }: ChildProcess, pattern: RegExp): Promise<string> {
  let output = '';
  return new Promise((resolve, reject) => {
    stdout?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      const found = pattern.exec(output)?.[1];
      if (found !== undefined) resolve(found.trim());
    });
    stdout?.on('end', () => reject(new Error(`it ended without a word of ${pattern}:\n${output}`)));
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGINT');
  await once(child, 'exit');
}

async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
