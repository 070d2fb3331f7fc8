import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Hierarchy } from '@tierwise/hierarchy';
import { healthHandler } from '@tierwise/telemetry/health';
import { prometheusMetrics } from '@tierwise/telemetry/prometheus';
import { Registry } from 'prom-client';
import type { Database } from './database.js';

/** Serves `/metrics` for Prometheus and `/livez`, `/readyz`, `/health` for probes, apart from the service's own port. */
export async function serveMetrics(
  cache: Hierarchy,
  pool: Database['pool'],
  port: number,
): Promise<{ readonly url: string; readonly close: () => void }> {
  const registry = new Registry();
  const metrics = prometheusMetrics({ registry, legacyNames: true });
  metrics.watch(cache);
  metrics.watchPool(pool);
  const health = healthHandler(cache);
  const server = createServer((request, response) => {
    if (request.url !== '/metrics') return health(request, response);
    registry.metrics().then((text) => {
      response.setHeader('content-type', registry.contentType);
      response.end(text);
    });
  });
  await once(server.listen(port, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`,
    close: () => {
      metrics.close();
      server.close();
      server.closeAllConnections();
    },
  };
}
