import { ClusterServer } from './cluster-server.js';
import { type Address, nameOf, parseSlots, SLOTS, type SlotRange } from './cluster-slots.js';
import { backOff, nodeConnection } from './connection.js';
import type { Settings } from './options.js';

/** While a master is missing, the map is read at least this often, in milliseconds: a failover is over within seconds. */
const MAX_PAUSE_MS = 500;

export interface ClusterNodesListener {
  /** The servers, or who has which slot, or who answers, are others than before. */
  readonly onChange: () => void;
  readonly onRefused: (error: Error) => void;
  /**
   * A server answers for slots whose last owner is no longer a master, or that it may itself have lost data of. Called before
   * anything else is sent to it for these slots.
   */
  readonly onTakeover: (isTaken: (slot: number) => boolean) => void;
}

/** A master may have given a slot away to another, or have been replaced: who had it last. */
interface Slot {
  owner: ClusterServer | undefined;
  /** The name in the cluster of its last known owner. Empty: none yet. */
  id: string;
}

/**
 * The map of a Cluster: who has which slot, and connections to all masters.
 *
 * The map is read anew now and then, at once when a connection is lost, and when a server says that a slot moved: from that
 * server, which knows best.
 */
export class ClusterNodes {
  readonly #settings: Settings;
  readonly #seeds: readonly Address[];
  readonly #listener: ClusterNodesListener;
  /** All masters, and servers that slots are just moving to, by address. */
  readonly #servers = new Map<string, ClusterServer>();
  readonly #slots: readonly Slot[] = Array.from({ length: SLOTS }, () => ({ owner: undefined, id: '' }));
  /** Slots whose new owner has not been met yet. */
  readonly #taken = new Map<ClusterServer, Set<number>>();
  #masters: readonly ClusterServer[] = [];
  #unowned = SLOTS;
  #refreshing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #lastError: Error | undefined;
  #isClosed = false;

  constructor(settings: Settings, seeds: readonly Address[], listener: ClusterNodesListener) {
    this.#settings = settings;
    this.#seeds = seeds;
    this.#listener = listener;
  }

  /** Whether any server answers. */
  get isReady(): boolean {
    return this.#masters.some((server) => server.isReady);
  }

  /** Whether all slots are known to have an owner, and all owners answer. */
  get isWhole(): boolean {
    return this.#unowned === 0 && this.#masters.every((server) => server.isReady);
  }

  get lastError(): Error | undefined {
    return this.#masters.find((server) => server.lastError !== undefined)?.lastError ?? this.#lastError;
  }

  /** The masters that have slots. */
  get masters(): readonly ClusterServer[] {
    return this.#masters;
  }

  /** Whether all slots are known to have an owner, whether or not it answers. */
  get isComplete(): boolean {
    return this.#unowned === 0;
  }

  start(): void {
    this.#refreshSoon(0);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await Promise.all([...this.#servers.values()].map((server) => server.close()));
  }

  /** The master of a slot. Throws when it cannot be reached right now. */
  ownerOf(slot: number): ClusterServer {
    const { owner } = this.#slots[slot] as Slot;
    if (owner?.isReady) return owner;
    const who =
      owner === undefined ? `slot ${slot} has no master` : `there is no connection to ${nameOf(owner.address)}`;
    throw new Error(who, { cause: owner?.lastError });
  }

