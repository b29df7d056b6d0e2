// A hub under test: its own folder, a free port, its log.
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Running } from '../run.mjs';
import { get, post, send } from './http.mjs';
import { open } from './sse.mjs';

export class Hub {
  // config: what the configuration file says. args: further flags. files: name -> content, written
  // into the folder first. prepare: called with the folder. dev: without tokens.
  // host: where it listens; what asks it is on this machine.
  // wrap: a command that runs the program and becomes it, for instance prlimit.
  static async start({ config = {}, args = [], env = {}, files = {}, prepare, dev = true, wrap = [], host = '127.0.0.1' } = {}) {
    const hub = new Hub();
    hub.dir = mkdtempSync(path.join(tmpdir(), 'freshet-system-'));
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(hub.dir, name)), { recursive: true });
      writeFileSync(path.join(hub.dir, name), content);
    }
    await prepare?.(hub.dir);
    // JSON is YAML as well
    writeFileSync(path.join(hub.dir, 'hub.yaml'), JSON.stringify({ log: { level: 'debug' }, ...config }, null, 1));
    hub.args = ['serve', '--config', path.join(hub.dir, 'hub.yaml'), ...(dev ? ['--dev'] : []), ...args];
    hub.env = env;
    hub.wrap = wrap;
    hub.host = host;
    hub.port = 0;
    await hub.run();
    return hub;
  }

  // Starts the process; after the first time on the same port.
  async run() {
    this.process = new Running([...this.args, '--listen', `${this.host}:${this.port}`], { env: this.env, cwd: this.dir, bin: this.bin, wrap: this.wrap });
    const m = await this.process.until(/^listening on http:\/\/[\d.]+:(\d+)$/m);
    this.port = Number(m[1]);
    this.url = `http://127.0.0.1:${this.port}`;
    return this;
  }

  path(name) {
    return path.join(this.dir, name);
  }

  get log() {
    return this.process.stderr;
  }

  // Waits until the log, from an offset on, matches.
  async logged(pattern, ms = 10000) {
    return this.process.until(pattern, 'stderr', ms);
  }

  get = (target, headers, options) => get(this.port, target, headers, options);
  post = (target, body, headers) => post(this.port, target, body, headers);
  send = (bytes, options) => send(this.port, bytes, options);
  stream = (query, options) => open(this.port, query.startsWith('/') ? query : `/v1/stream?${query}`, options);

  // Publishes one event or several; the id, or the ids.
  async publish(event, headers) {
    const r = await this.post('/v1/publish', event, headers);
    if (r.status !== 200) throw new Error(`publish: ${r.status} ${r.text}`);
    return Array.isArray(r.json) ? r.json.map((a) => a.id) : r.json.id;
  }

  async poll(query, headers) {
    const r = await this.get(`/v1/events?${query}`, headers);
    if (r.status !== 200) throw new Error(`poll: ${r.status} ${r.text}`);
    return r.json;
  }

  async stats(query = '') {
    return (await this.get(`/v1/stats${query}`)).json;
  }

  kill() {
    return this.process.stop('SIGKILL');
  }

  async restart() {
    if (this.process.code === undefined) await this.kill();
    return this.run();
  }

  // Ends it, without waiting for clients, and takes its folder away. A hub that doesn't end well (a
  // crash, a sanitizer's report) fails the test.
  async stop() {
    const { process } = this;
    if (process.code === undefined) {
      process.child.kill('SIGTERM');
      await process.until(/info draining|"draining"/, 'stderr').catch(() => {});
      process.child.kill('SIGTERM');
      const code = await process.ended;
      if (code !== 0) throw new Error(`the hub ended with ${code}: ${this.log.slice(-3000)}`);
    }
    rmSync(this.dir, { recursive: true, force: true });
  }
}
