// A system clock that is put forward and back by an hour under load: ids go on increasing, nothing is
// lost, beats keep coming, and nobody is cut off for it.
import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { NOTHING_WRONG } from './lib/checker.mjs';
import { connect, head } from './lib/http.mjs';
import { pause, startLoad } from './lib/load.mjs';
import { until } from './lib/wait.mjs';

const LIB = readdirSync('/usr/lib', { withFileTypes: true })
  .filter((d) => d.isDirectory())
  .map((d) => `/usr/lib/${d.name}/faketime/libfaketimeMT.so.1`)
  .find((f) => {
    try {
      return readdirSync(f.replace(/\/[^/]*$/, '')).length;
    } catch {
      return false;
    }
  });

test('an hour forth and back', { skip: !LIB && 'faketime is not installed' }, async () => {
  let hub, load;
  const step = (by) => writeFileSync(hub.path('clock'), `${by}\n`);
  [hub, load] = await startLoad({
    files: { clock: '+0\n' },
    config: { heartbeat: '300ms', limits: { poll_wait: '60s' } },
    prepare: (dir) => {
      env.FAKETIME_TIMESTAMP_FILE = `${dir}/clock`;
    },
    env,
  });
  const quiet = await hub.stream('channel=quiet');
  const idle = await connect(hub.port); // half a head: it has ten seconds, whatever the clock says
  idle.write('GET /healthz HTTP/1.1\r\n');
  let idleEnded = false;
  idle.on('close', () => (idleEnded = true));
  idle.on('data', () => (idleEnded = true));
  const times = [];
  for (const by of ['+3600', '+0', '-3600', '+0']) {
    step(by);
    await until(async () => {
      const at = JSON.parse((await hub.get('/v1/stats')).text) && Date.parse((await hub.get('/healthz')).headers.date);
      return Math.abs(at - Date.now() - Number(by) * 1000) < 5000;
    }, `the clock at ${by}`);
    await load.more(50);
    const beats = quiet.events.length;
    await until(() => quiet.events.length >= beats + 3, `beats at ${by}`, 3000);
    times.push(by);
    if (by === '+3600') assert.equal(idleEnded, false, 'the slow head was ended by the clock');
  }
  assert.equal(quiet.closed, false);
  assert.equal(load.resumed, 0, 'the reader was cut off');
  const uptime = (await hub.stats()).uptime;
  assert.ok(uptime === undefined || (uptime >= 0 && uptime < 600), `uptime ${uptime}`);
  const count = await load.finish();
  assert.deepEqual(count, NOTHING_WRONG);
  assert.equal(load.gaps, 0);
  quiet.close();
  idle.destroy();
  // and over a restart while the clock is behind
  step('+3600');
  await pause(1200);
  const first = await hub.publish({ channel: 'b', data: 1, ack: 'durable' });
  await hub.kill();
  step('+0');
  await hub.run();
  const second = await hub.publish({ channel: 'b', data: 2, ack: 'durable' });
  const place = (id) => id.split('-').slice(0, 2).map(Number);
  const [a, b] = [place(first), place(second)];
  assert.ok(b[0] > a[0] || (b[0] === a[0] && b[1] > a[1]), `${second} after ${first}`);
  const page = await hub.poll('channel=b&since=earliest');
  assert.deepEqual(page.events.map((e) => e.data), [1, 2]);
  await hub.stop();
});

const env = { LD_PRELOAD: LIB, FAKETIME_DONT_FAKE_MONOTONIC: '1', FAKETIME_CACHE_DURATION: '1', NO_FAKE_STAT: '1' };
