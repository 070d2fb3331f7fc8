/** What a Prometheus would read from an exposition. */
export interface Exposition {
  /** By name, as `# TYPE` says. */
  readonly types: ReadonlyMap<string, string>;
  readonly helps: ReadonlyMap<string, string>;
  /** All samples, as `name{label="value",…}` with labels in alphabetical order. */
  readonly samples: ReadonlyMap<string, number>;
  /** The labels that samples of a name have. */
  readonly labels: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Reads the text format. @throws for a line that it does not know, or a sample that is there twice. */
export function parseExposition(text: string): Exposition {
  const types = new Map<string, string>();
  const helps = new Map<string, string>();
  const samples = new Map<string, number>();
  const labels = new Map<string, Set<string>>();
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [, about, of = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (about === 'TYPE') types.set(of, rest);
    else if (about === 'HELP') helps.set(of, rest);
    else {
      const [, name = '', inner = '', value = ''] = /^([a-z_0-9]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      if (name === '') throw new Error(`no sample: ${line}`);
      const pairs = [...inner.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map(
        ([, label = '', is = '']) => [label, is] as const,
      );
      pairs.sort(([a], [b]) => (a < b ? -1 : 1));
      const sample = pairs.length === 0 ? name : `${name}{${pairs.map(([label, is]) => `${label}="${is}"`).join(',')}}`;
      if (samples.has(sample)) throw new Error(`there twice: ${sample}`);
      samples.set(sample, value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value));
      const known = labels.get(name) ?? new Set();
      for (const [label] of pairs) known.add(label);
      labels.set(name, known);
    }
  }
  return { types, helps, samples, labels };
}
