import type { Hierarchy, HierarchyOptions } from '@tierwise/hierarchy';
import { importOptional } from './optional.js';
import { ConfigError } from './problems.js';
import type { TierwiseConfig } from './schema/index.js';
import { inPlainNumbers } from './units.js';

/** What log lines are written to: pino's shape, as `@tierwise/telemetry/logging` takes it. */
export interface ConfiguredLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  isLevelEnabled?(level: string): boolean;
}

/** Who is told of a hierarchy, and how. */
export interface Watchers {
  readonly instrumentation: HierarchyOptions['instrumentation'];
  /** Begins to watch. @returns how to end that. */
  readonly watch: (hierarchy: Hierarchy) => () => void;
  /** Ends what was begun for a hierarchy that did not come about. */
  readonly giveUp: () => void;
}

interface Metrics {
  watch(hierarchy: Hierarchy): () => void;
  close(): void;
}
interface PrometheusPackage {
  prometheusMetrics(options: object): Metrics;
}
interface OpenTelemetryPackage {
  openTelemetry(options: object): NonNullable<HierarchyOptions['instrumentation']>;
}
interface LoggingPackage {
  logTo(hierarchy: Hierarchy, logger: ConfiguredLogger, options: object): () => void;
}

type TelemetryConfig = TierwiseConfig['telemetry'];

/** The telemetry that is configured. @param logger which only code can give */
export async function watchersOf(telemetry: TelemetryConfig, logger: ConfiguredLogger | undefined): Promise<Watchers> {
  const log = await logsOf(telemetry, logger);
  const instrumentation = await tracesOf(telemetry);
  // The last, since it holds something that has to be given back.
  const metrics = await metricsOf(telemetry);
  return {
    instrumentation,
    watch: (hierarchy) => {
      const ends = [metrics?.watch(hierarchy), log?.(hierarchy), metrics?.release];
      return () => {
        for (const end of ends) end?.();
      };
    },
    giveUp: () => metrics?.release(),
  };
}

/** prom-client knows each name once, so all hierarchies of a process are measured together. */
let shared: { readonly metrics: Metrics; readonly options: string; users: number } | undefined;

async function metricsOf(telemetry: TelemetryConfig) {
  const prometheus = telemetry?.prometheus;
  if (prometheus === undefined || prometheus === false || prometheus.enabled !== true) return undefined;
  const { enabled: _, ...options } = prometheus;
  const { prometheusMetrics } = await importOptional<PrometheusPackage>(
    '@tierwise/telemetry/prometheus',
    'telemetry.prometheus is enabled',
    'telemetry.prometheus',
  );
  const text = JSON.stringify(Object.entries(options).sort());
  if (shared !== undefined && shared.options !== text) {
    throw problem('invalid', 'telemetry.prometheus', 'must be the same for all hierarchies of a process');
  }
  shared ??= { metrics: prometheusMetrics(options), options: text, users: 0 };
  const mine = shared;
  mine.users += 1;
  return {
    watch: (hierarchy: Hierarchy) => mine.metrics.watch(hierarchy),
    release: () => {
      mine.users -= 1;
      if (mine.users > 0) return;
      mine.metrics.close();
      shared = undefined;
    },
  };
}

async function tracesOf(telemetry: TelemetryConfig): Promise<HierarchyOptions['instrumentation']> {
  const traces = telemetry?.opentelemetry;
  if (traces === undefined || traces === false || traces.enabled !== true) return undefined;
  const { openTelemetry } = await importOptional<OpenTelemetryPackage>(
    '@tierwise/telemetry/opentelemetry',
    'telemetry.opentelemetry is enabled',
    'telemetry.opentelemetry',
  );
  return openTelemetry({ ...redactionOf(telemetry), l1Hits: traces.l1Hits });
}

async function logsOf(telemetry: TelemetryConfig, logger: ConfiguredLogger | undefined) {
  const logging = telemetry?.logging ?? {};
  if (logging === false || logging.enabled === false) return undefined;
  if (logger === undefined) {
    if (logging.enabled !== true) return undefined;
    throw problem('missing', 'telemetry.logging', 'needs a logger, which only code can give');
  }
  const { traffic, interval } = logging;
  const { logTo } = await importOptional<LoggingPackage>(
    '@tierwise/telemetry/logging',
    'a logger was given',
    'telemetry.logging',
  );
  const { interval: intervalMs } = inPlainNumbers('telemetry.logging', interval === undefined ? {} : { interval });
  const options = { ...redactionOf(telemetry), traffic, intervalMs };
  return (hierarchy: Hierarchy) => logTo(hierarchy, logger, options);
}

function redactionOf(telemetry: TelemetryConfig): object {
  return { keys: telemetry?.keys, hashSecret: telemetry?.hashSecret };
}

function problem(code: 'invalid' | 'missing', option: string, how: string): ConfigError {
  const message = `${option} ${how}`;
  return new ConfigError([{ code, option, source: undefined, suggestion: undefined, message }]);
}
