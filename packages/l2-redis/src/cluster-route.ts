import { setTimeout as delay } from 'node:timers/promises';
import type { ClusterNodes } from './cluster-nodes.js';
import type { ClusterServer } from './cluster-server.js';
import { redirectionOf } from './cluster-slots.js';
import type { ClusterSettings, Settings } from './options.js';

/** So long a slot that is just moving is left alone before what it refused is sent again, in milliseconds. */
const PAUSE_MS = 5;

/** Sends a command to a server, with the right to a slot that is just moving there or without. */
export type Send<T> = (to: ClusterServer, isAsking: boolean) => Promise<T>;

/** The way of commands to whoever has their slot. What is refused because the slot is elsewhere is sent there. */
export class ClusterRoute {
  readonly nodes: ClusterNodes;
  readonly #limitMs: number;
  readonly #natMap: ClusterSettings['natMap'];

  constructor(nodes: ClusterNodes, settings: Settings, cluster: ClusterSettings) {
    this.nodes = nodes;
    this.#limitMs = settings.commandTimeout;
    this.#natMap = cluster.natMap;
  }

  /** When what is sent now is not sent again any more, on the clock of `performance.now`. */
  giveUpAt(): number {
    return performance.now() + this.#limitMs;
  }

  /** Sends what concerns a slot to whoever has it. Sent again only if it was surely not done. */
  async send<T>(slot: number, send: Send<T>): Promise<T> {
    const giveUpAt = this.giveUpAt();
    const to = this.nodes.ownerOf(slot);
    try {
      return await send(to, false);
    } catch (error) {
      return this.sendAgain(slot, send, { to, error, giveUpAt });
    }
  }

  /**
   * Sends what has been refused to where the refusal says, until it is done. Rejects with the refusal if that says of no other place,
   * and when the time is over: what was given up by its caller must not be done after all.
   */
  async sendAgain<T>(slot: number, send: Send<T>, { to, error, giveUpAt }: Refusal): Promise<T> {
    let refusedBy = to;
    let refusal = error;
    for (;;) {
      const next = await this.#next(slot, { to: refusedBy, error: refusal, giveUpAt });
      try {
        return await send(next.to, next.isAsking);
      } catch (again) {
        refusedBy = next.to;
        refusal = again;
      }
    }
  }

  async #next(slot: number, { to, error, giveUpAt }: Refusal): Promise<{ to: ClusterServer; isAsking: boolean }> {
    const redirection = redirectionOf(error, to.address, this.#natMap);
    if (redirection === undefined) throw error;
    if (redirection.type === 'moved') await this.nodes.refresh(redirection.address);
    else if (redirection.type === 'tryAgain') await delay(PAUSE_MS);
    for (;;) {
      if (performance.now() > giveUpAt) throw error;
      try {
        return redirection.type === 'ask'
          ? { to: this.nodes.at(redirection.address), isAsking: true }
          : { to: this.nodes.ownerOf(slot), isAsking: false };
      } catch {
        await delay(PAUSE_MS);
      }
    }
  }
}

/** That a command was refused. */
export interface Refusal {
  /** By whom. */
  readonly to: ClusterServer;
  readonly error: unknown;
  /** When it is not sent again any more, on the clock of `performance.now`. */
  readonly giveUpAt: number;
}
