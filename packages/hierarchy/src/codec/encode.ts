import { Packr, RESERVE_START_SPACE, RESET_BUFFER_MODE } from 'msgpackr';
import { UndecodableError, UnserializableError } from './errors.js';
import { fromGraph } from './graph-read.js';
import { toGraph } from './graph-write.js';
import { isPlain } from './plain.js';

/**
 * The longest payload, in bytes. An L2 takes entries of up to 64 MiB; what is missing from that is left for the header, the
 * tags and the seal.
 */
export const MAX_PAYLOAD_BYTES = 63 * 1024 * 1024;

/** The first byte of a payload: what the MessagePack after it is. */
const PLAIN = 0;
const GRAPH = 1;

/**
 * msgpackr with everything off that shares state between payloads or is not exact for every value: its record structures
 * (rename `__proto__`, keep a trie of all keys ever seen, compile code per payload), its structured cloning (forgets an
 * error's stack and fields), and `toJSON`.
 */
const packr = new Packr({
  useRecords: false,
  mapsAsObjects: true,
  variableMapSize: true,
  structuredClone: false,
  moreTypes: false,
  useBigIntExtension: true,
  useToJSON: false,
  copyBuffers: true,
});

/** Past this, msgpackr's work buffer is given back instead of kept for the next value. */
const LARGE_BYTES = 1024 * 1024;
const SMALL_BYTES = 8 * 1024;

/**
 * Turns a value into a payload that shares no memory with it.
 *
 * @throws {@link UnserializableError} when the value would not come back as it is, or is too large.
 */
export function encode(value: unknown): Uint8Array {
  const plain = isPlain(value);
  const payload = packed(plain ? value : toGraph(value));
  payload[0] = plain ? PLAIN : GRAPH;
  return payload;
}

/**
 * Turns a payload back into a value. Each call makes new objects; none shares memory with the payload.
 *
 * @throws {@link UndecodableError} when the bytes are not what {@link encode} writes.
 */
export function decode(payload: Uint8Array): unknown {
  const form = payload[0];
  if (form !== PLAIN && form !== GRAPH) throw new UndecodableError(`it has the unknown form ${form}`);
  try {
    const root: unknown = packr.unpack(bufferOf(payload), BEHIND_FORM);
    return form === PLAIN ? root : fromGraph(root);
  } catch (error) {
    if (error instanceof UndecodableError) throw error;
    throw new UndecodableError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** A Buffer, so that bytes come back as Buffers. msgpackr leaves a property on it, a view of its own: payloads are nobody else's. */
function bufferOf(payload: Uint8Array): Buffer {
  if (payload instanceof Buffer) return payload;
  return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
}

const BEHIND_FORM = { start: 1 };

/** Calls of `packed` that are under way: more than one when an accessor of a value encodes another value. */
let underWay = 0;

/** The MessagePack of a value, with one free byte in front. */
function packed(value: unknown): Uint8Array {
  let length = Number.POSITIVE_INFINITY;
  underWay += 1;
  try {
    const scratch = packr.pack(value, RESERVE_START_SPACE | RESET_BUFFER_MODE | 1);
    length = scratch.length;
    if (length <= MAX_PAYLOAD_BYTES) return new Uint8Array(scratch);
  } catch (error) {
    throw new UnserializableError('value', 'changed or threw while it was encoded', { cause: error });
  } finally {
    underWay -= 1;
    // An outer call is still writing to the buffer that this would replace.
    if (length > LARGE_BYTES && underWay === 0) packr.useBuffer(Buffer.allocUnsafeSlow(SMALL_BYTES));
  }
  throw new UnserializableError('value', `takes ${length} bytes, and ${MAX_PAYLOAD_BYTES} are the limit`);
}
