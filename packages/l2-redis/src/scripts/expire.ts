import { HEADER, NEWS, TIME } from './prelude.js';
import { script } from './script.js';

/**
 * Makes entries stale as of now, revokes their leases, tells the followers of every key. Only the header is rewritten.
 *
 * KEYS: per entry its key and its lease's.
 * ARGV: channel, origin; per entry the key as JSON.
 * Answers: micros; per entry 1 or 0, whether there was one. Bytes that are not ours stay as they are and count as none.
 */
export const EXPIRE = script(
  'expire',
  TIME,
  HEADER,
  NEWS,
  `
local reply, told, versions = { micros }, {}, {}
for i = 1, #KEYS / 2 do
  local version, stale, gone, written = header(KEYS[2 * i - 1])
  reply[i + 1] = stale and 1 or 0
  if stale and stale > now then redis.call('SETRANGE', KEYS[2 * i - 1], 12, life(written, now, gone)) end
  redis.call('DEL', KEYS[2 * i])
  told[i], versions[i] = ARGV[i + 2], text(version or 0)
end
tell(ARGV[1], ARGV[2], 'expire', told, versions)
return reply
`,
);
