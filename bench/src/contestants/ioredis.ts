/** ioredis 6 by itself, and the encoding that Tierwise uses, without its header, checks and types that MessagePack lacks. */
import { Redis } from 'ioredis-6';
import { Packr } from 'msgpackr';

/** msgpackr with the options of Tierwise's codec. */
export const packr = new Packr({
  useRecords: false,
  mapsAsObjects: true,
  variableMapSize: true,
  structuredClone: false,
  moreTypes: false,
  useBigIntExtension: true,
  useToJSON: false,
  copyBuffers: true,
});

export async function connect(redisUrl: string, enableAutoPipelining = false): Promise<Redis> {
  const client = new Redis(redisUrl, { lazyConnect: true, enableAutoPipelining });
  await client.connect();
  return client;
}
