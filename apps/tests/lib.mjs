// What the applications' tests share: freshet-apps on a free port with its data in a folder of its
// own, requests and streams as somebody of the demo logins, and Chromium to look at the pages with.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PROGRAM = process.env.FRESHET_APPS ?? path.join(ROOT, 'build/freshet-apps');
const WEB = process.env.FRESHET_APPS_WEB ?? path.join(ROOT, 'build/apps/web');

/** Waits until `condition` gives something true, and gives that. Fails after `ms`, saying `what`. */
export async function until(condition, what = 'the condition', ms = 10_000) {
  const end = Date.now() + ms;
  for (;;) {
    const found = await condition();
    if (found) return found;
    if (Date.now() > end) assert.fail(`${typeof what === 'function' ? what() : what} did not come about within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** What a promise of `ms` comes to where other work competes for the processors; never less than `ms`. */
export const patience = (ms) => ms * Math.max(1, loadavg()[0] / availableParallelism() / 2);

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** freshet-apps, running. */
export class Apps {
  /**
   * Starts it. apps: names (default: all); world: false starts with nobody acting on
   * them; options: {name: value} for --option; db: postgres://...;
   * args: more of the command line; config: more configuration files; env: more environment.
   */
  static async start({ apps = [], world = true, options = {}, db, args = [], env = {} } = {}) {
    const self = new Apps();
    self.dir = mkdtempSync(path.join(tmpdir(), 'freshet-apps-'));
    self.port = await freePort();
    self.url = `http://127.0.0.1:${self.port}`;
    self.env = env;
    self.args = [
      ...['--var', self.dir, '--listen', `127.0.0.1:${self.port}`, '--static', WEB],
      ...apps.flatMap((name) => ['--app', name]),
      ...Object.entries({ ...(world ? {} : { world: 'off' }), ...options }).flatMap(([name, value]) => ['--option', `${name}=${value}`]),
      ...(db ? ['--db', db] : []),
      ...args,
    ];
    try {
      await self.run();
    } catch (error) {
      await self.end();
      throw error;
    }
    return self;
  }

  /** Starts it (again, on the same port and data); resolves when it says where it listens. */
  async run() {
    this.process = spawn(PROGRAM, this.args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...this.env } });
    this.log = '';
    let said = '';
    this.process.stderr.on('data', (text) => (this.log += text));
    this.process.stdout.on('data', (text) => (said += text));
    const exited = once(this.process, 'exit');
    this.exited = exited;
    exited.then(() => (said += '\0'));
    await until(() => said.includes('\n') || said.includes('\0'), () => `a line of freshet-apps (${this.log})`, 20_000);
    assert.match(said, /listening on http/, `freshet-apps did not start: ${said}${this.log}`);
  }

  async stop(signal = 'SIGTERM') {
    this.process.kill(signal);
    await this.exited;
  }

  /** Ends it and takes its data away. Fails when it didn't end as it should. */
  async end() {
    const running = this.process && this.process.exitCode === null && this.process.signalCode === null;
    if (running) {
      const hard = setTimeout(() => this.process.kill('SIGKILL'), 30_000);
      await this.stop();
      clearTimeout(hard);
    }
    rmSync(this.dir, { recursive: true, force: true });
    if (running) assert.equal(this.process.exitCode, 0, `freshet-apps ended with ${this.process.exitCode ?? this.process.signalCode}: ${this.log.slice(-2000)}`);
  }

  /** The file of an application's database. */
  database(app) {
    return path.join(this.dir, app, `${app}.db`);
  }

  /** Another program that reads or writes the database: the sqlite3 shell. */
  sql(app, text, file = this.database(app)) {
    return execFileSync('sqlite3', ['-bail', '-batch', file], { input: `.timeout 5000\n${text}`, encoding: 'utf8' }).trim();
  }

  /** Puts a changed copy of the database in its place, as `mv other.db NAME.db` does. */
  replaceDatabase(app, change) {
    const copy = `${this.database(app)}.other`;
    this.sql(app, `vacuum into '${copy}';`);
    this.sql(app, `pragma journal_mode = delete; ${change}`, copy);
    for (const end of ['-wal', '-shm']) rmSync(this.database(app) + end, { force: true });
    renameSync(copy, this.database(app));
  }

  /** A request. as: what login() gave; body: JSON. Returns {status, body (JSON or text), headers}. */
  async request(where, { as, method, body, headers = {} } = {}) {
    const answer = await fetch(this.url + where, {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: { Origin: this.url, ...(as ? { Cookie: as.cookie } : {}), ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      redirect: 'manual',
    });
    const text = await answer.text();
    let told = text;
    try {
      told = JSON.parse(text);
    } catch {
      // not JSON: as it is
    }
    return { status: answer.status, body: told, headers: answer.headers };
  }

  /** Signs in with a demo login's own password. Returns {cookie, session}. */
  async login(app, id) {
    const { body } = await this.request(`/api/${app}/logins`);
    const login = body.logins.find((one) => one.login === id);
    assert.ok(login, `${app} has no login ${id}, only ${body.logins.map((one) => one.login).join(', ')}`);
    const answer = await this.request(`/api/${app}/login`, { body: { login: id, password: login.password } });
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    const cookie = answer.headers.getSetCookie().map((one) => one.split(';')[0]).join('; ');
    return { cookie, session: answer.body };
  }

  /** Opens a stream of events: see {@link Stream}. */
  stream(where, { as, headers = {} } = {}) {
    return Stream.open(this.url + where, { ...(as ? { Cookie: as.cookie } : {}), ...headers });
  }
}

