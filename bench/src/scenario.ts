/**
 * What a scenario is made of. One file per scenario, in `scenarios/` (or beside what it needs), exports one {@link Scenario}, and
 * `scenarios/index.ts` lists it.
 *
 * How it is run (`conduct.ts`): every contestant gets a process of its own, so that no contestant's types, garbage or compiled code
 * weigh on another's. All of a scenario's processes are alive at once and take turns, in an order drawn anew for each round: what
 * the machine does beside hits all of them. After some rounds they are replaced by fresh processes, since the same code may be
 * compiled better or worse from one process to the next.
 */

/** One line of the table of targets. */
export interface Scenario {
  /** Such as `P1`. */
  readonly id: string;
  readonly title: string;
  /** What is measured and how, in a sentence or two, for the document. */
  readonly method: string;
  /** What is measured. The first is the one that the table and the plot show. */
  readonly figures: readonly Figure[];
  readonly contestants: readonly Contestant[];
  readonly targets: readonly Target[];
  /** Where the contestants' semantics differ, for the document. */
  readonly differences?: readonly string[];
  /** All contestants are measured at the same time, instead of in turns: for those that do nothing. */
  readonly together?: boolean;
  /** How long one measurement takes, in milliseconds, where the general budget does not fit. */
  readonly measureMs?: { readonly full: number; readonly quick: number };
  /** How often each contestant is measured, where the general number does not fit. */
  readonly rounds?: { readonly full: Rounds; readonly quick: Rounds };
}

/** So many generations of processes, and in each so many measurements of each contestant. */
export interface Rounds {
  readonly lives: number;
  readonly perLife: number;
}

/** Something that is measured. */
export interface Figure {
  /** How {@link Stand.measure} names it. */
  readonly name: string;
  /** Such as `op/s` or `ms`. */
  readonly unit: string;
  readonly better: 'higher' | 'lower';
}

/** One way to do what a scenario asks for. Its file is loaded in every process: what it measures, it imports in `open`. */
export interface Contestant {
  /** Unique within its scenario. Ours begin with `Tierwise`. */
  readonly name: string;
  /** `ours`, another `peer` library, or a `raw` part, as the plot colours them. */
  readonly kind: 'ours' | 'peer' | 'raw';
  /** Runs in the contestant's own process. */
  open(context: Context): Promise<Stand>;
}

/** What a contestant is given. */
export interface Context {
  /** A real Redis, shared by all contestants: each keeps to keys of its own. */
  readonly redisUrl: string;
  /** Unique among all contestants and runs; letters, digits and `-`: a prefix or namespace for its keys. */
  readonly namespace: string;
  /** A folder of its own, which is removed afterwards. */
  readonly folder: string;
}

/** A contestant, set up. Both run in its own process. */
export interface Stand {
  /**
   * Works for about so long and says what it measured. The first call warms up and does not count.
   *
   * Throws if it did not do what it was to measure, such as hits that were none.
   */
  measure(budgetMs: number): Promise<Figures>;
  close(): Promise<void>;
}

/** By the names of {@link Scenario.figures}. */
export type Figures = Readonly<Record<string, number>>;

/** What a scenario is to reach: a figure of ours, as a ratio to another's or by itself. */
export interface Target {
  /** Name of the contestant that is judged. */
  readonly of: string;
  /**
   * Names of those whom it is compared with: the best of their medians counts. Left out: the figure itself is judged.
   */
  readonly against?: readonly string[];
  /** What `against` is called in the table, such as `the fastest peer`. Default: its only name. */
  readonly called?: string;
  /** Name of the figure. Default: the scenario's first. */
  readonly figure?: string;
  /**
   * The least or the most that the median (divided by the best of `against`) may be: exactly one of the two. Ratios are those of the
   * figures as they are, so that twice the speed is 2 in op/s and 0.5 in ms.
   */
  readonly atLeast?: number;
  readonly atMost?: number;
}
