import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const sdk = (path: string) => fileURLToPath(new URL(`../sdk/src/${path}`, import.meta.url));

export default defineConfig({
  base: '/console/',
  // The SDK's sources: nothing has to be built before the console.
  resolve: { alias: [{ find: /^@freshet\/client$/, replacement: sdk('index.ts') }] },
  esbuild: { jsx: 'automatic' },
  build: { target: 'es2022', modulePreload: { polyfill: false }, emptyOutDir: true, assetsInlineLimit: 0, reportCompressedSize: false },
  // `npx vite`: the page with hot reload, against a hub on port 4000.
  server: { proxy: { '^/(v1|healthz|readyz)': 'http://127.0.0.1:4000' } },
  test: { include: ['tests/unit/**/*.test.ts'], environment: 'node', pool: 'threads', poolOptions: { threads: { maxThreads: 2 } } },
});
