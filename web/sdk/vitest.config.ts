import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const src = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url));

export default defineConfig({
  resolve: {
    // The documents' snippets name the package
    alias: [
      { find: /^@freshet\/client$/, replacement: src('index.ts') },
      { find: /^@freshet\/client\/(compat\/cockpit|compat\/rental|compat\/crowd|server)$/, replacement: src('$1/index.ts') },
      { find: /^@freshet\/client\/(.+)$/, replacement: src('$1.ts') },
    ],
  },
  test: {
    include: ['tests/unit/**/*.test.{ts,tsx}'],
    environment: 'node',
    testTimeout: 60000, // bounds, not expectations: machines can be busy
    hookTimeout: 60000,
    pool: 'threads',
    poolOptions: { threads: { maxThreads: 2 } },
  },
});
