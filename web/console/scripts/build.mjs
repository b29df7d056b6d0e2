// Builds the console into a folder (default dist), each file with its .gz and .br beside it.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'vite';

const outDir = path.resolve(process.argv[2] ?? 'dist');
await build({ root: fileURLToPath(new URL('..', import.meta.url)), logLevel: 'warn', build: { outDir } });

for (const entry of readdirSync(outDir, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const file = path.join(entry.parentPath ?? entry.path, entry.name);
  const bytes = readFileSync(file);
  const options = { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } };
  for (const [end, packed] of [['.gz', gzipSync(bytes, { level: 9 })], ['.br', brotliCompressSync(bytes, options)]])
    if (packed.length < bytes.length) writeFileSync(file + end, packed);
}
