// A reader whose host vanishes: no end of the connection, no reset, nothing any more. In network
// namespaces of its own, where nobody takes the packets to the reader any more; with beats the hub notices within two of
// them, without by limits.stall or the retries of TCP. Where namespaces are not allowed, the reader's
// process is stopped instead: its host answers, but takes nothing, and limits.stall has to hold.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Hub } from './lib/hub.mjs';
import { connect, head } from './lib/http.mjs';
import { auth, sign } from './lib/token.mjs';
import { until } from './lib/wait.mjs';

const SELF = fileURLToPath(import.meta.url);
// Each namespace is a user's own: -r makes him its root. The hub's has lo, and one end of a cable.
const allowed = spawnSync('unshare', ['-rn', 'ip', 'link', 'add', 'name', 'cable', 'type', 'veth', 'peer', 'name', 'far']).status === 0;
const sh = (command, ...args) => {
  const r = spawnSync(command, args, { encoding: 'utf8' });
  if (r.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${r.stderr}`);
  return r.stdout;
};

if (process.env.VANISHED === 'inside') await inside();
else if (process.env.VANISHED === 'reader') await reader();
else {
  test('the host of a reader vanishes', async () => {
    if (!allowed) return stopped();
    const child = spawn('unshare', ['-rn', process.execPath, SELF], { env: { ...process.env, VANISHED: 'inside', NODE_TEST_CONTEXT: '' } });
    let out = '';
    child.stdout.on('data', (d) => (out += d));
    child.stderr.on('data', (d) => (out += d));
    const code = await new Promise((done) => child.on('close', done));
    assert.equal(code, 0, out);
    assert.match(out, /noticed with beats[\s\S]*noticed without/);
  });
  test('a reader that is stopped in the middle of an event ends after limits.stall, beats or not', () => stopped());
}

// The reader: opens a stream and reads it.
async function reader() {
  const [host, port, query] = process.argv.slice(2);
  const net = await import('node:net');
  const s = net.connect({ host, port: Number(port) }, () => s.write(head('GET', `/v1/stream?${query}`)));
  s.on('data', () => {});
  s.on('error', () => {});
  setInterval(() => {}, 1000);
}

async function inside() {
  sh('ip', 'link', 'set', 'lo', 'up');
  const far = spawn('unshare', ['-n', 'sleep', '600'], { stdio: 'ignore' });
  try {
    const own = sh('readlink', '/proc/self/ns/net');
    await until(() => spawnSync('readlink', [`/proc/${far.pid}/ns/net`], { encoding: 'utf8' }).stdout !== own, 'the other namespace');
    const there = (...args) => sh('nsenter', '-t', String(far.pid), '-n', ...args);
    sh('ip', 'link', 'add', 'name', 'cable', 'type', 'veth', 'peer', 'name', 'far', 'netns', String(far.pid));
    sh('ip', 'addr', 'add', '10.77.0.1/24', 'dev', 'cable');
    sh('ip', 'link', 'set', 'cable', 'up');
    there('ip', 'addr', 'add', '10.77.0.2/24', 'dev', 'far');
    there('ip', 'link', 'set', 'far', 'up');
    // nobody is told that there is nobody: packets go to where they always went, and are not taken
    const mac = there('ip', 'link', 'show', 'far').match(/link\/ether ([0-9a-f:]+)/)[1];
    sh('ip', 'neigh', 'replace', '10.77.0.2', 'lladdr', mac, 'dev', 'cable', 'nud', 'permanent');
    for (const [what, query, publishes, bound] of [
      ['with beats', 'channel=c', false, 4000],
      ['with beats, while its events pile up', 'channel=c', true, 4000],
      ['without', 'channel=c&heartbeat=none', true, 8000],
    ]) {
      const token = sign({ tenant: 't', sub: 'reader', subscribe: ['*'], publish: ['*'], admin: true });
      const hub = await Hub.start({ config: { auth: auth({ query_token: true }), heartbeat: '1s', log: { level: 'info' }, limits: { stall: '2s' } }, dev: false, host: '0.0.0.0' });
      const child = spawn('nsenter', ['-t', String(far.pid), '-n', process.execPath, SELF, '10.77.0.1', String(hub.port), `${query}&access_token=${token}`],
        { env: { ...process.env, VANISHED: 'reader' }, stdio: 'ignore' });
      try {
        const admin = { Authorization: `Bearer ${token}` };
        await until(async () => (await hub.get('/v1/stats', admin)).json.totalConnections === 1, 'the reader');
        there('ip', 'addr', 'del', '10.77.0.2/24', 'dev', 'far');
        const began = Date.now();
        const data = 'x'.repeat(60000);
        while (!/stream closed/.test(hub.log) && Date.now() - began < bound + 5000) {
          if (publishes) await hub.publish(Array.from({ length: 10 }, () => ({ channel: 'c', data })), admin);
          await new Promise((done) => setTimeout(done, 20));
        }
        const took = Date.now() - began;
        assert.match(hub.log, /stream closed.*reason=(connection-lost|stalled)/, what);
        assert.ok(took <= bound, `${what}: noticed after ${took} ms`);
        assert.equal((await hub.get('/v1/stats', admin)).json.totalConnections, 0);
        console.log(`noticed ${what} after ${took} ms`);
      } finally {
        child.kill('SIGKILL');
        there('ip', 'addr', 'add', '10.77.0.2/24', 'dev', 'far');
        await hub.stop();
      }
    }
  } finally {
    far.kill('SIGKILL');
  }
}

async function stopped() {
  for (const heartbeat of ['15s', 'none']) {
    const hub = await Hub.start({ config: { limits: { stall: '700ms' } } });
    try {
      const socket = await connect(hub.port);
      socket.pause();
      socket.write(head('GET', `/v1/stream?channel=c${heartbeat === 'none' ? '&heartbeat=none' : ''}`));
      await until(async () => (await hub.stats()).totalConnections === 1, 'the stream');
      const data = 'x'.repeat(60000);
      while ((await hub.stats()).laggingConnections < 1) await hub.publish(Array.from({ length: 15 }, () => ({ channel: 'c', data })));
      const began = Date.now();
      await hub.logged(/stream closed.*reason=stalled/, 5000);
      assert.ok(Date.now() - began < 2500, `${heartbeat}: after ${Date.now() - began} ms`);
      socket.destroy();
    } finally {
      await hub.stop();
    }
  }
}
