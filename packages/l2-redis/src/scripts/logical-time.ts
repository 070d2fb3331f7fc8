import { TIME } from './prelude.js';
import { script } from './script.js';

/**
 * The counter is a hash without expiry: `c` the generation, `d` and `s` the namespace's own marks, dead and stale. If any of
 * them is missing, all are made anew above everything known: not knowing is dead. A tag's mark is the string `dead stale`.
 *
 * Numbers are answered as text: the parser of ioredis rounds integers close to 2^53.
 *
 * - `generation(known)`: `c, d, s`, the counter being at least `known` afterwards.
 * - `mark(key)`: `dead, stale` of a tag, or nil.
 */
const LOGICAL_TIME = `
local function generation(known)
  local row = redis.pcall('HMGET', KEYS[1], 'c', 'd', 's')
  local c, d, s = tonumber(row[1]), tonumber(row[2]), tonumber(row[3])
  if not (c and d and s) then
    c = math.max(known + 1, micros)
    d, s = c, c
    redis.call('DEL', KEYS[1])
    redis.call('HSET', KEYS[1], 'c', text(c), 'd', text(d), 's', text(s))
  elseif c < known then
    c = known
    redis.call('HSET', KEYS[1], 'c', text(c))
  end
  return c, d, s
end
local function mark(key)
  local stored = redis.pcall('GET', key)
  if type(stored) ~= 'string' then return nil end
  local dead, stale = string.match(stored, '^(%d+) (%d+)$')
  return tonumber(dead), tonumber(stale)
end
`;

/**
 * Reads the counter and marks, and makes those that are missing if asked to.
 *
 * KEYS: the counter's, then the tags'.
 * ARGV: known, ensureMs or ''.
 * Answers: the generation, the namespace's dead and stale mark; then per tag its dead and stale mark, 0 and 0 for none.
 */
export const MARKS = script(
  'marks',
  TIME,
  LOGICAL_TIME,
  `
local c, d, s = generation(tonumber(ARGV[1]))
local reply, ensure = { text(c), text(d), text(s) }, tonumber(ARGV[2])
for i = 2, #KEYS do
  local dead, stale = mark(KEYS[i])
  if ensure then
    if not dead then
      dead, stale = c, c
      redis.call('SET', KEYS[i], text(c) .. ' ' .. text(c), 'PX', ARGV[2])
    else
      local remaining = redis.call('PTTL', KEYS[i])
      if remaining >= 0 and remaining < ensure then redis.call('PEXPIRE', KEYS[i], ARGV[2]) end
    end
  end
  reply[2 * i] = text(dead or 0)
  reply[2 * i + 1] = text(stale or 0)
end
return reply
`,
);

/**
 * Advances the counter, raises the marks that exist, tells the followers.
 *
 * KEYS: the counter's, then the tags'.
 * ARGV: known, mode, channel, origin, the tags as one JSON array or `null`.
 * Answers: the new generation.
 */
export const ADVANCE = script(
  'advance',
  TIME,
  LOGICAL_TIME,
  `
local mode = ARGV[2]
local c = generation(tonumber(ARGV[1])) + 1
redis.call('HSET', KEYS[1], 'c', text(c))
if ARGV[5] == 'null' then redis.call('HSET', KEYS[1], mode == 'dead' and 'd' or 's', text(c)) end
for i = 2, #KEYS do
  local dead, stale = mark(KEYS[i])
  if dead then
    if mode == 'dead' then dead = c else stale = c end
    redis.call('SET', KEYS[i], text(dead) .. ' ' .. text(stale), 'KEEPTTL')
  end
end
redis.call('PUBLISH', ARGV[3], '[1,"marks",' .. ARGV[4] .. ',' .. ARGV[5] .. ',"' .. mode .. '",' .. text(c) .. ']')
return text(c)
`,
);
