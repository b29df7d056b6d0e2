// The end of a hub, wanted and not: kill -9, restart, drain.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { Hub } from './lib/hub.mjs';
import { connect, head } from './lib/http.mjs';
import { Stream } from './lib/sse.mjs';
import { until } from './lib/wait.mjs';

const json = (e) => JSON.parse(e.data);
const numbers = (id) => id.split('-').slice(0, 2).map(Number);
const later = (a, b) => numbers(a)[0] - numbers(b)[0] || numbers(a)[1] - numbers(b)[1];
const withHub = async (options, f) => {
  const hub = await Hub.start(options);
  try {
    await f(hub);
  } finally {
    await hub.stop();
  }
};

describe('kill -9 and restart', () => {
  test('nothing durable is lost, ids go on, idempotency keys are known, readers resume without a gap', () =>
    withHub({ config: { store: 'sqlite:hub.db', history: { events: 100000 } } }, async (hub) => {
      const acked = [];
      let last, first;
      for (let round = 0; round < 4; round++) {
        const stop = { now: false };
        const writers = Array.from({ length: 4 }, async (_, w) => {
          for (let i = 0; !stop.now; i++) {
            const event = { channel: `c${w}`, data: `${round}.${w}.${i}`, ack: 'durable', ...(i === 0 && { idempotencyKey: `k${round}.${w}` }) };
            const r = await hub.post('/v1/publish', event).catch(() => null);
            if (r?.status !== 200) return;
            assert.equal(r.json.ack, 'durable');
            acked.push({ ...event, id: r.json.id });
          }
        });
        const had = acked.length;
        await until(() => acked.length > had + 60, 'events');
        await hub.kill();
        stop.now = true;
        await Promise.all(writers);
        await hub.restart();
        last = acked.map((a) => a.id).sort(later).at(-1);
        const { cursor } = await hub.poll('channel=c0');
        assert.ok(later(cursor, last) >= 0, 'ids do not go back');
        assert.equal(cursor.split('-')[2], last.split('-')[2], 'the epoch stays');
      }
      for (let w = 0; w < 4; w++) {
        const got = new Map();
        let p = await hub.poll(`channel=c${w}&since=earliest&limit=1000`);
        while (p.events.length) {
          for (const e of p.events) got.set(e.id, e.data);
          p = await hub.poll(`channel=c${w}&since=${p.cursor}&limit=1000`);
        }
        for (const a of acked.filter((x) => x.channel === `c${w}`)) assert.equal(got.get(a.id), a.data);
      }
      const keyed = acked.find((a) => a.idempotencyKey);
      const { id, ...event } = keyed;
      assert.equal(await hub.publish(event), id);
      assert.equal((await hub.post('/v1/publish', { ...event, data: 'other' })).status, 409);
      first = acked.filter((a) => a.channel === 'c0').map((a) => a.id).sort(later)[0];
      const s = await hub.stream('channel=c0', { headers: { 'Last-Event-ID': first } });
      assert.equal((await s.opening()).channels.c0.resume, 'resumed');
      const want = acked.filter((a) => a.channel === 'c0').map((a) => a.id).sort(later).slice(1);
      const got = new Set();
      while (!got.has(want.at(-1))) got.add((await s.take(1))[0].id);
      for (const w of want) assert.ok(got.has(w));
      s.close();
    }));

  test('a stream never shows what a restarted hub does not know', () =>
    withHub({ config: { store: 'sqlite:hub.db', history: { events: 1000 } } }, async (hub) => {
      const s = await hub.stream('channel=c');
      await s.opening();
      for (let i = 0; i < 200; i++) void hub.post('/v1/publish', { channel: 'c', data: i }).catch(() => {});
      await s.until(() => s.events.length > 20, 'events');
      await hub.kill();
      await s.ended();
      const seen = s.events.filter((e) => e.event === 'message').map((e) => e.id);
      await hub.restart();
      const { events } = await hub.poll('channel=c&since=earliest&limit=1000');
      const known = new Set(events.map((e) => e.id));
      for (const id of seen) assert.ok(known.has(id), id);
      const t = await hub.stream('channel=c', { headers: { 'Last-Event-ID': s.lastId } });
      assert.equal((await t.opening()).channels.c.resume, 'resumed');
      t.close();
    }));

  test('keyed states, tombstones, floors and configuration survive', () =>
    withHub({ config: { store: 'sqlite:hub.db', history: { events: 5 }, channels: [{ name: 'k', keyed: true }] } }, async (hub) => {
      const start = await hub.publish({ channel: 'plain', data: 0 });
      const set = (key, n) => hub.publish({ channel: 'k', key, type: 't', data: { n }, state: { key, n }, ack: 'durable' });
      await set('a', 1);
      const b = await set('b', 1);
      const a = await set('a', 2);
      await hub.publish({ channel: 'k', key: 'gone', type: 't', data: 1 });
      await hub.publish({ channel: 'k', key: 'gone', type: 't', deleted: true });
      const ids = await hub.publish(Array.from({ length: 12 }, (_, i) => ({ channel: 'plain', data: i, ack: 'durable' })));
      await hub.kill();
      await hub.restart();
      const s = await hub.stream('channel=k&snapshot=true');
      await s.opening();
      assert.deepEqual((await s.take(2)).map((e) => e.id), [b, a]);
      const c = await set('a', 3);
      const [e] = await s.take(1);
      assert.deepEqual([e.id, json(e)], [c, { n: 3 }]);
      s.close();
      const p = await hub.poll('channel=plain', { 'Last-Event-ID': start });
      assert.deepEqual([p.gap.reason, p.events.map((x) => x.id)], ['trimmed', ids.slice(-5)]);
    }));

  test('a memory store has a new epoch after a restart, and says so', () =>
    withHub({}, async (hub) => {
      const id = await hub.publish({ channel: 'c', data: 1 });
      await hub.restart();
      const next = await hub.publish({ channel: 'c', data: 2 });
      assert.notEqual(id.split('-')[2], next.split('-')[2]);
      const s = await hub.stream('channel=c', { headers: { 'Last-Event-ID': id } });
      const [o, g] = await s.take(2);
      assert.deepEqual([o.id, json(g).reason, g.id], [undefined, 'unknown-id', next]);
      s.close();
    }));
});

