// Builds dist/: ES modules (ES2020) with shared chunks, the worker as one file of its own, types.
import { execFileSync } from 'node:child_process';
import { copyFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { entries } from './entries.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);
rmSync('dist', { recursive: true, force: true });

const options = { bundle: true, format: 'esm', target: 'es2020', outdir: 'dist', outbase: 'src', logLevel: 'warning' };
await build({ ...options, entryPoints: entries, splitting: true, chunkNames: 'chunks/[name]-[hash]', external: ['react'] });
// A classic script: module workers are younger than the browsers that are supported
await build({ ...options, format: 'iife', entryPoints: ['src/sharing/worker.ts'] });

const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
execFileSync(process.execPath, [tsc, '-p', '.'], { stdio: 'inherit' });
copyFileSync('src/react/ui/ui.css', 'dist/react/ui/ui.css');
