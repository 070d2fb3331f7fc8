import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Where the dashboard, the rules and the runbook are. */
export const OPS = fileURLToPath(new URL('../../../docs/ops/', import.meta.url));

export function readOps(file: string): string {
  return readFileSync(`${OPS}${file}`, 'utf8');
}

/** A query of the dashboard, with its variables filled in. */
export interface DashboardQuery {
  readonly panel: string;
  readonly expr: string;
}

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

/** @param rateInterval stands for `$__rate_interval`. */
export function dashboardQueries(rateInterval: string): DashboardQuery[] {
  const { panels } = JSON.parse(readOps('grafana-dashboard.json')) as { readonly panels: readonly Panel[] };
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({
      panel: title,
      expr: expr.replaceAll('$__rate_interval', rateInterval).replaceAll(/\$(hierarchy|instance)/g, '.*'),
    })),
  );
}

/** The expressions of a rule file, with the names of the rules. */
export function rulesOf(file: string): { readonly name: string; readonly isAlert: boolean; readonly expr: string }[] {
  return readOps(file)
    .split(/^ {6}- (?=alert|record)/m)
    .slice(1)
    .map((rule) => {
      const [, kind = '', name = ''] = /^(alert|record): (\S+)/.exec(rule) ?? [];
      const [, block, line = ''] = /^ {8}expr: (?:\|\n((?: {10}.*\n)+)|(.*)$)/m.exec(rule) ?? [];
      return { name, isAlert: kind === 'alert', expr: block ?? line };
    });
}

/** Each metric that an expression names, and the labels that it asks of it by matchers. */
export function metricsIn(expr: string): { readonly name: string; readonly labels: readonly string[] }[] {
  return [...expr.matchAll(/\b(tierwise[a-z0-9_:]+)(?:\{([^}]*)\})?/g)].map(([, name = '', matchers = '']) => ({
    name,
    labels: [...matchers.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label),
  }));
}
