import { createHash } from 'node:crypto';

/** A Lua script of ours. Redis runs it atomically; it touches only the keys that it is given, all of one slot each. */
export interface Script {
  /** Unique for this very text, so that two versions of this package can share one client. */
  readonly name: string;
  /** The text for one server, whose clock is named by the number `stamper` in what the script stamps there. */
  readonly lua: (stamper: number) => string;
}

/** Names a script after what it does and what it says. */
export function script(verb: string, ...parts: readonly string[]): Script {
  const text = parts.join('\n');
  const digest = createHash('sha1').update(text).digest('hex').slice(0, 12);
  return { name: `tierwise_${verb}_${digest}`, lua: (stamper) => `local stamper = ${stamper}\n${text}` };
}
