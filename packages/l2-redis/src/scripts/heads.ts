import { script } from './script.js';

/**
 * Tells which entries stand under keys right now, by the beginnings of their headers: up to 12 bytes, empty for none.
 *
 * KEYS: the entries'. Answers per key.
 */
export const HEADS = script(
  'heads',
  `
local reply = {}
for i = 1, #KEYS do
  local head = redis.pcall('GETRANGE', KEYS[i], 0, 11)
  reply[i] = type(head) == 'string' and head or ''
end
return reply
`,
);
