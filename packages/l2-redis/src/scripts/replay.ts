import { HEADER, KIND, NEWS, NOTES, TIME } from './prelude.js';
import { script } from './script.js';

/**
 * Stores values as if it had been done earlier, or does not, by the rules of `L2Replay.replay`. Leases are revoked.
 *
 * Order is decided by this server's own clock, and only among what this server stamped since it was started and became master: so it looks
 * up who it is, since it may have been replaced or restarted on the way here.
 *
 * What is dropped leaves a note like any deletion, or an older value that another node replays later would take its place. So does what is
 * stored and will not be there for long.
 *
 * KEYS: per entry its key, its lease's and its note's.
 * ARGV: channel, origin; per entry: freshMs, keepMs, the life and the microsecond of `since`, the key as JSON, the bytes.
 * Answers: micros; per entry its version, 0 for kept, -1 for dropped. Only micros, and nothing is done, if it is late.
 */
export const REPLAY = script(
  'replay',
  TIME,
  HEADER,
  NOTES,
  NEWS,
  `
if late then return { micros } end
local function fact(section, name)
  local info = redis.pcall('INFO', section)
  return type(info) == 'string' and string.match(info, name .. ':(%w+)') or ''
end
local life = redis.sha1hex(fact('server', 'run_id') .. ' ' .. fact('replication', 'master_replid'))
local reply = { micros }
local stored, versions, dropped, zeros = {}, {}, {}, {}
for i = 1, #KEYS / 3 do
  local entry, lease, deletion, at = KEYS[3 * i - 2], KEYS[3 * i - 1], KEYS[3 * i], 6 * i - 3
  local since = tonumber(ARGV[at + 3])
  local version, _, _, _, kind, foreign = header(entry)
  local certain = ARGV[at + 2] == life and since <= micros
  local entryCertain = certain and kind and kind ~= ${KIND.UNKNOWN} and not foreign
  local deleted, elsewhere = noted(deletion)
  if entryCertain and version > since and kind ~= ${KIND.FILL} then
    reply[i + 1] = 0
  elseif
    not certain
    or version and (not entryCertain or version > since)
    or deleted and (elsewhere or deleted > since)
  then
    reply[i + 1] = -1
    redis.call('UNLINK', entry)
    note(deletion)
    if version then dropped[#dropped + 1], zeros[#zeros + 1] = ARGV[at + 4], '0' end
  else
    local keep = tonumber(ARGV[at + 1])
    reply[i + 1] = store(entry, ${KIND.ORDER}, tonumber(ARGV[at]), keep, ARGV[at + 5])
    if keep < MEMORY then note(deletion) end
    stored[#stored + 1], versions[#versions + 1] = ARGV[at + 4], text(reply[i + 1])
  end
  redis.call('DEL', lease)
end
tell(ARGV[1], ARGV[2], 'write', stored, versions)
tell(ARGV[1], ARGV[2], 'delete', dropped, zeros)
return reply
`,
);
