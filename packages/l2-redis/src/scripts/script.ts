import { createHash } from 'node:crypto';

/**
 * A Lua script of ours. Redis runs it atomically; it touches only the keys that it is given, all of one slot each. After the arguments
 * that a script tells of itself come two that all of them are given by `server.ts`: until when it may take effect, in microseconds of
 * Redis' clock (empty: at any time), and what names the server in what is stamped there.
 */
export interface Script {
  /** Unique for this very text, so that two versions of this package can share one client. */
  readonly name: string;
  readonly lua: string;
}

/** Names a script after what it does and what it says. */
export function script(verb: string, ...parts: readonly string[]): Script {
  const lua = parts.join('\n');
  const digest = createHash('sha1').update(lua).digest('hex').slice(0, 12);
  return { name: `tierwise_${verb}_${digest}`, lua };
}
