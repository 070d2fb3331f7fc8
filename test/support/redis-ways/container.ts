import { GenericContainer, getContainerRuntimeClient, type StartedTestContainer, Wait } from 'testcontainers';
import { Missing, type Way } from './way.js';
import { within } from './within.js';

const DEFAULT_IMAGE = 'redis:7.4-alpine';
const PORT = 6379;
/** By this label `.ci/run` finds the containers of a run that was killed before it could stop them. */
const RUN_LABEL = 'tierwise.test-run';
/** An engine that is there answers in a few milliseconds. */
const ENGINE_LIMIT_MS = 5_000;
/** Pulling the image included. */
const START_LIMIT_MS = 90_000;

/** A container through Testcontainers, of the image `TIERWISE_TEST_REDIS_IMAGE` where that is set. */
export const container: Way = async (say) => {
  try {
    await within(ENGINE_LIMIT_MS, getContainerRuntimeClient());
  } catch {
    return new Missing('no container engine answers');
  }
  const image = process.env['TIERWISE_TEST_REDIS_IMAGE'] || DEFAULT_IMAGE;
  say(`starting a container of ${image}`);
  let started: StartedTestContainer;
  try {
    started = await within(
      START_LIMIT_MS,
      new GenericContainer(image)
        .withExposedPorts(PORT)
        .withLabels({ [RUN_LABEL]: process.env['TIERWISE_TEST_RUN'] ?? 'unnamed' })
        // Not the default, a look at the port from inside: an image without a shell's tools cannot answer that.
        .withWaitStrategy(Wait.forLogMessage('Ready to accept connections'))
        .withCommand(['redis-server', '--save', '', '--appendonly', 'no', '--protected-mode', 'no'])
        .start(),
    );
  } catch (error) {
    return new Missing(`the container of ${image} did not start: ${firstLine(error)}`, { surprising: true });
  }
  return {
    url: `redis://${started.getHost()}:${started.getMappedPort(PORT)}`,
    origin: `a container of ${image}`,
    stop: async () => {
      await started.stop();
    },
  };
};

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n', 1)[0] ?? '';
}
