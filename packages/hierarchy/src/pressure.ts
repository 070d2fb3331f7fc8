import { getHeapStatistics } from 'node:v8';
import type { Clock } from './clock.js';
import { textOf } from './error-text.js';

/** How much memory is used, and how much there may be, in bytes: of whatever is the nearest to its limit. */
export interface MemoryUse {
  readonly used: number;
  readonly limit: number;
}

export type MeasureMemory = () => MemoryUse;

/**
 * V8 counts its young generation (three semi-spaces of 16 MiB each, by default) into the limit of the heap, but what lives on has to find
 * its place in the old one, and the process ends when that is full.
 */
const YOUNG_BYTES = 48 * 1024 * 1024;

/**
 * V8's heap against its limit, or the whole process against its container's (values that L1 holds encoded lie outside of V8's
 * heap), whichever is nearer to its end. Takes some microseconds.
 */
export function heapPressure(): MemoryUse {
  const { used_heap_size: used, heap_size_limit: most } = getHeapStatistics();
  const heap = { used, limit: Math.max(most - YOUNG_BYTES, most / 2) };
  const container = process.constrainedMemory();
  // Without a limit, the system says 0 or something beyond all memory.
  if (container <= 0 || container > 2 ** 50) return heap;
  const process_ = { used: process.memoryUsage.rss(), limit: container };
  return process_.used / process_.limit > heap.used / heap.limit ? process_ : heap;
}

/** What can be made smaller. */
export interface Shrinkable {
  /** What it holds now. */
  readonly size: number;
  readonly bytes: number;
  resize(bounds: { maxEntries: number; maxBytes: number }): void;
}

export interface PressureOptions {
  readonly clock: Clock;
  /** Its bounds as they were asked for at first. */
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly high: number;
  readonly low: number;
  readonly floor: number;
  readonly intervalMs: number;
  readonly measure: MeasureMemory;
  /** Memory is short, or still is. Whoever hears it may call {@link Pressure.shrink}. */
  readonly onPressure: (state: PressureState) => void;
  /** Memory is not short any more, and what was shrunk has its bounds back. */
  readonly onRelief: (state: PressureState) => void;
}

/** For reports. */
export interface PressureState {
  /** What is used of the limit: 0 to 1. */
  readonly share: number;
  readonly usedBytes: number;
  readonly limitBytes: number;
  /** The present bounds. */
  readonly maxEntries: number;
  readonly maxBytes: number;
}

/** One step down leaves this share of what is held. */
const STEP_DOWN = 0.75;

/** L1 is not made smaller than that, unless that is more than `floor` of its bounds. */
const LEAST = { entries: 64, bytes: 256 * 1024 } as const;

/** One step up makes the bounds so many times as large. */
const STEP_UP = 1.25;

/** A look is worth it before its time when this share of the limit was filled since the last one. */
const FILLED_SHARE = 1 / 64;

/** The longest wait between two steps up, in looks. */
const MAX_PATIENCE = 64;

/**
 * Notices that memory gets short while L1 is being filled, lets it shrink step by step, and grow back when there is room again. A cache
 * may use what is left over; it must not be what ends the process.
 *
 * It looks when L1 is filled, once an interval, and sooner if much is filled at once. While memory is short (or L1 small for that) a timer
 * looks as well, so that it ends though nobody fills L1. Between the two thresholds nothing changes, and after each time that growing back
 * was too much, the next step up waits twice as long: L1 settles near what there is room for.
 */
export class Pressure {
  readonly #options: PressureOptions;
  readonly #target: () => Shrinkable;
  #lookAt = Number.NEGATIVE_INFINITY;
  #filled = 0;
  #enough = Number.POSITIVE_INFINITY;
  #isShort = false;
  #askedEntries: number;
  #askedBytes: number;
  #maxEntries: number;
  #maxBytes: number;
  /** What it held when memory got short: the bounds may be far beyond that. */
  #heldEntries = 0;
  #heldBytes = 0;
  /** Looks between two steps up. */
  #patience = 1;
  #sinceStep = 0;
  #hasGrown = false;
  #hasWarned = false;
  #timer: unknown;

  constructor(options: PressureOptions, target: () => Shrinkable) {
    this.#options = options;
    this.#target = target;
    this.#askedEntries = options.maxEntries;
    this.#askedBytes = options.maxBytes;
    this.#maxEntries = options.maxEntries;
    this.#maxBytes = options.maxBytes;
  }

