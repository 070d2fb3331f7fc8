import { HEADER, NEWS, NOTES, TIME } from './prelude.js';
import { script } from './script.js';

/**
 * Makes entries stale since they were written, revokes their leases, leaves notes, tells the followers of every key. Only the header is
 * rewritten.
 *
 * KEYS: per entry its key, its lease's and its note's.
 * ARGV: channel, origin; per entry the key as JSON.
 * Answers: micros; per entry 1 or 0, whether there was one. Bytes that are not ours stay as they are and count as none.
 */
export const EXPIRE = script(
  'expire',
  TIME,
  HEADER,
  NOTES,
  NEWS,
  `
local reply, told, versions = { micros }, {}, {}
for i = 1, #KEYS / 3 do
  local entry, lease, deletion = KEYS[3 * i - 2], KEYS[3 * i - 1], KEYS[3 * i]
  redis.call('DEL', lease)
  local version, stale, gone, written, _, foreign = header(entry)
  reply[i + 1] = stale and 1 or 0
  if stale then restamp(entry, written, written, gone, foreign) end
  note(deletion)
  told[i], versions[i] = ARGV[i + 2], text(version or 0)
end
tell(ARGV[1], ARGV[2], 'expire', told, versions)
return reply
`,
);
