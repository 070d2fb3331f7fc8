import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts', 'examples/*/**/*.test.ts'],
    globalSetup: ['test/support/redis-for-tests.ts'],
    pool: 'forks',
  },
});
