// What packaging/ has for those who run a hub, held against the real thing: the alerts and the
// dashboard against /metrics, the nginx example against Debian's nginx, the Caddy one against its
// Caddy.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Hub } from './lib/hub.mjs';
import { get, post } from './lib/http.mjs';
import { open } from './lib/sse.mjs';
import { until } from './lib/wait.mjs';

const packaging = fileURLToPath(new URL('../../packaging/', import.meta.url));
const read = (name) => readFileSync(packaging + name, 'utf8');

describe('watching', () => {
  let hub, metrics;
  before(async () => {
    hub = await Hub.start();
    const s = await hub.stream('channel=a');
    await s.opening();
    await hub.publish({ channel: 'a', data: 1 });
    await s.take(1);
    await hub.post('/v1/publish', { channel: '/', data: 1 });
    metrics = (await hub.get('/metrics')).text;
    s.close();
  });
  after(() => hub.stop());

  test('promtool finds nothing to say about /metrics', () => {
    assert.equal(execFileSync('promtool', ['check', 'metrics'], { input: metrics, encoding: 'utf8' }), '');
  });

  test('promtool accepts the alert rules, and each fires when it should and only then', () => {
    execFileSync('promtool', ['check', 'rules', `${packaging}prometheus/rules.yml`], { stdio: 'pipe' });
    execFileSync('promtool', ['test', 'rules', `${packaging}prometheus/rules_test.yml`], { stdio: 'pipe' });
    for (const [, name] of read('prometheus/rules.yml').matchAll(/alert: (\w+)/g))
      assert.match(read('prometheus/rules_test.yml'), new RegExp(`alertname: ${name}\\b`));
  });

  test('rules and dashboard name only metrics that the hub has', () => {
    const has = new Set([...metrics.matchAll(/^(freshet_\w+?)[ {]/gm)].map((m) => m[1]));
    for (const file of ['prometheus/rules.yml', 'grafana/freshet.json'])
      for (const [name] of read(file).matchAll(/\bfreshet_\w+/g)) assert.ok(has.has(name), `${file}: ${name}`);
    const board = JSON.parse(read('grafana/freshet.json'));
    assert.ok(board.panels.length >= 10);
    for (const p of board.panels) assert.ok(p.title && p.targets.every((t) => t.expr), p.title);
  });
});

const freePort = () =>
  new Promise((resolve) => {
    const s = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = s.address();
      s.close(() => resolve(port));
    });
  });

// Each starts the proxy as packaging/ has it, but for ports and names; gives what ends it.
function startNginx(dir, port, hubPort) {
  mkdirSync(path.join(dir, 'temp'));
  const site = read('nginx/freshet.conf').replace('127.0.0.1:4000', `127.0.0.1:${hubPort}`).replace('listen 80;', `listen 127.0.0.1:${port};`);
  assert.ok(site.includes(`:${hubPort};`) && site.includes(`:${port};`));
  const temps = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((n) => `${n}_temp_path ${dir}/temp/${n};`).join('\n');
  const user = process.getuid() === 0 ? 'user root;' : '';
  writeFileSync(
    path.join(dir, 'nginx.conf'),
    `${user}\ndaemon off;\npid ${dir}/pid;\nerror_log ${dir}/error.log;\nevents {}\nhttp {\naccess_log off;\n${temps}\n${site}\n}\n`,
  );
  return spawn('/usr/sbin/nginx', ['-p', dir, '-c', path.join(dir, 'nginx.conf'), '-e', path.join(dir, 'error.log')], { stdio: 'inherit' });
}

function startCaddy(dir, port, hubPort) {
  const site = read('caddy/Caddyfile').replace('127.0.0.1:4000', `127.0.0.1:${hubPort}`).replace('hub.example.com {', `http://:${port} {\nbind 127.0.0.1`);
  assert.ok(site.includes(`127.0.0.1:${hubPort} `) && site.includes(`http://:${port} `));
  writeFileSync(path.join(dir, 'Caddyfile'), `{\nadmin off\nstorage file_system ${dir}\nlog {\nlevel ERROR\n}\n}\n${site}`);
  return spawn('caddy', ['run', '--config', path.join(dir, 'Caddyfile'), '--adapter', 'caddyfile'], { stdio: 'inherit', env: { ...process.env, HOME: dir } });
}

for (const [name, start] of Object.entries({ nginx: startNginx, caddy: startCaddy })) describe(`behind ${name}, as packaging/${name} has it`, () => {
  let hub, dir, proxy, port;
  before(async () => {
    hub = await Hub.start({ config: { heartbeat: '1s' } });
    port = await freePort();
    dir = mkdtempSync(path.join(tmpdir(), `freshet-${name}-`));
    proxy = start(dir, port, hub.port);
    await until(async () => (await get(port, '/healthz').catch(() => ({}))).status === 200, name);
  });
  after(async () => {
    proxy.kill('SIGTERM');
    await new Promise((done) => proxy.on('close', done));
    await hub.stop();
    rmSync(dir, { recursive: true });
  });

  test('each event comes through at once, beats too, and a resumed stream loses nothing', async () => {
    const s = await open(port, '/v1/stream?channel=a');
    await s.opening();
    const ids = [];
    for (let i = 0; i < 3; i++) {
      const r = await post(port, '/v1/publish', { channel: 'a', data: i });
      assert.equal(r.status, 200);
      ids.push(r.json.id);
      await s.take(1);
    }
    await until(() => s.raw.includes('freshet.beat') || s.events.some((e) => e.event === 'freshet.beat'), 'a beat');
    s.close();
    const again = await open(port, '/v1/stream?channel=a', { headers: { 'Last-Event-ID': ids[0] } });
    await again.opening();
    await again.take(2);
    again.close();
  });

  test('a reader that leaves it leaves the hub', async () => {
    const s = await open(port, '/v1/stream?channel=gone');
    await s.opening();
    await until(async () => (await hub.stats()).connectionsByChannel.gone === 1, 'the stream');
    s.close();
    await until(async () => !(await hub.stats()).connectionsByChannel.gone, 'its end');
  });

  test('a large batch goes in; /metrics stays inside', async () => {
    const events = Array.from({ length: 20 }, () => ({ channel: 'big', data: 'x'.repeat(40000) }));
    assert.equal((await post(port, '/v1/publish', events)).status, 200);
    assert.equal((await get(port, '/metrics')).status, 404);
    assert.equal((await hub.get('/metrics')).status, 200);
  });
});
