import { gzipSync } from 'node:zlib';
import { readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build } from 'esbuild';
import { minify } from 'terser';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { entries } from '../../scripts/entries.mjs';

const root = new URL('../..', import.meta.url).pathname;
const sources = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => relative(root, join(entry.parentPath, entry.name)));
const parse = (path: string) => ts.createSourceFile(path, readFileSync(join(root, path), 'utf8'), ts.ScriptTarget.Latest, true);

/** Every node of a file. */
function* nodes(node: ts.Node): Generator<ts.Node> {
  yield node;
  for (const child of node.getChildren()) yield* nodes(child);
}

/**
 * What a page loads for an import before anything has gone wrong, minified and gzipped: without the
 * chunks that are fetched when first used.
 */
async function size(contents: string): Promise<number> {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: join(root, 'src'), sourcefile: 'entry.ts' }, bundle: true, splitting: true, minify: true, format: 'esm',
    target: 'es2020', outdir: '/out', write: false, metafile: true, external: ['react'], absWorkingDir: root,
    plugins: [{
      name: 'later',
      setup: ({ onResolve }) => onResolve({ filter: /./ }, ({ kind, path }) => (kind === 'dynamic-import' ? { path, external: true } : null)),
    }],
  });
  expect(Object.keys(metafile.outputs)).toHaveLength(1);
  const { code } = await minify(outputFiles[0]!.text, { module: true, ecma: 2020, compress: { passes: 3, unsafe_arrows: true } });
  return gzipSync(code!, { level: 9 }).length;
}

describe('size, minified and gzipped', () => {
  it.each([
    ['core', "export { createClient } from './index.js'", 5000],
    ['react', "export * from './react/index.js'", 2000],
    ['ui', "export * from './react/ui/index.js'", 4000],
  ])('%s', async (name, entry, most) => {
    const bytes = await size(entry);
    console.log(`${name}: ${bytes} bytes`);
    expect(bytes).toBeLessThanOrEqual(most);
  });
});

describe.each(sources)('%s', (path) => {
  const file = parse(path);

  it('never says any', () => {
    const found = [...nodes(file)].filter((node) => node.kind === ts.SyntaxKind.AnyKeyword);
    expect(found.map((node) => file.getLineAndCharacterOfPosition(node.pos).line + 1)).toEqual([]);
  });
  it('has about 300 lines at most', () => {
    expect(file.getLineStarts().length).toBeLessThanOrEqual(320);
  });
  it('exports a default only where a document wants one', () => {
    const wanted = /cockpit\/(ConnectionStatus|DashboardWithSSE)\.ts$/.test(path);
    expect(/export default|as default/.test(file.text)).toBe(wanted);
  });
});

it('only the seam, its transports and what runs in React, workers or Node names a global of the browser', () => {
  const core = entries.length ? ['machine', 'engine', 'client', 'dispatch', 'parser', 'event', 'errors', 'polling'] : [];
  for (const name of core) {
    const words = [...nodes(parse(`src/${name}.ts`))].filter(ts.isIdentifier).map(({ text }) => text);
    for (const word of ['window', 'document', 'navigator', 'localStorage', 'setTimeout', 'setInterval', 'requestAnimationFrame', 'XMLHttpRequest'])
      expect(words, `${name} names ${word}`).not.toContain(word);
  }
});

describe('the examples of README.md', () => {
  const blocks = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/^( *)```(tsx?)\n([^]*?)^ *```/gm)];
  let program: ts.Program | undefined;
  const exported = (entry: string): string[] => {
    const path = entries.find((one) => one === `src/${entry}.ts` || one === `src/${entry}/index.ts`);
    expect(path, entry).toBeDefined();
    const checker = (program ??= ts.createProgram(entries.map((one) => join(root, one)), { moduleResolution: ts.ModuleResolutionKind.Bundler, module: ts.ModuleKind.ESNext })).getTypeChecker();
    return checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(join(root, path!))!)!).map(({ name }) => name);
  };
  it.each(blocks.map(([, , kind, code], i) => [i + 1, kind!, code!] as const))('number %i (%s) parses and imports what there is', (_, kind, code) => {
    const file = ts.createSourceFile(`example.${kind}`, code, ts.ScriptTarget.Latest, true);
    expect((file as unknown as { parseDiagnostics: ts.Diagnostic[] }).parseDiagnostics.map(({ messageText }) => messageText)).toEqual([]);
    for (const [, names, from] of code.matchAll(/import \{(.*?)\} from '@freshet\/client\/?(.*?)'/g)) {
      const there = exported(from || 'index');
      for (const name of names!.split(',')) expect(there, from).toContain(name.trim());
    }
  });
});

it('every public option says what it is for', () => {
  for (const path of ['src/options.ts', 'src/types.ts', 'src/polling.ts', 'src/sharing/tabs.ts']) {
    const file = parse(path);
    for (const node of nodes(file)) {
      if (!ts.isInterfaceDeclaration(node) || !/Options$/.test(node.name.text)) continue;
      for (const member of node.members) {
        const doc = ts.getJSDocCommentsAndTags(member)[0]?.getText() ?? '';
        const name = `${node.name.text}.${member.name?.getText()}`;
        if (member.questionToken && /number/.test(member.getText())) expect(doc, name).toMatch(/Default|default/);
        if (node.name.text === 'ClientOptions') expect(doc, name).not.toBe('');
      }
    }
  }
});