/** A stream of Server-Sent Events. `events` are {id, event, data} with data as JSON where it is some. */
export class Stream {
  events = [];
  text = '';
  ended = false;

  static async open(url, headers) {
    const self = new Stream();
    self.abort = new AbortController();
    self.answer = await fetch(url, { headers: { Accept: 'text/event-stream', ...headers }, signal: self.abort.signal });
    self.status = self.answer.status;
    self.done = self.#read();
    return self;
  }

  async #read() {
    const decoder = new TextDecoder();
    let rest = '';
    try {
      for await (const chunk of this.answer.body) {
        const text = decoder.decode(chunk, { stream: true });
        this.text += text;
        rest += text;
        for (let end; (end = rest.indexOf('\n\n')) >= 0; rest = rest.slice(end + 2)) this.#take(rest.slice(0, end));
      }
    } catch {
      // ended by close, or by the other side
    }
    this.ended = true;
  }

  #take(block) {
    const found = { id: null, event: null, data: null, at: Date.now() };
    const lines = [];
    for (const line of block.split('\n')) {
      const [, name, value] = /^(\w+): ?(.*)$/s.exec(line) ?? [];
      if (name === 'data') lines.push(value);
      else if (name === 'id' || name === 'event') found[name] = value;
    }
    if (!lines.length) return;
    try {
      found.data = JSON.parse(lines.join('\n'));
    } catch {
      found.data = lines.join('\n');
    }
    this.events.push(found);
  }

  /** The first event, from the `from`th on, for which `test` is true; waits for it. */
  async next(test = () => true, { from = 0, ms = 5000 } = {}) {
    return until(() => this.events.slice(from).find(test), () => `an event (there were ${JSON.stringify(this.events.slice(-5))})`, ms);
  }

  async close() {
    this.abort.abort();
    await this.done;
  }
}

// ---- a browser

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-background-networking', '--disable-renderer-backgrounding', '--disable-backgrounding-occluded-windows'],
  });
}

// What the browser itself notes of streams that broke off, of sessions that aren't there yet, of
// requests that were refused for a reason the page shows, and what the SDK says in the documents' words.
const EXPECTED = /net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|INCOMPLETE_CHUNKED_ENCODING|EMPTY_RESPONSE|INTERNET_DISCONNECTED|FAILED)|Failed to load resource: the server responded with a status of (4\d\d|503)| - SSE error:/;

