import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { FaultProxy } from './fault-proxy.js';

/** A server that answers every line with itself, behind a proxy that labels a connection by what it says first. */
async function echo(): Promise<{ proxy: FaultProxy; served: Socket[] }> {
  const served: Socket[] = [];
  const server = createServer((socket) => {
    served.push(socket);
    socket.on('error', () => {}).on('data', (chunk) => socket.write(chunk));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = await FaultProxy.start({
    port: (server.address() as AddressInfo).port,
    labelOf: (chunk) => /^I am (\w+)/.exec(chunk.toString())?.[1],
  });
  onTestFinished(async () => {
    await proxy.stop();
    for (const socket of served) socket.destroy();
    server.close();
  });
  return { proxy, served };
}

/** Tells that bytes have come by. */
class Signal {
  #tell = () => {};
  readonly given = new Promise<void>((resolve) => {
    this.#tell = resolve;
  });

  give<T>(value: T): T {
    this.#tell();
    return value;
  }
}

class Client {
  readonly socket: Socket;
  heard = '';
  ended: 'reset' | 'finished' | undefined;

  private constructor(port: number) {
    this.socket = connect(port, '127.0.0.1')
      .setEncoding('utf8')
      .on('data', (text: string) => {
        this.heard += text;
      })
      .on('error', () => {
        this.ended = 'reset';
      })
      .on('close', () => {
        this.ended ??= 'finished';
      });
  }

  /** Connects, and says its name, which comes back. */
  static async start(proxy: FaultProxy, name: string): Promise<Client> {
    const client = new Client(proxy.port);
    onTestFinished(() => {
      client.socket.destroy();
    });
    await client.ask(`I am ${name}`);
    return client;
  }

  say(text: string): void {
    this.socket.write(`${text}\n`);
  }

  /** @returns how long the answer took, in milliseconds. */
  async ask(text: string): Promise<number> {
    const began = performance.now();
    this.say(text);
    await this.until(() => this.heard.includes(`${text}\n`));
    return performance.now() - began;
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.socket.once('data', () => resolve()).once('close', () => resolve());
      });
    }
  }
}

test('passes bytes both ways, and the end of a connection', async () => {
  const { proxy, served } = await echo();
  const client = await Client.start(proxy, 'a');
  expect(proxy.connections()).toBe(1);
  const closed = once(served[0] as Socket, 'close');
  client.socket.end();
  await closed;
  await client.until(() => client.ended !== undefined);
  expect(client.ended).toBe('finished');
  await expect.poll(() => proxy.connections()).toBe(0);
});

test('passes the end of a server on', async () => {
  const { proxy, served } = await echo();
  const client = await Client.start(proxy, 'a');
  served[0]?.destroy();
  await client.until(() => client.ended !== undefined);
});

test('cuts the connections of a label: both sides see a reset, the others live on', async () => {
  const { proxy, served } = await echo();
  const feed = await Client.start(proxy, 'feed');
  const other = await Client.start(proxy, 'other');
  const lost = new Promise((resolve) => served[0]?.once('error', resolve));
  expect(proxy.cut('feed')).toBe(1);
  expect(await lost).toMatchObject({ code: 'ECONNRESET' });
  await feed.until(() => feed.ended !== undefined);
  expect(feed.ended).toBe('reset');
  await other.ask('still there');
});

test('delays one direction of one label, keeps the order, and delivers what is under way when it ends', async () => {
  const { proxy } = await echo();
  const slow = await Client.start(proxy, 'slow');
  const quick = await Client.start(proxy, 'quick');
  const passing = new Signal();
  const end = proxy.inject({ kind: 'delay', ms: () => passing.give(120) }, { label: 'slow', direction: 'toServer' });
  const first = slow.ask('first');
  await passing.given;
  expect(await quick.ask('quick')).toBeLessThan(100);
  end();
  const second = slow.ask('second');
  expect(await first).toBeGreaterThan(110);
  await second;
  expect(slow.heard).toBe('I am slow\nfirst\nsecond\n');
});

test('a silence swallows one direction without a word; the connection never comes back, new ones do', async () => {
  const { proxy, served } = await echo();
  const client = await Client.start(proxy, 'a');
  const where = { label: 'a', direction: 'toClient' } as const;
  const end = proxy.inject({ kind: 'silence' }, where);
  const passing = new Signal();
  proxy.inject({ kind: 'delay', ms: () => passing.give(0) }, where);
  client.say('lost');
  await passing.given;
  end();
  const again = once(served[0] as Socket, 'data');
  client.say('and this');
  await again;
  const next = await Client.start(proxy, 'b');
  await next.ask('hello');
  expect(client.heard).toBe('I am a\n');
  expect(client.ended).toBeUndefined();
});

test('a server that is gone looks like one: the client is reset', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  const proxy = await FaultProxy.start({ port });
  onTestFinished(() => proxy.stop());
  const socket = connect(proxy.port, '127.0.0.1');
  const [error] = await once(socket, 'error');
  expect(error).toMatchObject({ code: 'ECONNRESET' });
});
