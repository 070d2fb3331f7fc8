import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Hierarchy } from '@tierwise/hierarchy';
import { InvalidOptionError } from '@tierwise/hierarchy';
import { checkOptions } from '../check-options.js';
import { type KnownHealth, LatestHealth } from './latest.js';

/** Options of {@link healthHandler}. */
export interface HealthHandlerOptions {
  /** Whether a degraded hierarchy is ready for traffic. It serves; see `docs/ops` before you say `false`. Default `true`. */
  readonly degradedIsReady?: boolean;
  /** Whether figures and messages are told as well, rather than state and reasons only. Messages may name servers. Default `false`. */
  readonly details?: boolean;
  /** How long a probe waits for a new result before the last one answers, in milliseconds. Default 500. */
  readonly answerWithin?: number;
  /** How old a result may be that answers at once, in milliseconds. Default 1,000. */
  readonly maxAge?: number;
}

/** A listener of `node:http`, and a middleware of frameworks of that shape: what is not for it goes to `next`, if there is one. */
export type HealthHandler = (request: IncomingMessage, response: ServerResponse, next?: () => void) => void;

function checkMs(option: string, ms: number): void {
  if (!(Number.isFinite(ms) && ms >= 0)) {
    throw new InvalidOptionError(`${option} must be a number of milliseconds, not ${JSON.stringify(ms)}`);
  }
}

/**
 * Answers probes over HTTP, below any path:
 *
 * - `GET …/livez`: 200 as long as the process answers. Nothing is looked at: restarting it would not bring Redis back.
 * - `GET …/readyz`: 200 if it can take traffic, 503 if not: it is down, or nothing is known of it yet.
 * - `GET …/health`: the same with more about it.
 *
 * However L2 hangs, an answer comes within `answerWithin`: the last result, with `late: true`. So the first probe after L2 stopped may
 * still see what was before; from `l2Timeout` on they see what is.
 *
 * @throws InvalidOptionError for options that mean nothing.
 *
 * @example
 * createServer(healthHandler(cache)).listen(9465);
 */
export function healthHandler(hierarchy: Pick<Hierarchy, 'health'>, options: HealthHandlerOptions = {}): HealthHandler {
  checkOptions('healthHandler()', options, ['degradedIsReady', 'details', 'answerWithin', 'maxAge']);
  const { degradedIsReady = true, details = false, answerWithin = 500, maxAge = 1_000 } = options;
  checkMs('answerWithin', answerWithin);
  checkMs('maxAge', maxAge);
  const latest = new LatestHealth({ hierarchy, maxAgeMs: maxAge, waitMs: answerWithin });
  const isReady = ({ health }: KnownHealth) =>
    health !== undefined && (health.state === 'ok' || (health.state === 'degraded' && degradedIsReady));

  return (request, response, next) => {
    const probe = probeOf(request.url ?? '');
    if (probe === undefined) {
      if (next !== undefined) next();
      else send(response, request, 404, { error: 'there are /livez, /readyz and /health' });
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      send(response, request, 405, { error: 'GET or HEAD' });
    } else if (probe === 'livez') {
      send(response, request, 200, { state: 'ok' });
    } else {
      latest.read().then((known) => {
        const more = details && probe === 'health';
        send(response, request, isReady(known) ? 200 : 503, more ? withDetails(known) : bodyOf(known));
      });
    }
  };
}

function probeOf(url: string): 'livez' | 'readyz' | 'health' | undefined {
  const [path = ''] = url.split('?');
  const [, name] = /\/(livez|readyz|health)\/?$/.exec(path) ?? [];
  return name as 'livez' | 'readyz' | 'health' | undefined;
}

function bodyOf({ health, ageMs, late }: KnownHealth) {
  return {
    state: health?.state ?? 'unknown',
    reasons: health?.reasons.map(({ code }) => code) ?? ['not-known-yet'],
    ageMs: Math.round(ageMs),
    late,
  };
}

function withDetails(known: KnownHealth) {
  const { ageMs, late } = bodyOf(known);
  return known.health === undefined ? bodyOf(known) : { ...known.health, ageMs, late };
}

function send(response: ServerResponse, request: IncomingMessage, status: number, body: object): void {
  // Whoever has gone, or was answered by somebody else meanwhile, needs no answer.
  if (response.headersSent || response.destroyed) return;
  response.statusCode = status;
  response.setHeader('content-type', 'application/json; charset=utf-8');
  response.setHeader('cache-control', 'no-store');
  response.end(request.method === 'HEAD' ? undefined : JSON.stringify(body));
}
