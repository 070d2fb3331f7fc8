import { HEADER, KIND, NEWS, TIME } from './prelude.js';
import { script } from './script.js';

/**
 * Stores entries, revokes their leases, tells the followers.
 *
 * KEYS: per entry its key and its lease's.
 * ARGV: channel, origin; per entry: freshMs, keepMs, the lease of a fill or '', the key as JSON, the bytes.
 * Answers: micros; per entry its version, 0 for refused. Only micros, and nothing is done, if it is late.
 */
export const WRITE = script(
  'write',
  TIME,
  HEADER,
  NEWS,
  `
local reply, told, versions, telling = { micros }, {}, {}, nil
if late then return reply end
for i = 1, #KEYS / 2 do
  local entry, lease, at = KEYS[2 * i - 1], KEYS[2 * i], 5 * i - 2
  local token = ARGV[at + 2]
  if token ~= '' and redis.pcall('GET', lease) ~= token then
    reply[i + 1] = 0
  else
    local kind = token == '' and ${KIND.WRITE} or ${KIND.FILL}
    local version = store(entry, kind, tonumber(ARGV[at]), tonumber(ARGV[at + 1]), ARGV[at + 4])
    redis.call('DEL', lease)
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
