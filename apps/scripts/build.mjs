// Builds the pages into a folder (default ../build/apps/web): each at its URL, and each file of 1 kB
// or more compressed once, with its .gz and .br beside it.
// usage: node scripts/build.mjs [FOLDER]
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'vite';

const root = fileURLToPath(new URL('..', import.meta.url));
const outDir = path.resolve(process.argv[2] ?? path.join(root, '../build/apps/web'));
await build({ root, configFile: path.join(root, 'vite.config.ts'), logLevel: 'warn', build: { outDir } });

// the bundler leaves each page where its source is; its address is without that folder
cpSync(path.join(outDir, 'pages'), outDir, { recursive: true });
rmSync(path.join(outDir, 'pages'), { recursive: true });

for (const entry of readdirSync(outDir, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const file = path.join(entry.parentPath ?? entry.path, entry.name);
  const bytes = readFileSync(file);
  if (bytes.length < 1000) continue;
  const options = { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } };
  for (const [end, packed] of [['.gz', gzipSync(bytes, { level: 9 })], ['.br', brotliCompressSync(bytes, options)]])
    if (packed.length < bytes.length) writeFileSync(file + end, packed);
}
