// Native EventSource of real browsers, from a page of another, listed origin, through a relay that
// can be cut.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { Hub } from './lib/hub.mjs';
import { Relay } from './run.mjs';

const PAGE = `<!doctype html><meta charset="utf-8"><title>freshet</title><script type="module">
const hub = new URLSearchParams(location.search).get('hub');
let last = Promise.resolve();
const report = (...what) => (last = last.then(() => fetch('/report', { method: 'POST', body: JSON.stringify(what) })));
const named = new EventSource(hub + '/v1/stream?channel=b');
for (const type of ['freshet.open', 'freshet.gap', 'freshet.close', 'tick'])
  named.addEventListener(type, (e) => report(type, e.data, e.lastEventId));
named.onerror = () => report('error', named.readyState);
const flat = new EventSource(hub + '/v1/stream?channel=b&envelope=flat&heartbeat=comment');
flat.onmessage = (e) => report('flat', e.data, e.lastEventId);
</script>`;

// Serves the page, collects what it reports.
class Desk {
  reports = [];
  #waiting = new Set();

  async start() {
    this.server = http.createServer((req, res) => {
      if (req.url !== '/report') {
        res.setHeader('Content-Type', 'text/html; charset=utf-8');
        return res.end(req.url.startsWith('/?') ? PAGE : '');
      }
      let body = '';
      req.on('data', (d) => (body += d));
      req.on('end', () => {
        const [type, data, id] = JSON.parse(body);
        this.reports.push({ type, data, id });
        res.end();
        for (const look of this.#waiting) look();
      });
    });
    await new Promise((done) => this.server.listen(0, '127.0.0.1', done));
    this.origin = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  until(look, what, ms = 45000) {
    return new Promise((resolve, reject) => {
      const check = () => {
        const found = look(this.reports);
        if (!found) return;
        clearTimeout(timer);
        this.#waiting.delete(check);
        resolve(found);
      };
      const timer = setTimeout(() => reject(new Error(`never: ${what}; reported: ${JSON.stringify(this.reports.slice(-20))}`)), ms);
      this.#waiting.add(check);
      check();
    });
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

async function chromium(url) {
  const { chromium: driver } = await import('playwright-core');
  const browser = await driver.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  const page = await browser.newPage();
  await page.goto(url);
  return () => browser.close();
}

async function firefox(url) {
  const profile = mkdtempSync(path.join(tmpdir(), 'freshet-firefox-'));
  writeFileSync(path.join(profile, 'user.js'), ['browser.shell.checkDefaultBrowser', 'datareporting.policy.dataSubmissionEnabled', 'app.update.enabled', 'browser.startup.homepage_override.mstone']
    .map((p) => `user_pref("${p}", ${p.endsWith('mstone') ? '"ignore"' : 'false'});\n`).join(''));
  const child = spawn('firefox-esr', ['--headless', '--no-remote', '--profile', profile, url], { stdio: 'ignore', env: { ...process.env, HOME: profile, MOZ_DISABLE_CONTENT_SANDBOX: '1' } });
  const ended = new Promise((done) => child.on('close', done));
  return async () => {
    child.kill('SIGKILL');
    await ended;
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  };
}

const browsers = [['Chromium', '/usr/bin/chromium', chromium], ['Firefox', '/usr/bin/firefox-esr', firefox]];

describe('native EventSource', { concurrency: true }, () => {
  for (const [name, file, launch] of browsers)
    test(`${name}: a stream dropped before its first event, cut, drained or trimmed loses nothing silently`, { skip: !existsSync(file) && `no ${file}` }, async () => {
      const desk = await new Desk().start();
      const hub = await Hub.start({ config: { store: 'sqlite:hub.db', origins: [desk.origin] } });
      const relay = await new Relay(hub.port).start();
      let close;
      try {
        close = await launch(`${desk.origin}/?hub=${encodeURIComponent(relay.url)}`);
        const of = (type) => desk.reports.filter((r) => r.type === type);
        const flat = () => of('flat').map((r) => ({ ...JSON.parse(r.data), id: r.id }));
        await desk.until(() => of('freshet.open').length === 1 && flat().length === 1, 'both streams are open');
        assert.equal(flat()[0].type, 'freshet.open');

        // dropped before the first event
        relay.cut();
        const missed = await hub.publish([1, 2, 3].map((n) => ({ channel: 'b', type: 'tick', data: { n } })));
        await desk.until(() => of('tick').length >= 3 && flat().filter((f) => f.type === 'tick').length >= 3, 'what was missed');
        assert.deepEqual(of('tick').map((r) => r.id), missed);
        assert.deepEqual(flat().filter((f) => f.type === 'tick').map((f) => [f.id, f.n]), missed.map((id, i) => [id, i + 1]));
        assert.equal(JSON.parse(of('freshet.open')[1].data).channels.b.resume, 'resumed');

        // text with every line end
        const text = 'a\rid: 1\r\nb\n\nevent: x\n\u2028 \ufeff:c';
        const nasty = await hub.publish({ channel: 'b', type: 'tick', data: text });
        const got = await desk.until(() => of('tick').find((r) => r.id === nasty), 'the text');
        assert.equal(got.data, text.replace(/\r\n|\r/g, '\n'));

        // drained, restarted: what came after is there
        assert.equal(await hub.process.stop('SIGTERM'), 0);
        await desk.until(() => of('freshet.close').length >= 1, 'the closing event');
        await hub.run();
        const after = await hub.publish({ channel: 'b', type: 'tick', data: 'after' });
        await desk.until(() => of('tick').some((r) => r.id === after) && flat().some((f) => f.id === after), 'what came after the restart');
        assert.deepEqual([of('freshet.gap').length, of('tick').length], [0, 5]);

        // more than is kept: a gap, then what is kept
        relay.cut();
        const many = await hub.publish(Array.from({ length: 150 }, (_, n) => ({ channel: 'b', type: 'tick', data: n })));
        await desk.until(() => of('tick').some((r) => r.id === many.at(-1)), 'the last of many');
        assert.equal(of('freshet.gap').length, 1);
        assert.equal(JSON.parse(of('freshet.gap')[0].data).reason, 'trimmed');
        assert.deepEqual(of('tick').slice(5).map((r) => r.id), many.slice(50));
      } finally {
        await close?.();
        await relay.stop();
        await hub.stop();
        desk.stop();
      }
    });
});
