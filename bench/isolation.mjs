#!/usr/bin/env node
// Whether one tenant at ten times its limits is felt by another: the latency of a tenant's events
// with the other one quiet and with it raging, in alternating pairs.
// usage: node bench/isolation.mjs [--pairs N] [--seconds N] [--nice N] [--json]
//
// The hub runs on CPU 0, both clients on CPU 1, the raging one behind the other (nice 10). It may publish
// 50 events a second and have 50 streams; it sends 500 single-event requests a second over ten
// connections, holds its 50 streams, and asks for 500 more each second. The other has 500 streams and
// publishes 50 events a second: `freshet bench` measures from sending a publish to each stream's
// having it. Where other work keeps the machine busy, --nice -15 (as root) puts the hub and
// the measuring client before it. The target: p99 at most 10 % worse, median of the pairs.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { Hub } from '../tests/system/lib/hub.mjs';
import { auth, bearer } from '../tests/system/lib/token.mjs';

const RATE = 50, STREAMS = 50, TIMES = 10, TARGET = 1.1;
const CALM_STREAMS = 500, CALM_RATE = 50;
const BIN = process.env.FRESHET_BIN ?? fileURLToPath(new URL('../build/freshet', import.meta.url));
const option = (name, fallback) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};
const token = (tenant) => bearer({ tenant, sub: tenant, subscribe: ['*'], publish: ['*'] }).Authorization;
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// ---- the raging one: a process of its own, until its parent has enough ----

function rage(port) {
  const head = (method, path, more = '') => `${method} ${path} HTTP/1.1\r\nHost: hub\r\nAuthorization: ${token('raging')}\r\n${more}\r\n`;
  const body = JSON.stringify({ channel: 'noise', data: { text: 'x'.repeat(100) } });
  const publish = head('POST', '/v1/publish', `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`) + body;
  const follow = head('GET', '/raging');
  const counts = { sent: 0, taken: 0, limited: 0, streams: 0, refused: 0 };
  const connect = (on) => {
    const s = net.connect(port, '127.0.0.1').on('error', () => {}).on('data', on);
    s.setNoDelay(true);
    return s;
  };
  const publishers = Array.from({ length: 10 }, () => connect((d) => {
    for (const m of d.toString('latin1').matchAll(/HTTP\/1\.1 (\d+)/g)) counts[m[1] === '200' ? 'taken' : 'limited']++;
  }));
  for (let i = 0; i < STREAMS; i++) connect(() => {}).on('connect', function () { this.write(follow); counts.streams++; });
  const begin = performance.now();
  setInterval(() => {
    const due = Math.floor((performance.now() - begin) / 1000 * RATE * TIMES);
    while (counts.sent < due) publishers[counts.sent++ % publishers.length].write(publish);
  }, 1);
  // so many streams more than it may have, each second
  setInterval(() => {
    for (let i = 0; i < STREAMS * TIMES / 50; i++) {
      const s = connect((d) => { counts.refused += /^HTTP\/1\.1 429/.test(d.toString('latin1')); s.destroy(); });
      s.on('connect', () => s.write(follow));
    }
  }, 20);
  process.on('message', () => process.send(counts, () => process.exit(0)));
  setTimeout(() => process.send('raging'), 500);
}

// ---- the measurement ----

function measure(hub, seconds, nice) {
  const args = ['-n', String(nice), 'taskset', '-c', '1', BIN, 'bench', hub.url, '--conns', String(CALM_STREAMS), '--rate', String(CALM_RATE), '--duration', `${seconds}s`, '--settle', '500ms', '--json'];
  return new Promise((resolve, reject) => {
    const child = spawn('nice', args, { env: { ...process.env, FRESHET_TOKEN: token('calm').split(' ')[1] } });
    let out = '', err = '';
    child.stdout.on('data', (d) => (out += d));
    child.stderr.on('data', (d) => (err += d));
    child.on('close', (code) => (code === 0 ? resolve(JSON.parse(out)) : reject(new Error(`freshet bench ended with ${code}: ${err}${out}`))));
  });
}

async function once(raging, seconds, nice) {
  const hub = await Hub.start({
    config: { auth: auth(), loops: 1, log: { level: 'error' }, limits: { publish_per_second: RATE, publish_burst: RATE },
      routes: [{ path: '/raging', kind: 'stream', channels: ['noise'], connections_per_tenant: STREAMS }] },
    dev: false,
  });
  let noise, counts;
  try {
    await new Promise((done) => spawn('taskset', ['-a', '-p', '-c', '0', String(hub.process.child.pid)], { stdio: 'ignore' }).on('close', done));
    if (nice) for (const task of readdirSync(`/proc/${hub.process.child.pid}/task`)) os.setPriority(Number(task), nice);
    if (raging) {
      noise = spawn('nice', ['-n', String(Math.min(19, nice + 10)), 'taskset', '-c', '1', process.execPath, fileURLToPath(import.meta.url), '--rage', String(hub.port)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
      await new Promise((done) => noise.once('message', done));
      await sleep(1000);
    }
    const report = await measure(hub, seconds, nice);
    if (noise) counts = await new Promise((done) => (noise.once('message', done), noise.send('enough')));
    return { p50: report.latency_us.p50, p99: report.latency_us.p99, wrong: report.lost + report.repeated + report.reordered, counts };
  } finally {
    noise?.kill('SIGKILL');
    await hub.stop();
  }
}

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

async function main() {
  const pairs = option('pairs', 5), seconds = option('seconds', 10), nice = option('nice', 0), json = process.argv.includes('--json');
  const runs = [];
  for (let i = 0; i < pairs; i++) {
    const pair = {};
    for (const raging of i % 2 ? [true, false] : [false, true]) pair[raging ? 'raging' : 'quiet'] = await once(raging, seconds, nice);
    runs.push(pair);
    const { quiet, raging } = pair, c = raging.counts;
    if (!json)
      console.log(`pair ${i + 1}: p99 ${quiet.p99} us quiet, ${raging.p99} us raging (p50 ${quiet.p50}, ${raging.p50}); ` +
        `it sent ${c.sent} events, ${c.taken} taken, ${c.limited} limited; ${c.streams} streams, ${c.refused} refused`);
  }
  const ratio = median(runs.map((r) => r.raging.p99 / r.quiet.p99));
  const wrong = runs.reduce((n, r) => n + r.quiet.wrong + r.raging.wrong, 0);
  if (json) console.log(JSON.stringify({ pairs: runs, ratio, target: TARGET }));
  else console.log(`p99 raging / quiet, median of ${pairs} pairs: ${ratio.toFixed(3)} (target ${TARGET}); lost, repeated, reordered: ${wrong}`);
  process.exitCode = ratio <= TARGET && wrong === 0 ? 0 : 1;
}

const port = option('rage', 0);
if (port) rage(port);
else await main();
