import { configDefaults, defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts', 'examples/*/**/*.test.ts', 'bench/src/**/*.test.ts'],
    exclude: [...configDefaults.exclude, '**/dist/**'],
    // Sets TIERWISE_TEST_REDIS_URL before the workers are forked.
    globalSetup: ['test/support/redis-for-tests.ts'],
    pool: 'forks',
  },
});
