import { type Attributes, SpanKind } from '@opentelemetry/api';
import type { Trace } from '@tierwise/hierarchy';

/** Backends that are in this process: no network lies between. */
const IN_PROCESS = new Set(['memory', 'embedded']);

/** A span's name, of which there are few, and what is known of it when it begins. */
export interface Beginning {
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes: Attributes;
}

/**
 * Names of OpenTelemetry's semantic conventions where there are some (`db.*` and `error.type`), else `tierwise.*`. Keys are not among
 * these: they are added where a span is recorded at all.
 */
export function beginningOf(trace: Trace): Beginning {
  switch (trace.kind) {
    case 'read':
      return {
        name: 'tierwise.read',
        kind: SpanKind.INTERNAL,
        attributes: {
          'tierwise.namespace': trace.namespace,
          'tierwise.read.may_load': trace.mayLoad,
          'tierwise.read.behind': trace.behind,
        },
      };
    case 'load':
      return {
        name: 'tierwise.load',
        kind: SpanKind.INTERNAL,
        attributes: { 'tierwise.namespace': trace.namespace },
      };
    case 'l2':
      return {
        name: `tierwise.l2 ${trace.operation}`,
        kind: IN_PROCESS.has(trace.backend) ? SpanKind.INTERNAL : SpanKind.CLIENT,
        attributes: {
          'db.system.name': trace.backend,
          'db.operation.name': trace.operation,
          // As the convention has it: only of what is a batch.
          ...(trace.count > 1 ? { 'db.operation.batch.size': trace.count } : {}),
          ...(trace.namespace === undefined ? {} : { 'tierwise.namespace': trace.namespace }),
        },
      };
    case 'feed':
      return {
        name: `tierwise.feed ${trace.news.type}`,
        kind: SpanKind.CONSUMER,
        attributes: {
          'tierwise.feed.own': trace.own,
          ...ofNews(trace.news),
        },
      };
    case 'recovery':
      return {
        name: 'tierwise.recovery',
        kind: SpanKind.INTERNAL,
        attributes: { 'tierwise.recovery.pending': trace.pending },
      };
  }
}

/** What is known of it in the end. */
export function endOf(trace: Trace): Attributes {
  switch (trace.kind) {
    case 'read':
    case 'load':
      return trace.outcome === undefined ? {} : { [`tierwise.${trace.kind}.outcome`]: trace.outcome };
    case 'l2':
      return { 'tierwise.l2.answered': trace.answered === true };
    case 'feed':
      return {};
    case 'recovery': {
      const { outcome = 'failed', replayed = {} } = trace;
      const counts = Object.entries(replayed).map(([what, count]) => [`tierwise.recovery.${what}`, count]);
      return { 'tierwise.recovery.outcome': outcome, ...Object.fromEntries(counts) };
    }
  }
}

function ofNews(news: Extract<Trace, { kind: 'feed' }>['news']): Attributes {
  const { namespace, origin } = news;
  const names = news.type === 'marks' ? news.tags : 'keys' in news ? news.keys : undefined;
  return {
    ...(namespace === undefined ? {} : { 'tierwise.namespace': namespace }),
    ...(origin === undefined ? {} : { 'tierwise.feed.origin': origin }),
    ...(news.type === 'changed' ? { 'tierwise.feed.cause': news.cause } : {}),
    ...(names == null ? {} : { 'tierwise.feed.count': names.length }),
  };
}
