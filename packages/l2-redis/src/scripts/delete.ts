import { HEADER, NEWS, NOTES, TIME } from './prelude.js';
import { script } from './script.js';

/**
 * Removes entries, revokes their leases, leaves notes, tells the followers of every key: a peer may hold what Redis has lost.
 *
 * KEYS: per entry its key, its lease's and its note's.
 * ARGV: channel, origin; per entry the key as JSON.
 * Answers: micros; per entry 1 or 0, whether there was one. Bytes that are not ours count as one.
 */
export const DELETE = script(
  'delete',
  TIME,
  HEADER,
  NOTES,
  NEWS,
  `
local reply, told, versions = { micros }, {}, {}
for i = 1, #KEYS / 3 do
  local entry, lease, deletion = KEYS[3 * i - 2], KEYS[3 * i - 1], KEYS[3 * i]
  reply[i + 1] = header(entry) and 1 or 0
  redis.call('UNLINK', entry)
  redis.call('DEL', lease)
  note(deletion)
  told[i], versions[i] = ARGV[i + 2], '0'
end
tell(ARGV[1], ARGV[2], 'delete', told, versions)
return reply
`,
);
