import { HEADER, KIND, NEWS, NOTES, TIME } from './prelude.js';
import { script } from './script.js';

/**
 * Stores entries, revokes their leases, tells the followers. What will not be there for long leaves a note, and what a fill puts an early
 * end to.
 *
 * KEYS: per entry its key and its lease's, and if a life in the batch is short, its note's.
 * ARGV: channel, origin; of all entries together freshMs and keepMs, in six bytes each; '' if none is a fill, else '1'; per entry the key as
 * JSON, the bytes, and if there are fills, its lease or ''. There may be a hundred entries: each argument costs both sides.
 * Answers: micros; per entry its version, 0 for refused. Only micros, and nothing is done, if it is late.
 */
export const WRITE = script(
  'write',
  TIME,
  HEADER,
  NOTES,
  NEWS,
  `
local reply, told, versions, telling, revoked = { micros }, {}, {}, nil, {}
if late then return reply end
local lives, each = ARGV[3], ARGV[4] == '' and 2 or 3
local count = (#ARGV - 6) / each
local width = #KEYS / count
for i = 1, count do
  local key, at = width * (i - 1) + 1, each * (i - 1) + 5
  local entry, lease = KEYS[key], KEYS[key + 1]
  local token = each == 3 and ARGV[at + 2] or ''
  if token ~= '' and redis.pcall('GET', lease) ~= token then
    reply[i + 1] = 0
  else
    local kind = token == '' and ${KIND.WRITE} or ${KIND.FILL}
    local fresh, keep = struct.unpack('>I6I6', lives, 12 * i - 11)
    local version, before, written, how, foreign = store(entry, kind, fresh, keep, ARGV[at + 1])
    revoked[#revoked + 1] = lease
    if keep < MEMORY then
      if token == '' then
        note(KEYS[key + 2])
      elseif before then
        noteWrite(KEYS[key + 2], now + keep, before, written, how, foreign)
      end
    end
    local cause = token == '' and 'write' or 'fill'
    if telling ~= cause then
      if telling then tell(ARGV[1], ARGV[2], telling, told, versions) end
      told, versions, telling = {}, {}, cause
    end
    told[#told + 1], versions[#versions + 1] = ARGV[at], text(version)
    reply[i + 1] = version
  end
end
if revoked[1] then redis.call('DEL', unpack(revoked)) end
if telling then tell(ARGV[1], ARGV[2], telling, told, versions) end
return reply
`,
);
