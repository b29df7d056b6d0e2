// The sample application as `make run` starts it, in a folder of its own: apps/trips with a
// database made from its schema and rows, the hub, and a browser to look at it with.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const HUB = process.env.FRESHET_BIN ?? path.join(ROOT, 'build/freshet');

export class Sample {
  static async start() {
    const sample = new Sample();
    sample.dir = mkdtempSync(path.join(tmpdir(), 'freshet-trips-'));
    cpSync(path.join(ROOT, 'apps/trips'), path.join(sample.dir, 'apps/trips'), { recursive: true });
    mkdirSync(path.join(sample.dir, 'var/trips'), { recursive: true });
    sample.database = path.join(sample.dir, 'var/trips/bus.db');
    for (const name of ['schema.sql', 'rows.sql'])
      sample.sql(readFileSync(path.join(sample.dir, 'apps/trips', name), 'utf8'));
    sample.port = await freePort();
    sample.url = `http://127.0.0.1:${sample.port}`;
    await sample.run();
    return sample;
  }

  // Starts the hub; it says where it listens first.
  async run() {
    const config = path.join(this.dir, 'apps/trips/freshet.yaml');
    this.hub = spawn(HUB, ['serve', '--config', config, '--listen', `127.0.0.1:${this.port}`], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.log = '';
    this.hub.stderr.on('data', (text) => (this.log += text));
    this.hub.exited = once(this.hub, 'exit');
    const said = await Promise.race([once(this.hub.stdout, 'data'), this.hub.exited.then(() => null)]);
    if (!said) throw new Error(`the hub did not start: ${this.log}`);
  }

  async stop(signal = 'SIGTERM') {
    this.hub.kill(signal);
    await this.hub.exited;
  }

  // Takes the hub's own log away, as a disk that was replaced does.
  forget() {
    for (const end of ['', '-wal', '-shm', '-lock'])
      rmSync(path.join(this.dir, `var/trips/hub.db${end}`), { force: true });
  }

  async end() {
    if (this.hub.exitCode === null && this.hub.signalCode === null) await this.stop('SIGKILL');
    rmSync(this.dir, { recursive: true, force: true });
  }

  // Another program that writes to the database: the sqlite3 shell.
  sql(text) {
    return execFileSync('sqlite3', ['-bail', '-batch', this.database], {
      input: `.timeout 5000\n${text}`,
      encoding: 'utf8',
    }).trim();
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-background-networking'],
  });
}
