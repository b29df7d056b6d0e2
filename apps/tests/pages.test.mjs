// What is built: how much JavaScript each page loads, and that nothing in a page is inline.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { ROOT } from './lib.mjs';

const WEB = path.join(ROOT, 'build/apps/web');
const pages = readdirSync(WEB, { recursive: true, encoding: 'utf8' }).filter((file) => path.basename(file) === 'index.html');
const read = (file) => readFileSync(path.join(WEB, file), 'utf8');

/** The files of JavaScript that a page loads at once, with what they import: name to bytes, compressed. */
function scripts(page) {
  const sizes = new Map();
  const add = (name) => {
    if (sizes.has(name)) return;
    sizes.set(name, statSync(path.join(WEB, existsSync(path.join(WEB, `${name}.gz`)) ? `${name}.gz` : name)).size);
    for (const [, to] of read(name).matchAll(/(?:import|from)\s*["']\.\/([\w.-]+\.js)["']/g)) add(`assets/${to}`);
  };
  for (const [, name] of read(page).matchAll(/(?:src|href)="\/(assets\/[^"]+\.js)"/g)) add(name);
  return sizes;
}
const sum = (sizes) => [...sizes.values()].reduce((all, one) => all + one, 0);
const application = (page) => path.dirname(page).split(path.sep)[0];

describe('the built pages', () => {
  test('each loads at most 120 kB of JavaScript, and one more of the same application at most 15 kB more', () => {
    assert.ok(pages.length >= 10, pages.join());
    const first = new Map();
    for (const page of pages.sort((a, b) => a.length - b.length)) {
      const loads = scripts(page);
      assert.ok(sum(loads) > 50_000, `${page} loads something`);
      assert.ok(sum(loads) <= 120_000, `${page}: ${sum(loads)} bytes`);
      const before = first.get(application(page));
      if (!before) first.set(application(page), loads);
      else {
        const more = [...loads].filter(([name]) => !before.has(name)).reduce((all, [, size]) => all + size, 0);
        assert.ok(more <= 15_000, `${page}: ${more} bytes more`);
      }
    }
  });

  test('no page has a script or a style of its own in it', () => {
    for (const page of pages) {
      const text = read(page);
      assert.ok(!/<style|\sstyle=|\son\w+=/i.test(text), page);
      for (const [, attributes, body] of text.matchAll(/<script([^>]*)>([^]*?)<\/script>/g)) assert.ok(/src=/.test(attributes) && !body.trim(), page);
      assert.ok(!/(?:src|href)="(?:https?:)?\/\//.test(text), `${page} loads nothing from elsewhere`);
    }
  });

  test('files of 1 kB or more are compressed once, and say the same', () => {
    for (const file of readdirSync(WEB, { recursive: true, encoding: 'utf8' }).filter((name) => /\.(js|css|html)$/.test(name))) {
      const plain = readFileSync(path.join(WEB, file));
      if (plain.length < 1000) continue;
      assert.ok(gunzipSync(readFileSync(path.join(WEB, `${file}.gz`))).equals(plain), file);
      assert.ok(brotliDecompressSync(readFileSync(path.join(WEB, `${file}.br`))).equals(plain), file);
    }
  });
});