describe('a disk that fails', () => {
  const event = { channel: 'a', data: 'x'.repeat(5000), ack: 'durable' };
  // Refused as long as it fails, not ready, and afterwards as if nothing had been.
  const check = async (hub, detail, mend) => {
    const r = await hub.post('/v1/publish', event);
    assert.deepEqual([r.status, r.json.error], [503, 'OVERLOADED'], r.text);
    assert.match(r.json.detail, detail);
    assert.ok(Number(r.headers['retry-after']) > 0);
    assert.equal((await hub.get('/readyz')).status, 503);
    await mend();
    await until(async () => (await hub.post('/v1/publish', event)).status === 200, 'stored again');
    assert.equal((await hub.get('/readyz')).status, 200);
    assert.equal((await hub.poll('channel=a&since=earliest')).events.length, 2);
  };
  const publishOne = async (hub) => assert.equal((await hub.post('/v1/publish', event)).status, 200);

  test('a file that may not grow is a 503, not the end', { skip: spawnSync('prlimit', ['--version']).error && 'prlimit is not installed' }, () =>
    withHub({ config: { store: 'sqlite:hub.db' } }, async (hub) => {
      await publishOne(hub);
      const limit = (size) => assert.equal(spawnSync('prlimit', ['--pid', String(hub.process.child.pid), `--fsize=${size}:unlimited`]).status, 0);
      limit(1000);
      await check(hub, /hub\.db can't be used: /, () => limit('unlimited'));
    }));

  test('a sync that fails is a 503', { skip: spawnSync('strace', ['-V']).error && 'strace is not installed' }, () =>
    withHub({ config: { store: 'sqlite:hub.db' } }, async (hub) => {
      await publishOne(hub);
      const faults = spawn('strace', ['-f', '-qq', '-o', '/dev/null', '-e', 'trace=fsync,fdatasync', '-e', 'inject=fsync,fdatasync:error=EIO', '-p', String(hub.process.child.pid)], { stdio: 'ignore' });
      const over = new Promise((done) => faults.on('close', done));
      const traced = () => readFileSync(`/proc/${hub.process.child.pid}/task/${hub.process.child.pid}/status`, 'utf8').match(/TracerPid:\t(\d+)/)[1] !== '0';
      await until(traced, 'strace is attached');
      await until(async () => (await hub.post('/v1/publish', { channel: 'b', data: 1, ack: 'durable' })).status === 503, 'every thread is traced');
      await check(hub, /hub\.db can't be used: /, async () => {
        faults.kill('SIGINT');
        await over;
      });
    }));
});

