// What only shows when something runs out: descriptors, patience.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { Hub } from './lib/hub.mjs';
import { connect, head } from './lib/http.mjs';
import { until } from './lib/wait.mjs';
import { BIN, Running } from './run.mjs';

describe('running out', { concurrency: true }, () => {
  test('of descriptors: an answer, 503 with Retry-After, no spinning, and it passes', async () => {
    const hub = await Hub.start();
    await hub.kill();
    const script = hub.path('few');
    writeFileSync(script, `#!/bin/sh\nulimit -n 60\nexec '${BIN}' "$@"\n`);
    chmodSync(script, 0o755);
    const process_ = new Running(['serve', '--dev', '--listen', '127.0.0.1:0'], { bin: script });
    const port = Number((await process_.until(/listening on http:\/\/\S+:(\d+)/))[1]);
    const sockets = [];
    try {
      let refused;
      for (let i = 0; i < 80 && !refused; i++) {
        const s = await connect(port);
        sockets.push(s);
        s.on('data', (d) => (refused ??= d.toString()));
        s.write(head('GET', '/v1/stream?channel=c'));
        const got = await new Promise((done) => s.once('data', (d) => done(d.toString())).once('error', () => done('')).once('close', () => done('')));
        refused = got.startsWith('HTTP/1.1 503') ? got : undefined;
      }
      assert.ok(refused, 'refused before 80 streams');
      assert.match(refused, /\r\nRetry-After: [1-9]/);
      assert.equal(JSON.parse(refused.split('\r\n\r\n')[1]).error, 'OVERLOADED');
      const cpu = () => import('node:fs').then((fs) => fs.readFileSync(`/proc/${process_.child.pid}/stat`, 'utf8').split(' ').slice(13, 15).map(Number).reduce((a, b) => a + b));
      // more come and are refused; the hub does not burn a core over them
      const before = await cpu();
      const from = Date.now();
      for (let i = 0; i < 10; i++) sockets.push(await connect(port));
      await until(() => Date.now() - from > 500, 'half a second');
      assert.ok((await cpu()) - before < 25, 'at most half of that time');
      sockets.splice(0, 20).forEach((s) => s.destroy());
      await until(async () => {
        const s = await connect(port);
        sockets.push(s);
        s.write(head('GET', '/healthz'));
        const got = await new Promise((done) => s.once('data', (d) => done(d.toString())).once('error', () => done('')).once('close', () => done('')));
        return got.startsWith('HTTP/1.1 200');
      }, 'room again');
    } finally {
      sockets.forEach((s) => s.destroy());
      process_.child.kill('SIGKILL');
      await process_.ended;
      await hub.stop();
    }
  });

  test('of patience with a body that does not come: 408', async () => {
    const hub = await Hub.start({ config: { limits: { body_bytes_per_second: '100KiB' } } });
    try {
      const answers = await hub.send(head('POST', '/v1/publish', { 'Content-Type': 'application/json', 'Content-Length': 1000 }) + '{', { ms: 20000 });
      assert.deepEqual([answers[0].status, answers[0].json.error], [408, 'TIMEOUT']);
    } finally {
      await hub.stop();
    }
  });

  test('of room on the disk: an error, not ready with the reason, nothing half, and it heals', async () => {
    const hub = await Hub.start({ config: { store: 'sqlite:hub.db', history: { events: 100000, bytes: '1GiB' } } });
    const channel = 'c';
    try {
      await hub.kill();
      // the limit on the size of files stands for the full disk
      const script = hub.path('small');
      writeFileSync(script, `#!/bin/sh\ntrap '' XFSZ\nulimit -Sf 4000\nexec '${BIN}' "$@"\n`);
      chmodSync(script, 0o755);
      hub.bin = script;
      await hub.run();
      const acked = [];
      let r;
      for (let i = 0; i < 400; i++) {
        r = await hub.post('/v1/publish', { channel, data: `${i} ${'x'.repeat(50000)}`, ack: 'durable' });
        if (r.status !== 200) break;
        acked.push(r.json.id);
      }
      assert.ok(r.status >= 500, `${r.status} ${r.text}`);
      assert.match(r.json.detail, /hub\.db/);
      assert.ok(acked.length > 5);
      const not = await until(async () => {
        const x = await hub.get('/readyz');
        return x.status === 503 && x;
      }, 'not ready');
      assert.equal(not.json.store.ok, false);
      assert.ok(not.json.store.detail.length > 5, not.text);
      assert.equal((await hub.get('/healthz')).status, 200);
      execFileSync('prlimit', ['--pid', String(hub.process.child.pid), '--fsize=unlimited']);
      const after = await until(async () => {
        const x = await hub.post('/v1/publish', { channel, data: 'after', ack: 'durable' });
        return x.status === 200 && x.json.id;
      }, 'it heals');
      await until(async () => (await hub.get('/readyz')).status === 200, 'ready');
      const ids = [];
      for (let p = await hub.poll(`channel=${channel}&since=earliest`); p.events.length; p = await hub.poll(`channel=${channel}&since=${p.cursor}`))
        ids.push(...p.events.map((e) => e.id));
      assert.deepEqual(ids, [...acked, after]);
    } finally {
      await hub.stop();
    }
  });
});
