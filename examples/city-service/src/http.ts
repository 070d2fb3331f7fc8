import { Agent, request } from 'node:http';

/** What a server answered. */
export interface Answer {
  readonly status: number;
  /** The JSON that it sent, if any. */
  readonly body: unknown;
}

/** Talks JSON to one server, over connections that stay open between calls. */
export class JsonClient {
  readonly #origin: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 256 });

  constructor(origin: string) {
    this.#origin = origin;
  }

  async send(method: string, path: string, body?: unknown): Promise<Answer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const headers =
        text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
      const sent = request(`${this.#origin}${path}`, { method, agent: this.#agent, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          try {
            const received = Buffer.concat(chunks).toString();
            resolve({ status: response.statusCode ?? 0, body: received === '' ? undefined : JSON.parse(received) });
          } catch (error) {
            reject(error);
          }
        });
      });
      sent.on('error', reject);
      sent.end(text);
    });
  }

  /** As `send`, and rejects for every answer but a 2xx. */
  async ask(method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await this.send(method, path, body);
    if (answer.status >= 200 && answer.status < 300) return answer.body;
    throw new Error(`${method} ${path} was answered ${answer.status}: ${JSON.stringify(answer.body)?.slice(0, 300)}`);
  }

  close(): void {
    this.#agent.destroy();
  }
}
