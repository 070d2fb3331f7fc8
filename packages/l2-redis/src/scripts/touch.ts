import { HEADER, NEWS, TIME } from './prelude.js';
import { script } from './script.js';

/**
 * Gives entries a new life, counted from now, except that what is stale stays so; tells the followers of those that there are. Leases stay.
 *
 * KEYS: per entry its key.
 * ARGV: channel, origin, freshMs, keepMs; per entry the key as JSON.
 * Answers: micros; per entry 1 or 0, whether there was one. Bytes that are not ours stay as they are and count as none.
 */
export const TOUCH = script(
  'touch',
  TIME,
  HEADER,
  NEWS,
  `
local reply, told, versions = { micros }, {}, {}
local stale, gone = now + tonumber(ARGV[3]), now + tonumber(ARGV[4])
for i = 1, #KEYS do
  local version, old, living, written = header(KEYS[i])
  reply[i + 1] = living and 1 or 0
  if living then
    redis.call('SETRANGE', KEYS[i], 12, life(written, old > now and stale or old, gone))
    redis.call('PEXPIREAT', KEYS[i], text(gone))
    told[#told + 1], versions[#versions + 1] = ARGV[i + 4], text(version)
  end
end
tell(ARGV[1], ARGV[2], 'touch', told, versions)
return reply
`,
);
