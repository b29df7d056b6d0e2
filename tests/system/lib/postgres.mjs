// A PostgreSQL server under test: its own folder, a free port, no sync. It refuses to run as root:
// then it runs as the user postgres.
import { execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';

const BIN = process.env.PG_BIN ?? '/usr/lib/postgresql/15/bin';
export const available = existsSync(path.join(BIN, 'initdb'));

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

function freePort() {
  return new Promise((resolve) => {
    const s = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = s.address();
      s.close(() => resolve(port));
    });
  });
}

// A psql that stays: statements in, lines out.
export class Session {
  lines = [];
  constructor(pg, database) {
    this.child = spawn(path.join(BIN, 'psql'), ['-XAtq', '-h', '127.0.0.1', '-p', String(pg.port), '-U', 'postgres', database], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    let rest = '';
    this.child.stdout.on('data', (d) => {
      const parts = (rest + d).split('\n');
      rest = parts.pop();
      this.lines.push(...parts);
      this.wake?.();
    });
    this.child.stdin.on('error', () => {});
    this.ended = new Promise((done) => this.child.on('close', () => (this.wake?.(), (this.closed = true), done())));
  }

  // Runs statements; resolves to what they print, or to null when the session has ended.
  async run(sql) {
    const from = this.lines.length;
    const mark = `-- done ${Math.random()}`;
    this.child.stdin.write(`${sql}\n\\echo '${mark}'\n`);
    for (;;) {
      const at = this.lines.indexOf(mark, from);
      if (at >= 0) return this.lines.slice(from, at);
      if (this.closed) return null;
      await Promise.race([new Promise((done) => (this.wake = done)), this.ended]);
    }
  }

  async end() {
    this.child.stdin.end();
    await this.ended;
  }
}

export class Postgres {
  #uid = process.geteuid() === 0 ? Number(execFileSync('id', ['-u', 'postgres'])) : undefined;
  #gid = process.geteuid() === 0 ? Number(execFileSync('id', ['-g', 'postgres'])) : undefined;

  static async start(settings = {}) {
    const pg = new Postgres();
    pg.dir = mkdtempSync('/tmp/freshet-pg-');
    if (pg.#uid !== undefined) chownSync(pg.dir, pg.#uid, pg.#gid);
    pg.data = path.join(pg.dir, 'data');
    pg.port = await freePort();
    pg.settings = { fsync: 'off', wal_level: 'logical', max_connections: 50, wal_sender_timeout: '5s', ...settings };
    execFileSync(path.join(BIN, 'initdb'), ['-D', pg.data, '--no-sync', '-A', 'trust', '-U', 'postgres', '-E', 'UTF8', '--locale=C'], pg.#as());
    await pg.run();
    return pg;
  }

  #as() {
    return { uid: this.#uid, gid: this.#gid, cwd: this.dir, stdio: 'ignore' };
  }

  get url() {
    return `postgres://postgres@127.0.0.1:${this.port}/postgres`;
  }

  async run() {
    const args = ['-D', this.data, '-p', String(this.port), '-k', this.dir, '-c', 'listen_addresses=127.0.0.1'];
    for (const [k, v] of Object.entries(this.settings)) args.push('-c', `${k}=${v}`);
    for (let i = 0; i < 1500; i++) {
      // after a crash it does not start before the last process of the one before has ended
      if (!this.child || this.child.exitCode !== null || this.child.signalCode !== null) {
        this.child = spawn(path.join(BIN, 'postgres'), args, this.#as());
        this.gone = new Promise((done) => this.child.on('close', done));
      }
      await pause(20);
      try {
        this.sql('select 1');
        return;
      } catch {
        // not yet
      }
    }
    throw new Error('PostgreSQL does not answer');
  }

  // Ends the server at once, without a word to anybody.
  async kill(signal = 'SIGKILL') {
    this.child.kill(signal);
    await this.gone;
  }

  sql(text, database = 'postgres') {
    return execFileSync(path.join(BIN, 'psql'), ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-h', '127.0.0.1', '-p', String(this.port), '-U', 'postgres', database, '-c', text], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
      .toString()
      .trimEnd();
  }

  session(database = 'postgres') {
    return new Session(this, database);
  }

  async stop() {
    if (this.child.exitCode === null && this.child.signalCode === null) await this.kill('SIGQUIT');
    rmSync(this.dir, { recursive: true, force: true });
  }
}
