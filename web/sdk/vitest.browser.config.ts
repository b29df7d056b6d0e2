import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/{browser,matrix}/**/*.test.ts'],
    environment: 'node',
    testTimeout: 30000,
    hookTimeout: 60000,
    fileParallelism: false,
    pool: 'forks',
  },
});
