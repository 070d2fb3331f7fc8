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

  /** Connects, and says its name, of which so much comes back. */
  static async start(proxy: FaultProxy, name: string, heard = `I am ${name}\n`): Promise<Client> {
    const client = new Client(proxy.port);
    onTestFinished(() => {
      client.socket.destroy();
    });
    client.say(`I am ${name}`);
    await client.until(() => client.heard.startsWith(heard));
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
      const controller = new AbortController();
      const { signal } = controller;
      await Promise.race([once(this.socket, 'data', { signal }), once(this.socket, 'close', { signal })]).catch(
        () => {},
      );
      controller.abort();
    }
  }
}

/** The numbers in turn, over and over. */
function alternating(...numbers: readonly [number, ...number[]]): () => number {
  let turn = 0;
  return () => {
    turn += 1;
    return numbers[turn % numbers.length] ?? 0;
  };
}

function bits(byte: number): number {
  return [...byte.toString(2)].filter((bit) => bit === '1').length;
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

test('jitter: chunks take longer or shorter, and still come in order', async () => {
  const { proxy } = await echo();
  const client = await Client.start(proxy, 'a');
  const delays = [90, 5, 40];
  proxy.inject({ kind: 'delay', ms: () => delays.shift() ?? 0 }, { direction: 'toServer' });
  const answers = [];
  for (const text of ['first', 'second', 'third']) {
    answers.push(client.ask(text));
    // Into a chunk of its own.
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const [first = 0, second = 0] = await Promise.all(answers);
  expect(first).toBeGreaterThan(80);
  expect(second).toBeGreaterThan(first - 30);
  expect(client.heard).toBe('I am a\nfirst\nsecond\nthird\n');
});

test('a throttle lets so many bytes a second pass, all of them, in order', async () => {
  const { proxy } = await echo();
  const client = await Client.start(proxy, 'a');
  const end = proxy.inject({ kind: 'throttle', bytesPerSecond: 10_000 }, { direction: 'toClient' });
  const text = Array.from({ length: 200 }, (_, i) => `${i}`.padStart(10, '.')).join('');
  const ms = await client.ask(text);
  expect(ms).toBeGreaterThan(190);
  expect(ms).toBeLessThan(2_000);
  expect(client.heard).toBe(`I am a\n${text}\n`);
  end();
  expect(await client.ask('quick')).toBeLessThan(150);
});

test('corruption turns single bits, and loses nothing', async () => {
  const { proxy } = await echo();
  const client = await Client.start(proxy, 'a');
  const end = proxy.inject(
    { kind: 'corrupt', oneIn: 4, random: alternating(0.9, 0.9, 0.9, 0.1) },
    { direction: 'toClient' },
  );
  client.socket.setEncoding('latin1');
  client.say('abcdefg');
  await client.until(() => client.heard.length === 15);
  const heard = [...client.heard.slice(7)].map((char) => char.charCodeAt(0));
  const changed = heard.filter((code, index) => code !== 'abcdefg\n'.charCodeAt(index));
  expect(changed.length).toBeGreaterThan(0);
  expect(changed.length).toBeLessThan(8);
  for (const [index, code] of heard.entries()) expect(bits(code ^ 'abcdefg\n'.charCodeAt(index))).toBeLessThan(2);
  end();
  await client.ask('whole again');
});

test('corruption of certain bytes leaves all others as they are', async () => {
  const { proxy } = await echo();
  const client = await Client.start(proxy, 'a');
  proxy.inject({ kind: 'corrupt', oneIn: 1, random: () => 0, only: Buffer.from('bad') });
  client.say('good bad better bad');
  await client.until(() => client.heard.length === 27);
  // Turned on the way there and, no longer being what is meant, not again on the way back.
  expect(client.heard).toBe('I am a\ngood c`e better c`e\n');
});

test('a cut after so many bytes: these pass, then the connection is reset; new ones have as many', async () => {
  const { proxy, served } = await echo();
  const client = await Client.start(proxy, 'a');
  const end = proxy.inject({ kind: 'cut', afterBytes: 4 }, { direction: 'toClient' });
  const lost = new Promise((resolve) => served[0]?.once('error', resolve));
  client.say('abcdefg');
  await client.until(() => client.ended !== undefined);
  // Node takes a reset that comes right behind bytes for an end, so the server's side must tell.
  expect(client.heard).toBe('I am a\nabcd');
  expect(await lost).toMatchObject({ code: 'ECONNRESET' });
  const next = await Client.start(proxy, 'b', 'I a');
  await next.until(() => next.ended !== undefined);
  expect(next.heard).toBe('I am');
  end();
  await Client.start(proxy, 'c');
});

test('a half-open connection: the server has let go, the client is not told and hears nothing; new ones work', async () => {
  const { proxy, served } = await echo();
  const client = await Client.start(proxy, 'a');
  const lost = new Promise((resolve) => served[0]?.once('error', resolve));
  expect(proxy.forsake('a')).toBe(1);
  expect(await lost).toMatchObject({ code: 'ECONNRESET' });
  client.say('hello?');
  const next = await Client.start(proxy, 'b');
  await next.ask('hello');
  expect(client.heard).toBe('I am a\n');
  expect(client.ended).toBeUndefined();
  client.socket.end();
  await client.until(() => client.ended !== undefined);
  await expect.poll(() => proxy.connections()).toBe(1);
});

test('a black hole in one direction: the server hears, the client does not', async () => {
  const { proxy, served } = await echo();
  const client = await Client.start(proxy, 'a');
  proxy.inject({ kind: 'silence' }, { direction: 'toClient' });
  const heard = once(served[0] as Socket, 'data');
  client.say('hello?');
  expect(String(await heard)).toBe('hello?\n');
  expect(client.heard).toBe('I am a\n');
});

test('refuses connections, and accepts them again on the same port', async () => {
  const { proxy } = await echo();
  const client = await Client.start(proxy, 'a');
  const accept = proxy.refuse();
  await client.until(() => client.ended !== undefined);
  const [error] = await once(connect(proxy.port, '127.0.0.1'), 'error');
  expect(error).toMatchObject({ code: 'ECONNREFUSED' });
  await accept();
  await Client.start(proxy, 'b');
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
