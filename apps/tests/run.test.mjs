// tools/run-apps, as `make run` calls it, in a checkout of its own.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { available, Postgres } from '../../tests/system/lib/postgres.mjs';
import { freePort, ROOT, until } from './lib.mjs';

describe('make run', () => {
  let dir, running;

  before(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'freshet-run-'));
    chmodSync(dir, 0o755); // PostgreSQL runs as another user where this is root
    mkdirSync(path.join(dir, 'tools'));
    cpSync(path.join(ROOT, 'tools/run-apps'), path.join(dir, 'tools/run-apps'));
    for (const name of ['apps', 'build']) symlinkSync(path.join(ROOT, name), path.join(dir, name));
    running = [];
  });
  afterEach(async () => {
    for (const one of running.splice(0)) await one.end();
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  function start(port, env = {}) {
    const { APP, DB, DATABASE_URL, FRESHET_APPS, ...rest } = process.env; // of whoever runs the tests
    const child = spawn(path.join(dir, 'tools/run-apps'), [String(port)], { env: { ...rest, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    const self = { child, out: '', err: '' };
    child.stdout.on('data', (text) => (self.out += text));
    child.stderr.on('data', (text) => (self.err += text));
    self.gone = once(child, 'exit');
    self.end = async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGINT');
      return (await self.gone)[0];
    };
    running.push(self);
    return self;
  }
  const listening = (one) => until(() => /listening on (http\S+)/.exec(one.out)?.[1], () => `a line (${one.out}${one.err})`, 60_000);

  test('it makes the databases, prints one address, and its example reaches the page', async () => {
    const one = start(0);
    const url = await listening(one);
    await until(() => one.out.includes('Ctrl-C'));
    assert.equal(one.out.match(/listening on/g).length, 1);
    assert.equal((await fetch(`${url}/`)).status, 200);
    const { apps } = await (await fetch(`${url}/api/apps`)).json();
    assert.equal(apps.length, 6);
    const value = async () => (await (await fetch(`${url}/api/apps`)).json()).apps.find(({ name }) => name === 'trips').value;
    await until(value);
    execFileSync('bash', ['-c', /^ {2}(sqlite3 .*)$/m.exec(one.out)[1]], { cwd: dir });
    const file = path.join(dir, 'var/trips/trips.db');
    assert.equal(execFileSync('sqlite3', [file, "select seats from bookings where name = 'You'"]).toString().trim(), '2');
    assert.equal(await one.end(), 0);
  });

  test('a second start, and a port that is taken, are told as what they are', async () => {
    const one = start(0);
    await listening(one);
    const second = start(await freePort());
    assert.equal((await second.gone)[0], 1);
    assert.match(second.err, /run already, as process \d+/);
    assert.equal(await one.end(), 0);
    const { createServer } = await import('node:net');
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address();
    const taken = start(port);
    assert.equal((await taken.gone)[0], 1);
    assert.match(taken.err, new RegExp(`port ${port} is taken.*PORT=${port + 1}`));
    server.close();
  });

  test('APP starts one, and what makes no sense is refused', async () => {
    const one = start(0, { APP: 'parking' });
    const url = await listening(one);
    assert.equal((await fetch(`${url}/`, { redirect: 'manual' })).status, 302);
    assert.equal((await fetch(`${url}/api/trips/logins`)).status, 404);
    assert.equal(await one.end(), 0);
    for (const [env, said] of [[{ APP: 'nothing' }, /no application nothing/], [{ DB: 'postgres' }, /APP=trips/], [{ APP: 'trips', DB: 'oracle' }, /may be postgres/]]) {
      const bad = start(0, env);
      assert.notEqual((await bad.gone)[0], 0);
      assert.match(bad.err, said);
    }
  });

  test('with DATABASE_URL it uses that server, in a schema of its own, and starts none', { skip: !available }, async () => {
    const pg = await Postgres.start();
    try {
      pg.sql('create table trips (mine text)'); // somebody's own of the same name
      const one = start(0, { APP: 'trips', DB: 'postgres', DATABASE_URL: pg.url });
      const url = await listening(one);
      const { apps } = await (await fetch(`${url}/api/apps`)).json();
      assert.equal(apps.at(-1).name, 'trips');
      assert.ok(Number(pg.sql('select count(*) from freshet_trips.trips')) > 20);
      assert.equal(pg.sql("select string_agg(column_name, ',') from information_schema.columns where table_schema = 'public'"), 'mine');
      assert.ok(!existsSync(path.join(dir, 'var/trips/pg')), 'no server of its own');
      assert.equal(await one.end(), 0);
      assert.equal(pg.sql('select 1'), '1', 'and it still runs');
    } finally {
      await pg.stop();
    }
  });

  test('APP=trips DB=postgres runs on a private server, which ends with it and keeps its rows', { skip: !available }, async () => {
    for (const names of ['1', '2']) {
      const one = start(0, { APP: 'trips', DB: 'postgres' });
      await listening(one);
      await until(() => one.out.includes('Ctrl-C'));
      const command = /^ {2}(psql .*)$/m.exec(one.out)[1];
      execFileSync('bash', ['-c', command], { cwd: dir });
      const count = execFileSync('bash', ['-c', command.replace(/-c ".*"/, "-XAtc \"select count(*) from bookings where name = 'You'\"")], { cwd: dir }).toString().trim();
      assert.equal(count, names, 'rows outlive a restart');
      assert.equal(await one.end(), 0);
      assert.ok(!existsSync(path.join(dir, 'var/trips/pg/data/postmaster.pid')), 'the server has ended');
    }
  });
});
