import { DELETION_MEMORY_MS } from '@tierwise/l2';

/**
 * What scripts have in common. All numbers are Lua doubles and stay exact up to 2^53; as text they go through `%.0f`, since
 * Lua itself would write a microsecond as 1.7e+15.
 *
 * - `micros`, `now`: Redis' time, in microseconds and in whole milliseconds. One moment for the whole script.
 * - `late`: whether whoever sent the script has given it up by now, so that it must not take effect any more.
 * - `stamper`: names this server in what is stamped.
 */
export const TIME = `
local clock = redis.call('TIME')
local micros = clock[1] * 1000000 + clock[2]
local now = math.floor(micros / 1000)
local late = micros > (tonumber(ARGV[#ARGV - 1]) or micros)
local stamper = tonumber(ARGV[#ARGV])
local function text(number) return string.format('%.0f', number) end
`;

/**
 * By which kind of call an entry was written, as its header tells. `UNKNOWN`: by a version that did not say, or its version is not
 * the moment at which it was written.
 */
const UNKNOWN = 0;
const WRITE = 1;
const FILL = 2;
/** By a replay or a commit. */
const ORDER = 3;
export const KIND = { UNKNOWN, WRITE, FILL, ORDER } as const;

/**
 * Reading and writing headers; the layout is told in `envelope.ts`.
 *
 * - `header(key)`: `version, stale at, gone at, written at, kind, whether another server stamped it` of the entry that lives there; 0
 *   for bytes that are not ours or contradict themselves, as nodes see them; nil for no entry. A value of another type counts as none: MGET, by which nodes read, shows it as
 *   nil, and SET writes over it. Stamps of another server's clock are told in this one's, by what Redis itself has kept of the life.
 * - `restamp(key, written, stale, gone, foreign)`: changes a life. Where another server's clock said when the entry was written, that
 *   is not known in this one's.
 * - `store(key, kind, fresh, keep, bytes)`: stores an entry that is written now. Answers its version, Redis' microsecond or one more than
 *   the version that it replaces; then `version, written at, kind, whether another server stamped it` of that one, as `header` tells them.
 */
export const HEADER = `
local MAGIC = 'TW\\1'
local function header(key)
  local head = redis.pcall('GETRANGE', key, 0, 33)
  if type(head) ~= 'string' then return nil end
  if head == '' and redis.call('EXISTS', key) == 0 then return nil end
  if #head < 34 or string.sub(head, 1, 3) ~= MAGIC or string.byte(head, 4) > ${ORDER} then return 0 end
  local kind, version, written, stale, gone, by = struct.unpack('>BI8I6I6I6I4', head, 4)
  if version < 1 or version > ${Number.MAX_SAFE_INTEGER} or stale > gone then return 0 end
  local foreign = by ~= stamper
  if foreign then
    local shift = now + redis.call('PTTL', key) - gone
    written, stale, gone = written + shift, stale + shift, gone + shift
  end
  if gone <= now then return nil end
  return version, stale, gone, written, kind, foreign
end
local function restamp(key, written, stale, gone, foreign)
  redis.call('SETRANGE', key, 12, struct.pack('>I6I6I6I4', written, stale, gone, stamper))
  if foreign then redis.call('SETRANGE', key, 3, '\\0') end
end
local function store(key, kind, fresh, keep, bytes)
  local before, _, _, written, how, foreign = header(key)
  local version = math.max(micros, (before or 0) + 1)
  if version ~= micros then kind = ${UNKNOWN} end
  local head = struct.pack('>BI8I6I6I6I4', kind, version, now, now + fresh, now + keep, stamper)
  redis.call('SET', key, MAGIC .. head .. bytes, 'PXAT', now + keep)
  return version, before, written, how, foreign
end
`;

/** A note outlives what it must by this much, in milliseconds: whoever asks whether it is still time has a clock of its own. */
const MARGIN_MS = 10_000;

/**
 * Remembering deletions, and what was written and will not be there for long, in a key of its own: by which server and when.
 *
 * - `note(key)`: notes that it was now. To be called when something has been written before, which makes Redis let it pass even when it
 *   is out of memory.
 * - `noted(key)`: when, and whether by another server; nil for never.
 * - `noteWrite(key, gone, version, written, kind, foreign)`: notes when an entry was written, if nothing shows it any more from `gone` on,
 *   and that is early. Where this server's clock cannot tell when that was, it may have been just now.
 */
export const NOTES = `
local MEMORY = ${DELETION_MEMORY_MS}
local function note(key, at)
  redis.call('SET', key, text(stamper) .. ' ' .. text(at or micros), 'PX', ${DELETION_MEMORY_MS + MARGIN_MS})
end
local function noted(key)
  local stored = redis.pcall('GET', key)
  if type(stored) ~= 'string' then return nil end
  local by, at = string.match(stored, '^(%d+) (%d+)$')
  return tonumber(at) or micros, tonumber(by) ~= stamper
end
local function noteWrite(key, gone, version, written, kind, foreign)
  if gone - (written or now) >= MEMORY then return end
  local at, elsewhere = noted(key)
  if elsewhere or foreign or (kind or ${UNKNOWN}) == ${UNKNOWN} then
    note(key)
  elseif not at or at < version then
    note(key, version)
  end
end
`;

/**
 * Telling the followers.
 *
 * `tell(channel, origin, cause, keys, versions)`: `origin` and `keys` are JSON already, `versions` digits, see `message.ts`.
 * Redis' time in the end makes each message unlike any other, so that one which is heard twice can be told from two.
 */
export const NEWS = `
local function tell(channel, origin, cause, keys, versions)
  if #keys == 0 then return end
  local listed = '[' .. table.concat(keys, ',') .. '],[' .. table.concat(versions, ',') .. ']'
  redis.call('PUBLISH', channel, '[1,"changed",' .. origin .. ',"' .. cause .. '",' .. listed .. ',' .. text(micros) .. ']')
end
`;
