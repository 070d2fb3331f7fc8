import { HEADER, TIME } from './prelude.js';
import { script } from './script.js';

/**
 * Grants leases. A lease is a string that holds its token and expires with it. One without an expiry is not ours and is
 * written over.
 *
 * KEYS: per request the entry's key and its lease's.
 * ARGV: ttlMs, what all tokens begin with (each ends with its number); per request the version seen or '', unless none has seen any.
 * Answers: micros; per request 1 granted, {2, remaining ms} held, or {3, the stored entry, when it is gone by this server's
 * clock or 0 for bytes that are not ours} changed.
 */
export const ACQUIRE = script(
  'acquire',
  TIME,
  HEADER,
  `
local reply, haveSeen = { micros }, #ARGV > 4
for i = 1, #KEYS / 2 do
  local entry, lease = KEYS[2 * i - 1], KEYS[2 * i]
  local version, _, gone = header(entry)
  if version and version ~= (haveSeen and tonumber(ARGV[i + 2]) or nil) then
    reply[i + 1] = { 3, redis.call('GET', entry), gone or 0 }
  elseif redis.call('SET', lease, ARGV[2] .. i, 'PX', ARGV[1], 'NX') then
    reply[i + 1] = 1
  else
    local remaining = redis.call('PTTL', lease)
    if remaining >= 0 then
      reply[i + 1] = { 2, math.max(1, remaining) }
    else
      redis.call('SET', lease, ARGV[2] .. i, 'PX', ARGV[1])
      reply[i + 1] = 1
    end
  end
end
return reply
`,
);

/**
 * Prolongs a lease.
 *
 * KEYS: the lease's. ARGV: token, ttlMs. Answers 1 or 0: whether it was in force.
 */
export const RENEW = script(
  'renew',
  `
if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
`,
);

/**
 * Gives a lease back and tells the followers.
 *
 * KEYS: the lease's. ARGV: token, channel, origin, the key as JSON. Answers 1 or 0: whether it was in force.
 */
export const RELEASE = script(
  'release',
  TIME,
  `
if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[2], '[1,"released",' .. ARGV[3] .. ',[' .. ARGV[4] .. '],' .. text(micros) .. ']')
return 1
`,
);
