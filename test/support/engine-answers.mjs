/** Exits with 0 where Testcontainers finds a container engine that answers, else with 1. */
import { getContainerRuntimeClient } from 'testcontainers';

const LIMIT_MS = 10_000;

setTimeout(() => process.exit(1), LIMIT_MS);
await getContainerRuntimeClient().then(
  () => process.exit(0),
  () => process.exit(1),
);
