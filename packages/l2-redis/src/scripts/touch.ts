import { HEADER, NEWS, NOTES, TIME } from './prelude.js';
import { script } from './script.js';

/**
 * Gives entries a new life, counted from now, except that what is stale stays so; tells the followers of those that there are. Leases stay.
 * What will not be there for long after it was written leaves a note.
 *
 * KEYS: per entry its key, and if the life is short, its note's.
 * ARGV: channel, origin, freshMs, keepMs; per entry the key as JSON.
 * Answers: micros; per entry 1 or 0, whether there was one. Bytes that are not ours stay as they are and count as none.
 */
export const TOUCH = script(
  'touch',
  TIME,
  HEADER,
  NOTES,
  NEWS,
  `
local reply, told, versions = { micros }, {}, {}
local fresh, gone = now + tonumber(ARGV[3]), now + tonumber(ARGV[4])
local count = #ARGV - 6
local width = #KEYS / count
for i = 1, count do
  local key = width * (i - 1) + 1
  local entry = KEYS[key]
  local version, stale, living, written, kind, foreign = header(entry)
  reply[i + 1] = living and 1 or 0
  if living then
    -- What is stale since it was written stays so, even if the clock was set back behind that.
    if stale > now and stale > written then stale = fresh end
    restamp(entry, written, stale, gone, foreign)
    redis.call('PEXPIREAT', entry, text(gone))
    if width == 2 then noteWrite(KEYS[key + 1], gone, version, written, kind, foreign) end
    told[#told + 1], versions[#versions + 1] = ARGV[i + 4], text(version)
  end
end
tell(ARGV[1], ARGV[2], 'touch', told, versions)
return reply
`,
);
