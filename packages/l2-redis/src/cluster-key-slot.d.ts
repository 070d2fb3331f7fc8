declare module 'cluster-key-slot' {
  /** The slot that Redis Cluster hashes a key to. */
  export default function slotOf(key: string | Buffer): number;
}
