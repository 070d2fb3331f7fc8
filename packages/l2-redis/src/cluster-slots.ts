/** How many slots a Redis Cluster has. */
export const SLOTS = 16_384;

/** Where a server listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Slots from one to another, both included, and their master. */
export interface SlotRange {
  readonly from: number;
  readonly to: number;
  readonly master: Address;
  /** The master's name in the cluster, which it keeps when it is restarted or moved. */
  readonly id: string;
}

/** Says where a server really listens, for clients that see the cluster through a tunnel or a port mapping. */
export type AddressMap = Readonly<Record<string, Address>> | ((address: string) => Address | null | undefined);

export function nameOf({ host, port }: Address): string {
  return `${host}:${port}`;
}

/** The slot of a key, given with its prefix: by what stands in its first pair of braces, unless that is nothing, or by all of it. */
export function slotOf(key: string | Buffer): number {
  const from = key.indexOf('{') + 1;
  const to = from === 0 ? -1 : key.indexOf('}', from);
  return to > from ? crc16(key, from, to) % SLOTS : crc16(key, 0, key.length) % SLOTS;
}

/** The CRC-16 of XMODEM, for each byte. */
const CRC16 = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit += 1) crc = (crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0);
  return crc;
});

// Reads text as it is, without making bytes of it first, as long as it is of ASCII.
function crc16(key: string | Buffer, from: number, to: number): number {
  const isText = typeof key === 'string';
  let crc = 0;
  for (let i = from; i < to; i += 1) {
    const code = isText ? key.charCodeAt(i) : (key[i] as number);
    if (isText && code > 127) {
      const bytes = Buffer.from(key.slice(from, to));
      return crc16(bytes, 0, bytes.length);
    }
    crc = ((crc << 8) & 0xffff) ^ (CRC16[(crc >> 8) ^ code] as number);
  }
  return crc;
}

/** Reads what `CLUSTER SLOTS` answers. */
export function parseSlots(reply: unknown, asked: Address, natMap: AddressMap | undefined): SlotRange[] {
  return (reply as [unknown, unknown, [unknown, unknown, unknown], ...unknown[]][]).map(([from, to, master]) => ({
    from: Number(from),
    to: Number(to),
    master: mapped({ host: knownHost(master[0], asked), port: Number(master[1]) }, natMap),
    id: String(master[2]),
  }));
}

/** An answer by which a server sends a command elsewhere. */
export type Redirection =
  | { readonly type: 'moved' | 'ask'; readonly address: Address }
  /** The keys of a slot that is just moving are partly here and partly there. */
  | { readonly type: 'tryAgain' };

/** @returns `undefined` for any other error. */
export function redirectionOf(error: unknown, asked: Address, natMap: AddressMap | undefined): Redirection | undefined {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return undefined;
  const [type, , target] = error.message.split(' ');
  if (type === 'TRYAGAIN') return { type: 'tryAgain' };
  if ((type !== 'MOVED' && type !== 'ASK') || target === undefined) return undefined;
  const colon = target.lastIndexOf(':');
  const host = knownHost(target.slice(0, colon), asked);
  return {
    type: type === 'MOVED' ? 'moved' : 'ask',
    address: mapped({ host, port: Number(target.slice(colon + 1)) }, natMap),
  };
}

// A server that does not know its own address leaves it out: the one by which it was asked will do.
function knownHost(host: unknown, asked: Address): string {
  const text = host === null ? '' : String(host);
  return text === '' || text === '?' ? asked.host : text;
}

function mapped(address: Address, natMap: AddressMap | undefined): Address {
  if (natMap === undefined) return address;
  const name = nameOf(address);
  return (typeof natMap === 'function' ? natMap(name) : natMap[name]) ?? address;
}
