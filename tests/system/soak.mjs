// A soak: connections that open, drop and resume, readers that stop reading, publishes, polls, channels
// that come and go, for a long time. What is asked for in the end: the checker finds nothing wrong,
// memory doesn't grow, descriptors are given back.
// usage: node soak.mjs [SECONDS]     600 by default; FRESHET_BIN names the program
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { NOTHING_WRONG } from './lib/checker.mjs';
import { Hub } from './lib/hub.mjs';
import { connect, head } from './lib/http.mjs';
import { Load, pause } from './lib/load.mjs';
import { until } from './lib/wait.mjs';

const SECONDS = Number(process.argv[2] ?? 600);
const CHURNERS = 40;
const SLOPE_MAX = 256; // KiB a minute, over the second half
const NOISE = SECONDS < 500 ? 8192 : 1024; // KiB: in the first minutes everything finds its size

const hub = await Hub.start({
  args: ['--store', 'sqlite:log.db'],
  config: {
    log: { level: 'warn' }, heartbeat: '1s', channel_idle: '2s', loops: 2,
    history: { events: 50, age: '3s' },
    channels: [{ name: 'a', history: { events: 5000, bytes: '4MiB', age: '1h' } }, { name: 'k', keyed: true, keys: 500, history: { events: 100, age: '1h' } }],
  },
});
const pid = hub.process.child.pid;
const memory = () => Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)[1]);
const descriptors = () => readdirSync(`/proc/${pid}/fd`).length;
const roll = (n) => Math.floor(Math.random() * n);

const witness = await hub.stream('channel=a');
await witness.opening();
const before = descriptors();
const load = await new Load(hub, { publishers: 2, rest: 10 }).start();
const end = Date.now() + SECONDS * 1000;
const count = { opened: 0, resumed: 0, stopped: 0, polled: 0, published: 0, refused: 0, channels: 0 };
let stop = false;

// The reader that is checked drops every now and then, too.
async function drop() {
  while (!stop) {
    await pause(100 + roll(2000));
    load.stream?.close();
  }
}

// One client after the other, each for a while.
async function churn(n) {
  let last;
  while (!stop) {
    const channels = ['a', 'k', `t${count.channels - roll(20)}`].filter(() => roll(3)).concat(`t${n}`).join(',');
    switch (roll(5)) {
      case 0: {
        const r = await hub.get(`/v1/events?channel=${channels}&limit=50&wait=${roll(2)}s`).catch(() => undefined);
        count.polled += r?.status === 200;
        break;
      }
      case 1: { // stops reading, in the middle of whatever comes
        const socket = await connect(hub.port).catch(() => undefined);
        socket?.on('error', () => {});
        socket?.pause();
        socket?.write(head('GET', `/v1/stream?channel=${channels}&since=earliest`));
        await pause(roll(3000));
        socket?.destroy();
        count.stopped++;
        break;
      }
      default: {
        const s = await hub.stream(`channel=${channels}&snapshot=${roll(2) === 1}`, { headers: last ? { 'Last-Event-ID': last } : {} }).catch(() => undefined);
        if (s?.status !== 200) {
          count.refused++;
          s?.close();
          break;
        }
        count.opened++;
        count.resumed += last !== undefined;
        await pause(roll(1500));
        last = roll(4) ? s.lastId || undefined : undefined;
        s.close();
      }
    }
  }
}

// Channels that come, are published to for a moment, and are never heard of again.
async function comeAndGo() {
  while (!stop) {
    const name = `t${++count.channels}`;
    const events = Array.from({ length: 1 + roll(20) }, (_, i) => ({ channel: name, data: { i, filler: 'x'.repeat(roll(500)) } }));
    events.push({ channel: 'k', key: `k${roll(800)}`, data: { n: count.channels }, state: { n: count.channels, whole: true }, deleted: undefined, priority: roll(9) ? 'normal' : 'high' });
    const r = await hub.post('/v1/publish', events).catch(() => undefined);
    count.published += r?.status === 200 ? events.length : 0;
    await pause(roll(30));
  }
}

const work = [drop(), comeAndGo(), ...Array.from({ length: CHURNERS }, (_, n) => churn(n))];
const samples = [];
const began = Date.now();
while (Date.now() < end) {
  await pause(Math.min(2000, SECONDS * 20));
  samples.push([(Date.now() - began) / 60000, memory()]);
  if (hub.process.code !== undefined) throw new Error(`the hub ended with ${hub.process.code}: ${hub.log}`);
  if (samples.length % 30 === 0) console.log(`${samples.at(-1)[0].toFixed(1)} min: ${memory()} KiB, ${load.seen.length} events checked, ${JSON.stringify(count)}`);
}
stop = true;
await Promise.all(work);

// KiB a minute, least squares.
function slope(points) {
  const mean = (i) => points.reduce((sum, p) => sum + p[i], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  return points.reduce((sum, p) => sum + (p[0] - x) * (p[1] - y), 0) / points.reduce((sum, p) => sum + (p[0] - x) ** 2, 0);
}
const half = samples.slice(samples.length >> 1);
const grows = slope(half);
const minutes = half.at(-1)[0] - half[0][0];
const found = await load.finish(witness);
witness.close();
await until(() => descriptors() <= before, 'descriptors given back', 15000);
console.log(`${SECONDS} s: ${load.seen.length} events checked, ${load.resumed} resumptions, ${load.gaps} gaps, ${JSON.stringify(count)}`);
console.log(`memory ${samples[0][1]} KiB at first, ${half[0][1]} half way, ${samples.at(-1)[1]} in the end: slope ${grows.toFixed(0)} KiB a minute`);
console.log(JSON.stringify(found));
assert.deepEqual(found, NOTHING_WRONG);
assert.ok(load.seen.length > SECONDS && count.resumed > SECONDS / 2 && count.channels > SECONDS);
assert.ok(grows * minutes <= Math.max(NOISE, SLOPE_MAX * minutes), `memory grows by ${grows.toFixed(0)} KiB a minute`);
await hub.stop();