  /** The last known master of a slot, whether or not it can be reached. */
  lastOwnerOf(slot: number): ClusterServer | undefined {
    return (this.#slots[slot] as Slot).owner;
  }

  /** The server at an address that a slot is moving to. Connects if need be. Throws when it cannot be reached right now. */
  at(address: Address): ClusterServer {
    const server = this.#serverAt(address);
    if (server.isReady) return server;
    throw new Error(`there is no connection to ${nameOf(address)} yet`, { cause: server.lastError });
  }

  /** Reads the map anew. Never rejects. @param from who knows best. */
  refresh(from?: Address): Promise<void> {
    this.#refreshing ??= this.#refresh(from).finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #refresh(from: Address | undefined): Promise<void> {
    clearTimeout(this.#timer);
    const asked = from ?? pick(this.#masters.filter((server) => server.isReady))?.address;
    const ranges = (await this.#firstMap(asked ? [asked] : [])) ?? (await this.#firstMap(this.#everybody()));
    if (this.#isClosed) return;
    if (ranges !== undefined) this.#apply(ranges);
    this.#failures = ranges !== undefined && this.isWhole ? 0 : this.#failures + 1;
    this.#refreshSoon(this.#failures === 0 ? this.#settings.heartbeatInterval : undefined);
  }

  #refreshSoon(delayMs = Math.min(MAX_PAUSE_MS, backOff(this.#settings, this.#failures, Math.random()))): void {
    if (this.#isClosed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.refresh(), delayMs);
    if (delayMs > 0) this.#timer.unref();
  }

  #everybody(): Address[] {
    return [...[...this.#servers.values()].map((server) => server.address), ...this.#seeds];
  }

  /** The map as the first one that answers has it. */
  async #firstMap(addresses: readonly Address[]): Promise<SlotRange[] | undefined> {
    if (addresses.length === 0) return undefined;
    const unique = new Map(addresses.map((address) => [nameOf(address), address]));
    try {
      return await Promise.any([...unique.values()].map((address) => this.#mapOf(address)));
    } catch (error) {
      this.#lastError = (error as AggregateError).errors[0] as Error;
      return undefined;
    }
  }

  async #mapOf(address: Address): Promise<SlotRange[]> {
    const met = this.#servers.get(nameOf(address));
    // A server that nobody has met yet is asked over a connection for this question only.
    const guest = met?.isReady ? undefined : nodeConnection(this.#settings, address);
    const client = guest?.client ?? (met as ClusterServer).server.client;
    let timer: NodeJS.Timeout | undefined;
    try {
      const tooLate = new Promise<never>((_, reject) => {
        const limit = this.#settings.commandTimeout + (guest ? this.#settings.connectTimeout : 0);
        timer = setTimeout(() => reject(new Error(`${nameOf(address)} does not answer`)), limit);
      });
      const answer = async (): Promise<unknown> => {
        await guest?.client.connect().catch((error: Error) => {
          throw guest.lastError() ?? error;
        });
        return client.cluster('SLOTS');
      };
      const ranges = parseSlots(await Promise.race([answer(), tooLate]), address, this.#settings.cluster?.natMap);
      if (ranges.length === 0) throw new Error(`${nameOf(address)} knows of no slots`);
      return ranges;
    } finally {
      clearTimeout(timer);
      await guest?.close();
    }
  }

  /** Takes a map over: connects to new masters, lets go of servers that are none any more, and notes who took over from whom. */
  #apply(ranges: readonly SlotRange[]): void {
    const ids = new Set(ranges.map(({ id }) => id));
    const masters = new Set<ClusterServer>();
    const taken = new Map<ClusterServer, Set<number>>();
    const owned = new Uint8Array(SLOTS);
    let hasChanged = false;
    for (const { from, to, master, id } of ranges) {
      const owner = this.#serverAt(master);
      masters.add(owner);
      for (let number = from; number <= to; number += 1) {
        const slot = this.#slots[number] as Slot;
        owned[number] = 1;
        // A master that others still call one has handed the slot over with all that was in it. One that is gone has not.
        if (slot.id !== '' && slot.id !== id && !ids.has(slot.id)) slotsOf(taken, owner).add(number);
        if (slot.owner !== owner) hasChanged = true;
        slot.owner = owner;
        slot.id = id;
      }
    }
    for (const [number, slot] of this.#slots.entries()) if (owned[number] === 0) slot.owner = undefined;
    this.#unowned = SLOTS - owned.reduce((sum, each) => sum + each, 0);
    this.#masters = [...masters];
    for (const [name, server] of this.#servers) {
      if (masters.has(server)) continue;
      this.#servers.delete(name);
      this.#taken.delete(server);
      void server.close();
      hasChanged = true;
    }
    for (const [server, slots] of taken) this.#takeOver(server, slots);
    if (hasChanged) this.#listener.onChange();
  }

  #takeOver(server: ClusterServer, slots: ReadonlySet<number>): void {
    if (server.isReady) {
      this.#listener.onTakeover((slot) => slots.has(slot));
      return;
    }
    const all = slotsOf(this.#taken, server);
    for (const slot of slots) all.add(slot);
  }

  #serverAt(address: Address): ClusterServer {
    const name = nameOf(address);
    let server = this.#servers.get(name);
    if (server === undefined) {
      server = new ClusterServer(this.#settings, address, {
        onMet: (met, isOther) => this.#meet(met, isOther),
        onRefused: this.#listener.onRefused,
        onLost: () => {
          this.#listener.onChange();
          this.#refreshSoon();
        },
      });
      this.#servers.set(name, server);
      server.connect();
    }
    return server;
  }

  #meet(server: ClusterServer, isOther: boolean): void {
    const taken = this.#taken.get(server);
    this.#taken.delete(server);
    if (isOther) this.#listener.onTakeover((slot) => this.#slots[slot]?.owner === server);
    else if (taken !== undefined) this.#listener.onTakeover((slot) => taken.has(slot));
    this.#listener.onChange();
  }
}

function slotsOf(map: Map<ClusterServer, Set<number>>, server: ClusterServer): Set<number> {
  let slots = map.get(server);
  if (slots === undefined) {
    slots = new Set();
    map.set(server, slots);
  }
  return slots;
}

function pick<T>(items: readonly T[]): T | undefined {
  return items[Math.floor(Math.random() * items.length)];
}
