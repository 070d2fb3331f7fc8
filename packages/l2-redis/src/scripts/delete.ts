import { HEADER, NEWS, TIME } from './prelude.js';
import { script } from './script.js';

/**
 * Removes entries, revokes their leases, tells the followers of every key: a peer may hold what Redis has lost.
 *
 * KEYS: per entry its key and its lease's.
 * ARGV: channel, origin; per entry the key as JSON.
 * Answers: micros; per entry 1 or 0, whether there was one. Bytes that are not ours count as one.
 */
export const DELETE = script(
  'delete',
  TIME,
  HEADER,
  NEWS,
  `
local reply, told, versions = { micros }, {}, {}
for i = 1, #KEYS / 2 do
  reply[i + 1] = header(KEYS[2 * i - 1]) and 1 or 0
  redis.call('UNLINK', KEYS[2 * i - 1])
  redis.call('DEL', KEYS[2 * i])
  told[i], versions[i] = ARGV[i + 2], '0'
end
tell(ARGV[1], ARGV[2], 'delete', told, versions)
return reply
`,
);