  /** To be called with the bytes of each value that was stored. Costs a look at the clock. */
  filled(bytes: number): void {
    this.#filled += bytes;
    if (this.#filled >= this.#enough || this.#options.clock.now() >= this.#lookAt) this.#look();
  }

  /** One step down, unless it is at its floor. */
  shrink(): void {
    const { floor } = this.#options;
    const { size, bytes } = this.#target();
    if (this.#hasGrown) this.#patience = Math.min(this.#patience * 2, MAX_PATIENCE);
    this.#hasGrown = false;
    this.#bound(
      this.#stepDown(size, this.#heldEntries * floor, LEAST.entries, this.#askedEntries * floor),
      this.#stepDown(bytes, this.#heldBytes * floor, LEAST.bytes, this.#askedBytes * floor),
    );
  }

  /** Other bounds are asked for. What was shrunk stays so, within them, and grows back to them. */
  rebound(maxEntries: number, maxBytes: number): void {
    if (maxEntries === this.#askedEntries && maxBytes === this.#askedBytes) return;
    const entries = this.#maxEntries === this.#askedEntries ? maxEntries : this.#maxEntries;
    const bytes = this.#maxBytes === this.#askedBytes ? maxBytes : this.#maxBytes;
    this.#askedEntries = maxEntries;
    this.#askedBytes = maxBytes;
    this.#bound(entries, bytes);
  }

  close(): void {
    this.#options.clock.clearTimer(this.#timer);
    this.#lookAt = Number.POSITIVE_INFINITY;
    this.#enough = Number.POSITIVE_INFINITY;
  }

  /** What is next to nothing gives no room back, however small it becomes. */
  #stepDown(present: number, floor: number, least: number, ofBounds: number): number {
    return Math.max(1, Math.floor(Math.max(present * STEP_DOWN, floor, Math.min(least, ofBounds))));
  }

  #look(): void {
    const { clock, high, low, intervalMs, onPressure, onRelief } = this.#options;
    const { used, limit } = this.#measure();
    this.#filled = 0;
    this.#enough = limit * FILLED_SHARE;
    this.#lookAt = clock.now() + intervalMs;
    this.#sinceStep += 1;
    const share = used / limit;
    const state = () => ({
      share,
      usedBytes: used,
      limitBytes: limit,
      maxEntries: this.#maxEntries,
      maxBytes: this.#maxBytes,
    });
    if (share >= high) {
      if (!this.#isShort) this.#begin();
      this.#sinceStep = 0;
      onPressure(state());
    } else if (this.#isShort && share < low && this.#isWhole) {
      this.#isShort = false;
      this.#patience = 1;
      this.#hasGrown = false;
      onRelief(state());
    } else if (this.#isShort && share < low && this.#sinceStep >= this.#patience) {
      this.#grow();
    }
    if (this.#isShort) this.#tick();
  }

  /** What cannot be measured says nothing: whoever fills L1 must not fail for it. */
  #measure(): MemoryUse {
    try {
      return this.#options.measure();
    } catch (error) {
      if (!this.#hasWarned) process.emitWarning(`memory cannot be measured: ${textOf(error)}`, 'TierwiseWarning');
      this.#hasWarned = true;
      return { used: Number.NaN, limit: Number.POSITIVE_INFINITY };
    }
  }

  #begin(): void {
    this.#isShort = true;
    const { size, bytes } = this.#target();
    this.#heldEntries = size;
    this.#heldBytes = bytes;
  }

  get #isWhole(): boolean {
    return this.#maxEntries === this.#askedEntries && this.#maxBytes === this.#askedBytes;
  }

  #grow(): void {
    this.#sinceStep = 0;
    this.#hasGrown = true;
    this.#bound(Math.ceil(this.#maxEntries * STEP_UP), Math.ceil(this.#maxBytes * STEP_UP));
  }

  #bound(maxEntries: number, maxBytes: number): void {
    this.#maxEntries = Math.min(maxEntries, this.#askedEntries);
    this.#maxBytes = Math.min(maxBytes, this.#askedBytes);
    this.#target().resize({ maxEntries: this.#maxEntries, maxBytes: this.#maxBytes });
  }

  #tick(): void {
    const { clock, intervalMs } = this.#options;
    clock.clearTimer(this.#timer);
    this.#timer = clock.setTimer(() => this.#look(), intervalMs);
  }
}
