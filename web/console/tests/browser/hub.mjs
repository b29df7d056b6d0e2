// The real hub with the built console, and Chromium to look at it with.
import { execFileSync, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
const HUB = process.env.FRESHET_BIN ?? path.join(ROOT, 'build/freshet');
const SECRET = 'a secret of the tests that is long enough to be taken';

export const launch = () =>
  chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-background-networking'] });

/** Builds the console into a folder of its own. */
export function build() {
  const dir = mkdtempSync(path.join(tmpdir(), 'freshet-console-'));
  execFileSync(process.execPath, [path.join(ROOT, 'web/console/scripts/build.mjs'), dir], { stdio: 'inherit' });
  return dir;
}

export class Hub {
  static async start(console, { dev = true, config = {}, files = {} } = {}) {
    const hub = new Hub();
    hub.dir = mkdtempSync(path.join(tmpdir(), 'freshet-hub-'));
    for (const [name, content] of Object.entries(files)) writeFileSync(path.join(hub.dir, name), JSON.stringify(content));
    const auth = dev ? {} : { auth: { keys: [{ name: 'main', algorithm: 'HS256', secret: SECRET }] } };
    writeFileSync(path.join(hub.dir, 'hub.yaml'), JSON.stringify({ console, listen: '127.0.0.1:0', ...auth, ...config }));
    hub.process = spawn(HUB, ['serve', '--config', path.join(hub.dir, 'hub.yaml'), ...(dev ? ['--dev'] : [])], { stdio: ['ignore', 'pipe', 'pipe'] });
    hub.exited = once(hub.process, 'exit');
    let log = '';
    hub.process.stderr.on('data', (text) => (log += text));
    const said = await Promise.race([once(hub.process.stdout, 'data'), hub.exited.then(() => null)]);
    if (!said) throw new Error(`the hub did not start: ${log}`);
    hub.url = /http:\S+/.exec(String(said[0]))[0];
    return hub;
  }

  async publish(events, headers = {}) {
    const answer = await fetch(`${this.url}/v1/publish`, { method: 'POST', headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(events) });
    if (!answer.ok) throw new Error(`publish: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  async stop() {
    this.process.kill('SIGKILL');
    await this.exited;
    rmSync(this.dir, { recursive: true, force: true });
  }
}

const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token that the hubs above take. */
export function sign(claims) {
  const now = Math.floor(Date.now() / 1000);
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ iat: now, exp: now + 3600, ...claims })}`;
  return `${text}.${createHmac('sha256', SECRET).update(text).digest('base64url')}`;
}
