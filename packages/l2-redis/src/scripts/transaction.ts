import { HEADER, KIND, NEWS, NOTES, TIME } from './prelude.js';
import { script } from './script.js';

/**
 * Reads entries as of one moment.
 *
 * KEYS: the entries'.
 * Answers: micros; per entry {} for none, or {the stored entry, when it is gone by this server's clock or 0 for bytes that are not ours}.
 */
export const SNAPSHOT = script(
  'snapshot',
  TIME,
  HEADER,
  `
local reply = { micros }
for i = 1, #KEYS do
  local version, _, gone = header(KEYS[i])
  reply[i + 1] = version and { redis.call('GET', KEYS[i]), gone or 0 } or {}
end
return reply
`,
);

/**
 * If all entries are as expected, does all that is ordered, as writing and deleting do; else nothing.
 *
 * What may be refused for want of memory, a SET, comes first: once something is written, Redis lets the rest pass.
 *
 * KEYS: the entries that are expected; per write its entry's key and its lease's, and if one of their lives is
 * short, its note's; per deletion its entry's, its lease's, its note's.
 * ARGV: channel, origin, how many are expected, written, deleted; their versions, '' for none; per write: freshMs, keepMs, the key as
 * JSON, the bytes; per deletion the key as JSON.
 * Answers: micros, 1, the version of each write; or micros, 0, which of the expected are otherwise, counted from 0. Only micros, and nothing
 * is done, if it is late.
 */
export const COMMIT = script(
  'commit',
  TIME,
  HEADER,
  NOTES,
  NEWS,
  `
if late then return { micros } end
local expected, writes, deletes = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local conflict = { micros, 0 }
for i = 1, expected do
  if header(KEYS[i]) ~= tonumber(ARGV[5 + i]) then conflict[#conflict + 1] = i - 1 end
end
if #conflict > 2 then return conflict end
local reply, told, versions = { micros, 1 }, {}, {}
local width = (#KEYS - expected - 3 * deletes) / writes
for i = 1, writes do
  local key, at = expected + width * (i - 1) + 1, 5 + expected + 4 * i - 3
  local keep = tonumber(ARGV[at + 1])
  local version = store(KEYS[key], ${KIND.ORDER}, tonumber(ARGV[at]), keep, ARGV[at + 3])
  redis.call('DEL', KEYS[key + 1])
  if keep < MEMORY then note(KEYS[key + 2]) end
  told[i], versions[i], reply[i + 2] = ARGV[at + 2], text(version), version
end
tell(ARGV[1], ARGV[2], 'write', told, versions)
told, versions = {}, {}
for i = 1, deletes do
  local key = #KEYS - 3 * (deletes - i + 1) + 1
  redis.call('UNLINK', KEYS[key])
  redis.call('DEL', KEYS[key + 1])
  note(KEYS[key + 2])
  told[i], versions[i] = ARGV[5 + expected + 4 * writes + i], '0'
end
tell(ARGV[1], ARGV[2], 'delete', told, versions)
return reply
`,
);
