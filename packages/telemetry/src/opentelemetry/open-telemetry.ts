import {
  type Context,
  context,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanStatusCode,
  type Tracer,
  trace as traces,
} from '@opentelemetry/api';
import {
  type Hierarchy,
  type Instrumentation,
  InvalidOptionError,
  L2SkippedError,
  type LoadTrace,
  type Trace,
} from '@tierwise/hierarchy';
import { checkOptions } from '../check-options.js';
import { Redaction, type RedactionOptions } from '../redaction.js';
import { beginningOf, endOf } from './attributes.js';

/** Options of {@link openTelemetry}. */
export interface OpenTelemetryOptions extends RedactionOptions {
  /** Makes the spans. Default: that of the global provider, whenever it is registered. */
  readonly tracer?: Tracer | undefined;
  /**
   * The part of L1 hits, 0 to 1, that get a span (without a length of time). Default 0. More makes an event of every L1 hit, and takes the
   * speed out of it.
   */
  readonly l1Hits?: number | undefined;
  /** 0 to 1, at random. For tests. */
  readonly random?: (() => number) | undefined;
}

/** The span of a load, and of whom it is a child. */
interface LoadSpan {
  readonly span: SpanContext;
  readonly parent: SpanContext | undefined;
}

/**
 * Makes spans of what a hierarchy does: to be given to `createHierarchy` as `instrumentation`. See `docs/tracing.md` for what they are of.
 *
 * A loader runs within the span of its load, so that the spans of what it calls are children of that. A read that waits for a load that another
 * one began has a link to it. What comes by the feed, and recovery, are traces of their own. Errors are recorded without their stacks.
 *
 * @throws InvalidOptionError for options that mean nothing.
 */
export function openTelemetry(options: OpenTelemetryOptions = {}): Instrumentation {
  checkOptions('openTelemetry()', options, ['tracer', 'l1Hits', 'random', 'keys', 'hashSecret']);
  const { tracer = traces.getTracer('@tierwise/telemetry'), l1Hits = 0, random = Math.random } = options;
  if (typeof l1Hits !== 'number' || !(l1Hits >= 0 && l1Hits <= 1)) {
    throw new InvalidOptionError(`l1Hits must be a part from 0 to 1, not ${JSON.stringify(l1Hits)}`);
  }
  const redaction = new Redaction(options);
  const loads = new WeakMap<LoadTrace, LoadSpan>();

  const begin = (trace: Trace, parent: Context): Span => {
    const { name, kind, attributes } = beginningOf(trace);
    const span = tracer.startSpan(name, { kind, attributes }, parent);
    if (!span.isRecording()) return span;
    if (trace.kind === 'read' || trace.kind === 'load') nameKey(span, trace.key, redaction);
    nameAccount(span, trace.hierarchy);
    return span;
  };

  const end = (span: Span, trace: Trace, error?: unknown) => {
    if (span.isRecording()) {
      span.setAttributes(endOf(trace));
      if (trace.kind === 'read' && trace.load !== undefined) link(span, loads.get(trace.load));
      if (error !== undefined) fail(span, error, 'key' in trace ? [trace.key] : [], redaction);
    }
    span.end();
  };

  return {
    around(trace, run) {
      // News and timers run in the context of whoever opened the connection, or was the first to fail: not on their account.
      const parent = trace.kind === 'feed' || trace.kind === 'recovery' ? ROOT_CONTEXT : context.active();
      const span = begin(trace, parent);
      if (trace.kind === 'load') {
        loads.set(trace, { span: span.spanContext(), parent: traces.getSpanContext(parent) });
      }
      const within = traces.setSpan(parent, span);
      let result: ReturnType<typeof run>;
      try {
        result = context.with(within, run);
      } catch (error) {
        end(span, trace, error);
        throw error;
      }
      if (result instanceof Promise) {
        result.then(
          // Recovery never rejects.
          () => end(span, trace, trace.kind === 'recovery' ? trace.error : undefined),
          (error: unknown) => end(span, trace, error ?? new Error('rejected with nothing')),
        );
      } else {
        end(span, trace);
      }
      return result;
    },

    attached(hierarchy) {
      if (l1Hits === 0) return;
      hierarchy.on('hit', ({ tier, namespace, key }) => {
        if (tier !== 'l1' || random() >= l1Hits) return;
        const attributes = { 'tierwise.namespace': namespace, 'tierwise.read.outcome': 'l1' };
        const span = tracer.startSpan('tierwise.read', { attributes });
        if (span.isRecording()) {
          nameKey(span, key, redaction);
          nameAccount(span, hierarchy);
        }
        span.end();
      });
    },
  };
}

function nameKey(span: Span, key: string, redaction: Redaction): void {
  const shown = redaction.name(key);
  if (shown !== undefined) span.setAttribute(redaction.isPlain ? 'tierwise.key' : 'tierwise.key.hash', shown);
}

function nameAccount(span: Span, hierarchy: Hierarchy): void {
  const correlationId = hierarchy.correlationId();
  if (correlationId !== undefined) span.setAttribute('tierwise.correlation_id', correlationId);
}

/** A load that another read began is somewhere else in this trace, or in another one. */
function link(span: Span, load: LoadSpan | undefined): void {
  if (load === undefined || load.parent?.spanId === span.spanContext().spanId) return;
  span.addLink({ context: load.span, attributes: { 'tierwise.link': 'load' } });
}

function fail(span: Span, error: unknown, names: readonly string[], redaction: Redaction): void {
  const { name, code, message } = errorOf(error);
  const shown = redaction.text(message, names);
  span.setAttribute('error.type', error instanceof L2SkippedError ? error.reason : (code ?? name));
  span.setStatus({ code: SpanStatusCode.ERROR, message: shown });
  // The stack has the message as it is.
  span.recordException({ name, message: shown, ...(code === undefined ? {} : { code }) });
}

function errorOf(error: unknown): { name: string; code: string | undefined; message: string } {
  if (!(error instanceof Error)) return { name: typeof error, code: undefined, message: '' };
  const { code } = error as { code?: unknown };
  return {
    name: error.name,
    code: typeof code === 'string' || typeof code === 'number' ? String(code) : undefined,
    message: String(error.message),
  };
}
