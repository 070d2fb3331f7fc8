/**
 * What scripts have in common. All numbers are Lua doubles and stay exact up to 2^53; as text they go through `%.0f`, since
 * Lua itself would write a microsecond as 1.7e+15.
 *
 * - `micros`, `now`: Redis' time, in microseconds and in whole milliseconds. One moment for the whole script.
 */
export const TIME = `
local clock = redis.call('TIME')
local micros = clock[1] * 1000000 + clock[2]
local now = math.floor(micros / 1000)
local function text(number) return string.format('%.0f', number) end
`;

/**
 * Reading and writing headers; the layout is told in `envelope.ts`.
 *
 * - `header(key)`: `version, stale at, gone at, written at` of the entry that lives there; 0 for bytes that are not ours; nil for
 *   no entry. A value of another type counts as none: MGET, by which nodes read, shows it as nil, and SET writes over it. Stamps
 *   of another server's clock are told in this one's, by what Redis itself has kept of the life.
 * - `life(written, stale, gone)`: the rest of a header, after its version.
 * - `stamp(version, fresh, keep)`: a header for an entry that is written now.
 */
export const HEADER = `
local MAGIC = 'TW\\1\\0'
local function header(key)
  local head = redis.pcall('GETRANGE', key, 0, 33)
  if type(head) ~= 'string' then return nil end
  if head == '' and redis.call('EXISTS', key) == 0 then return nil end
  if #head < 34 or string.sub(head, 1, 4) ~= MAGIC then return 0 end
  local version, written, stale, gone, by = struct.unpack('>I8I6I6I6I4', head, 5)
  if by ~= stamper then
    local shift = now + redis.call('PTTL', key) - gone
    written, stale, gone = written + shift, stale + shift, gone + shift
  end
  if gone <= now then return nil end
  return version, stale, gone, written
end
local function life(written, stale, gone)
  return struct.pack('>I6I6I6I4', written, stale, gone, stamper)
end
local function stamp(version, fresh, keep)
  return MAGIC .. struct.pack('>I8', version) .. life(now, now + fresh, now + keep)
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
