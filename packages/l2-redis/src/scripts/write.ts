import { HEADER, KIND, NEWS, NOTES, TIME } from './prelude.js';
import { script } from './script.js';

/**
 * Stores entries, revokes their leases, tells the followers. What will not be there for long leaves a note, and what a fill puts an early
 * end to.
 *
 * KEYS: per entry its key and its lease's, and if a life in the batch is short, its note's.
 * ARGV: channel, origin; per entry: freshMs, keepMs, the lease of a fill or '', the key as JSON, the bytes.
 * Answers: micros; per entry its version, 0 for refused. Only micros, and nothing is done, if it is late.
 */
export const WRITE = script(
  'write',
  TIME,
  HEADER,
  NOTES,
  NEWS,
  `
local reply, told, versions, telling = { micros }, {}, {}, nil
if late then return reply end
local count = (#ARGV - 4) / 5
local width = #KEYS / count
for i = 1, count do
  local key, at = width * (i - 1) + 1, 5 * i - 2
  local entry, lease = KEYS[key], KEYS[key + 1]
  local token = ARGV[at + 2]
  if token ~= '' and redis.pcall('GET', lease) ~= token then
    reply[i + 1] = 0
  else
    local kind = token == '' and ${KIND.WRITE} or ${KIND.FILL}
    local keep = tonumber(ARGV[at + 1])
    local version, before, written, how, foreign = store(entry, kind, tonumber(ARGV[at]), keep, ARGV[at + 4])
    redis.call('DEL', lease)
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
    told[#told + 1], versions[#versions + 1] = ARGV[at + 3], text(version)
    reply[i + 1] = version
  end
end
if telling then tell(ARGV[1], ARGV[2], telling, told, versions) end
return reply
`,
);
