import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';

const root = fileURLToPath(new URL('.', import.meta.url));
const sdk = (file: string) => path.join(root, '../web/sdk/src', file);

/** The page of each index.html below pages/, by its URL without slashes at the ends: '', 'trips', 'trips/cashier'. */
const pages = readdirSync(path.join(root, 'pages'), { recursive: true, encoding: 'utf8' })
  .filter((file) => path.basename(file) === 'index.html')
  .map((file) => path.dirname(file).replace(/^\.$/, ''))
  .sort();

/** `npx vite`: pages with hot reload at their own addresses, the rest from freshet-apps on port 4000. */
const addresses: Plugin = {
  name: 'addresses',
  configureServer(server) {
    server.middlewares.use((request, _, next) => {
      const [url = '', query] = (request.url ?? '').split('?');
      if (pages.includes(url.replace(/^\/|\/$/g, ''))) request.url = `/pages${url.replace(/\/$/, '')}/index.html${query ? `?${query}` : ''}`;
      next();
    });
  },
};

/** React is in every page and the kit in nearly every one: each is one file that all of them share. */
function shared(id: string): string | undefined {
  if (/\/node_modules\/(react|react-dom|scheduler)\//.test(id)) return 'react';
  if (id.startsWith(path.join(root, 'kit/')) && !/\/plot\.tsx?$/.test(id)) return 'kit';
  if (id.startsWith(sdk('')) && !id.includes('/compat/') && !/\/(sharing|testing|server)\//.test(id)) return 'client';
  return undefined;
}

export default defineConfig({
  root,
  appType: 'mpa',
  plugins: [addresses],
  resolve: {
    // The SDK's sources: nothing has to be built before the pages.
    alias: [
      { find: /^@freshet\/client$/, replacement: sdk('index.ts') },
      { find: /^@freshet\/client\/react\/ui\.css$/, replacement: sdk('react/ui/ui.css') },
      { find: /^@freshet\/client\/(react|react\/ui|sharing|testing|server|compat\/(?:cockpit|crowd|rental))$/, replacement: sdk('$1/index.ts') },
      { find: /^@freshet\/client\/(.+)$/, replacement: sdk('$1.ts') },
      { find: /^@kit$/, replacement: path.join(root, 'kit/index.ts') },
    ],
    dedupe: ['react', 'react-dom'],
  },
  esbuild: { jsx: 'automatic' },
  // A classic script, as the SDK's own build makes it: SharedWorker is called without `type: 'module'`.
  worker: { format: 'iife', rollupOptions: { output: { inlineDynamicImports: true } } },
  build: {
    target: 'es2022',
    modulePreload: { polyfill: false },
    emptyOutDir: true,
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rollupOptions: {
      input: Object.fromEntries(pages.map((page) => [page.replaceAll('/', '-') || 'gallery', path.join(root, 'pages', page, 'index.html')])),
      output: { manualChunks: shared, onlyExplicitManualChunks: true },
    },
  },
  server: { proxy: { '^/(api|sse|v1|console|healthz|readyz)/': 'http://127.0.0.1:4000' } },
});
