import { createHierarchy } from '@tierwise/hierarchy';
import { expect, test } from 'vitest';
import { healthHandler } from './health/index.js';
import { auditTo, logTo } from './logging/index.js';
import { openTelemetry } from './opentelemetry/index.js';
import { prometheusMetrics } from './prometheus/index.js';

const cache = createHierarchy({ namespace: 'n' });

test.each<[string, () => unknown, string]>([
  ['prometheusMetrics', () => prometheusMetrics({ legacyName: true } as object), 'legacyNames'],
  ['openTelemetry', () => openTelemetry({ l1Hit: 1 } as object), 'l1Hits'],
  ['logTo', () => logTo(cache, console, { trafic: true } as object), 'traffic'],
  ['auditTo', () => auditTo(cache, () => {}, { key: 'plain' } as object), 'keys'],
  ['healthHandler', () => healthHandler(cache, { detail: true } as object), 'details'],
])('%s refuses a misspelt option and suggests the right one', (_, call, meant) => {
  expect(call).toThrow(expect.objectContaining({ code: 'ERR_TIERWISE_INVALID_OPTION' }));
  expect(call).toThrow(`(did you mean "${meant}"?); its options are: `);
});