/**
 * A window of its own (a browser context), signed in where `login` is [app, id] or several of them.
 * `complaints` is what its console said that it should not have; `allow` is more that may be said.
 */
export async function open(browser, apps, where, { login, width = 1280, height = 900, allow = /^$/, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, ...options });
  const logins = !login ? [] : Array.isArray(login[0]) ? login : [login];
  for (const [app, id] of logins) {
    const { cookie } = await apps.login(app, id);
    await context.addCookies(cookie.split('; ').map((one) => ({ name: one.slice(0, one.indexOf('=')), value: one.slice(one.indexOf('=') + 1), url: apps.url })));
  }
  const page = await context.newPage();
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    const text = `${message.location().url} - ${message.text()}`;
    if (['error', 'warning'].includes(message.type()) && !EXPECTED.test(text) && !allow.test(text)) complaints.push(text);
  });
  await page.goto(apps.url + where, { waitUntil: 'commit' });
  return { context, page, complaints, close: () => context.close() };
}

/** Resolves when the locator's text is `text` (or matches it). */
export async function shows(locator, text, timeout = 5000) {
  const pattern = text instanceof RegExp ? text : new RegExp(`^\\s*${String(text).replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\s*$`);
  await locator.filter({ hasText: pattern }).first().waitFor({ timeout });
}

/**
 * The time in ms from what `act` does to `text` in the locator's element, of one clock. `act` may
 * return the moment it began to count (unix ms); else it is when `act` resolved.
 */
export async function timeToText(locator, text, act, timeout = 5000) {
  const seen = locator.evaluate(
    (node, [wanted, ms]) =>
      new Promise((resolve, reject) => {
        const now = () => performance.timeOrigin + performance.now();
        const observer = new MutationObserver(check);
        const late = setTimeout(() => reject(new Error(`still ${node.textContent}, not ${wanted}`)), ms);
        function check() {
          if (node.textContent.trim() !== wanted) return;
          observer.disconnect();
          clearTimeout(late);
          resolve(now());
        }
        observer.observe(node, { characterData: true, childList: true, subtree: true });
        check();
      }),
    [String(text), timeout],
  );
  await locator.evaluate(() => 0); // the observer above is in place: calls are served in order
  const began = (await act()) ?? Date.now();
  return (await seen) - began;
}

/** Clicks, and returns the moment at which the page got the click (unix ms): for timeToText. */
export async function clickTime(button) {
  await button.evaluate((node) => {
    node.ownerDocument.defaultView.freshetClick = null;
    node.addEventListener('click', () => (window.freshetClick ??= performance.timeOrigin + performance.now()), { capture: true, once: true });
  });
  await button.click();
  return button.page().evaluate(() => window.freshetClick);
}

/** The middle and the longest of some times, for assertions and for t.diagnostic. */
export function figures(times) {
  const sorted = [...times].sort((a, b) => a - b);
  return { median: Math.round(sorted[sorted.length >> 1]), longest: Math.round(sorted.at(-1)), count: sorted.length };
}

/** Fails when the page is wider than its window at any of the widths. */
export async function fits(page, widths = [360, 768, 1024, 1440]) {
  for (const width of widths) {
    await page.setViewportSize({ width, height: 900 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= width, `${wide} pixels of content at ${width}`);
  }
}

let axe;
/** Fails when axe finds something (WCAG 2.2 A and AA, best practice). */
export async function accessible(page) {
  if (!axe) {
    const { readFileSync } = await import('node:fs');
    const { createRequire } = await import('node:module');
    axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  }
  await page.evaluate(axe); // by the debugger, which the page's CSP does not bind
  const { violations, passes } = await page.evaluate(() => globalThis.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
  assert.deepEqual(violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target).join(' ')}`), []);
  assert.ok(passes.some((rule) => rule.id === 'color-contrast'), 'contrast was looked at');
}
