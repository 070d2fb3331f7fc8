import { expect, test } from 'vitest';
import type { ClusterNodes } from './cluster-nodes.js';
import { ClusterRoute, type Send } from './cluster-route.js';
import type { ClusterServer } from './cluster-server.js';
import { type Address, nameOf } from './cluster-slots.js';
import { settingsOf } from './options.js';

const serverAt = (address: Address): ClusterServer => ({ address }) as ClusterServer;

/** A route whose map names one owner, and where each command that was sent came to. */
function routeFrom(owner: Address, commandTimeout: number) {
  const nodes = { ownerOf: () => serverAt(owner), at: serverAt, refresh: async () => {} } as unknown as ClusterNodes;
  const cluster = { nodes: [owner], natMap: undefined };
  const sent: string[] = [];
  const send =
    (answers: (string | undefined)[]): Send<string> =>
    async ({ address }, isAsking) => {
      sent.push(`${nameOf(address)}${isAsking ? ' asking' : ''}`);
      const refusal = answers.shift();
      if (refusal !== undefined) throw Object.assign(new Error(refusal), { name: 'ReplyError' });
      return 'done';
    };
  return { route: new ClusterRoute(nodes, settingsOf({ cluster, commandTimeout }), cluster), sent, send };
}

test('a refusal that names no host means the one of whoever refused, however often that was another', async () => {
  const { route, sent, send } = routeFrom({ host: 'a', port: 1 }, 1_000);
  const answers = ['ASK 7 b:2', 'ASK 7 :3', 'TRYAGAIN', undefined];
  expect(await route.send(7, send(answers))).toBe('done');
  expect(sent).toEqual(['a:1', 'b:2 asking', 'b:3 asking', 'a:1']);
});

test('what is refused when the time is over is not sent again', async () => {
  const { route, sent, send } = routeFrom({ host: 'a', port: 1 }, 1_000);
  const error = Object.assign(new Error('MOVED 7 b:2'), { name: 'ReplyError' });
  const refusal = { to: serverAt({ host: 'a', port: 1 }), error, giveUpAt: performance.now() - 1 };
  await expect(route.sendAgain(7, send([]), refusal)).rejects.toBe(error);
  expect(sent).toEqual([]);
});