describe('SIGTERM', () => {
  test('streams get retry and freshet.close, polls their answer, the exit code is 0', () =>
    withHub({}, async (hub) => {
      const streams = await Promise.all(['', '&envelope=flat', '&envelope=typed'].map((e) => hub.stream(`channel=c${e}`)));
      const old = await hub.stream('channel=c', { version: '1.0' });
      for (const s of [...streams, old]) await s.next();
      const poll = hub.get('/v1/events?channel=c&wait=30');
      await until(async () => (await hub.stats()).polls === 1, 'the poll');
      const ended = hub.process.stop('SIGTERM');
      for (const s of [...streams, old]) {
        const e = await s.next();
        await s.ended();
        assert.ok(s.retry >= 1 && s.retry <= 10000, `retry ${s.retry}`);
        assert.ok(e.data.includes('"draining"'));
        assert.equal(e.id, undefined);
      }
      assert.deepEqual([streams[0].events.at(-1).event, json(streams[0].events.at(-1))], ['freshet.close', { reason: 'draining' }]);
      assert.deepEqual(json(streams[1].events.at(-1)), { type: 'freshet.close', reason: 'draining' });
      assert.deepEqual(json(streams[2].events.at(-1)), { type: 'freshet.close', data: { reason: 'draining' } });
      assert.ok(streams[0].terminated, 'the last chunk');
      assert.equal((await poll).status, 200);
      assert.equal(await ended, 0);
    }));

  test('while it drains: 200, retry and close to a stream, 503 to a publish, not ready, still alive', () =>
    withHub({ config: { drain_timeout: '5s' } }, async (hub) => {
      // someone who does not leave keeps it draining
      const socket = await connect(hub.port);
      const stuck = new Stream(socket, { stay: true });
      socket.write(head('GET', '/v1/stream?channel=c'));
      await stuck.next();
      const ended = hub.process.stop('SIGTERM');
      await hub.logged(/draining/);
      const s = await hub.stream('channel=c');
      assert.equal(s.status, 200);
      const e = await s.next();
      assert.deepEqual([e.event, json(e)], ['freshet.close', { reason: 'draining' }]);
      assert.ok(s.retry >= 1);
      assert.equal(s.headers.connection, 'close');
      await s.ended();
      const p = await hub.post('/v1/publish', { channel: 'c', data: 1 });
      assert.deepEqual([p.status, p.json.error], [503, 'DRAINING']);
      assert.match(p.headers['retry-after'], /^[1-9]/);
      const r = await hub.get('/readyz');
      assert.deepEqual([r.status, r.json.draining, r.json.ready], [503, true, false]);
      assert.equal((await hub.get('/healthz')).status, 200);
      socket.destroy();
      s.close();
      assert.equal(await ended, 0);
    }));

  test('what was acknowledged before is there after', () =>
    withHub({ config: { store: 'sqlite:hub.db' } }, async (hub) => {
      const ids = [];
      const writer = (async () => {
        for (;;) {
          const r = await hub.post('/v1/publish', { channel: 'c', data: ids.length }).catch(() => null);
          if (r?.status !== 200) return;
          ids.push(r.json.id);
        }
      })();
      await until(() => ids.length > 50, 'events');
      assert.equal(await hub.process.stop('SIGTERM'), 0);
      await writer;
      await hub.restart();
      const { events } = await hub.poll('channel=c&since=earliest&limit=1000');
      assert.deepEqual(events.map((e) => e.id), ids.slice(-100));
    }));

  test('a second signal ends it at once', () =>
    withHub({}, async (hub) => {
      const socket = await connect(hub.port);
      socket.write(head('GET', '/v1/stream?channel=c'));
      await new Promise((done) => socket.once('data', done));
      socket.pause();
      hub.process.child.kill('SIGTERM');
      await hub.logged(/draining/);
      const from = Date.now();
      assert.equal(await hub.process.stop('SIGINT'), 0);
      assert.ok(Date.now() - from < 5000);
      socket.destroy();
    }));
});
