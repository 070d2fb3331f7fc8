import { Counter, Gauge, type Registry } from 'prom-client';

/** A figure with its labels. What is `undefined` is not there right now, and not exported. */
export type Sample = readonly [labels: Readonly<Record<string, string>>, value: number | undefined];

/** A metric that is read when it is scraped: nothing happens for it in between. */
export interface Family<View> {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly labels: readonly string[];
  /** Samples of the same labels are added up. */
  readonly read: (view: View) => Iterable<Sample>;
}

/** Registers a family; at each scrape it reads all `views`. */
export function register<View>(registry: Registry, family: Family<View>, views: () => Iterable<View>): void {
  const { name, help, type, read } = family;
  const labelNames = [...family.labels];
  const Metric = type === 'counter' ? Counter : Gauge;
  new Metric({
    name,
    help,
    labelNames,
    registers: [registry],
    collect() {
      this.reset();
      for (const view of views()) {
        for (const [labels, value] of read(view)) if (value !== undefined) this.inc(labels, value);
      }
    },
  });
}
