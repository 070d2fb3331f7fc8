/** Memory of its own for what is a window on more, such as on all that came from a socket at once: to keep it would keep all of that. */
export function detached(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
}
