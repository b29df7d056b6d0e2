// How the hub runs: what it tells a service manager (sd_notify; Python receives it, since Node has
// no unix datagram sockets), and what it does when there are no descriptors left.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { Hub } from './lib/hub.mjs';
import { until } from './lib/wait.mjs';

const RECEIVER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
name = sys.argv[1]
s.bind('\\0' + name[1:] if name[0] == '@' else name)
print('bound', flush=True)
while True: print(s.recv(4096).decode(), flush=True)
`;

async function manager(name) {
  const process = spawn('python3', ['-c', RECEIVER, name], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = [];
  createInterface({ input: process.stdout }).on('line', (line) => lines.push(line));
  await until(() => lines.includes('bound'), 'the socket');
  return { lines, stop: () => process.kill('SIGKILL') };
}

for (const kind of ['in the file system', 'abstract'])
  test(`tells a manager whose socket is ${kind} when it is ready, alive and stopping`, async () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'freshet-notify-'));
    const name = kind === 'abstract' ? `@freshet-test-${process.pid}` : path.join(dir, 'notify');
    const m = await manager(name);
    const hub = await Hub.start({ env: { NOTIFY_SOCKET: name, WATCHDOG_USEC: '300000' } });
    try {
      await until(() => m.lines.includes('READY=1'), 'READY=1');
      await until(() => m.lines.filter((l) => l === 'WATCHDOG=1').length > 3, 'four WATCHDOG=1');
      const s = await hub.stream('channel=a');
      await s.opening();
      assert.ok(!m.lines.includes('STOPPING=1'));
      await hub.process.stop('SIGTERM');
      assert.equal(hub.process.code, 0);
      assert.ok(m.lines.includes('STOPPING=1'));
      assert.equal(m.lines.filter((l) => l === 'READY=1').length, 1);
      s.close();
    } finally {
      await hub.stop();
      m.stop();
      rmSync(dir, { recursive: true });
    }
  });

test('tells a manager of a reload, also when nothing came of it', async () => {
  const name = `@freshet-reload-${process.pid}`;
  const m = await manager(name);
  const hub = await Hub.start({ env: { NOTIFY_SOCKET: name } });
  try {
    await until(() => m.lines.includes('READY=1'), 'READY=1');
    for (const config of ['heartbeat: 20s\n', 'heartbeat: never\n']) {
      const from = m.lines.length;
      writeFileSync(hub.path('hub.yaml'), config);
      hub.process.child.kill('SIGHUP');
      await until(() => m.lines.slice(from).includes('READY=1'), 'READY=1');
      assert.deepEqual(m.lines.slice(from).map((l) => l.replace(/\d{4,}$/, 'N')), ['RELOADING=1', 'MONOTONIC_USEC=N', 'READY=1']);
    }
  } finally {
    await hub.stop();
    m.stop();
  }
});

test('sends nothing regularly when nobody asked for it, and runs where the socket is not there', async () => {
  const name = `@freshet-quiet-${process.pid}`;
  const m = await manager(name);
  const hub = await Hub.start({ env: { NOTIFY_SOCKET: name, WATCHDOG_USEC: '300000', WATCHDOG_PID: '1' } });
  const alone = await Hub.start({ env: { NOTIFY_SOCKET: '/nowhere/notify' } });
  await until(() => m.lines.includes('READY=1'), 'READY=1');
  assert.equal((await hub.get('/readyz')).status, 200);
  assert.equal((await alone.get('/readyz')).status, 200);
  assert.match(alone.log, /NOTIFY_SOCKET: /);
  await Promise.all([hub.stop(), alone.stop()]);
  assert.ok(!m.lines.includes('WATCHDOG=1'));
  m.stop();
});

test('running out of descriptors is a 503 to the one who asked; the others go on', async () => {
  const hub = await Hub.start({ config: { loops: 1 } });
  const first = await hub.stream('channel=a');
  await first.opening();
  execFileSync('prlimit', ['--pid', String(hub.process.child.pid), '--nofile=64:64']);
  const held = [];
  let refused;
  for (let i = 0; i < 100 && !refused; i++) {
    const s = await hub.stream('channel=a').catch((e) => e);
    const status = s.status ?? s.answer?.status;
    if (s instanceof Error || (status && status !== 200)) refused = s;
    else held.push(s);
  }
  assert.ok(refused, 'nobody was refused');
  const r = await hub.get('/healthz');
  assert.equal(r.status, 503);
  assert.equal(r.json.error, 'OVERLOADED');
  assert.ok(Number(r.headers['retry-after']) > 0);
  assert.match(hub.log, /no descriptors/);
  // who is there already still publishes and gets events; who leaves makes room
  for (const s of held.splice(0, 5)) s.close();
  await until(async () => (await hub.get('/healthz')).status === 200, 'room');
  await hub.publish({ channel: 'a', data: 7 });
  assert.equal((await first.take(1))[0].json?.data ?? 7, 7);
  for (const s of held) s.close();
  first.close();
  await hub.process.stop('SIGTERM');
  assert.equal(hub.process.code, 0);
  await hub.stop();
});
