// A hub that is killed or stopped while publishers and readers are at it: what was acknowledged as
// durable is there, and a reader that resumes gets everything once, in order.
// FAULT_ROUNDS: how often it is killed; 10 by default.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { check, NOTHING_WRONG } from './lib/checker.mjs';
import { Hub } from './lib/hub.mjs';
import { post } from './lib/http.mjs';
import { open } from './lib/sse.mjs';
import { until } from './lib/wait.mjs';

const ROUNDS = Number(process.env.FAULT_ROUNDS ?? 10);
const PUBLISHERS = 4;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

test('the checker finds each kind of mistake', () => {
  const e = (n, data = n) => ({ id: `1000-${n}-1`, data });
  const good = { acknowledged: new Map([['1000-1-1', 1]]), attempted: new Set([1, 2, 3]), log: [e(1), e(2)], seen: [e(1), e(2)] };
  assert.deepEqual(check(good), NOTHING_WRONG);
  const wrong = (what) => Object.entries(check({ ...good, ...what })).filter(([, n]) => n).map(([k]) => k);
  assert.deepEqual(wrong({ log: [e(2)], seen: [e(2)] }), ['lostAcknowledged']);
  assert.deepEqual(wrong({ seen: [e(1), e(2), e(2)] }), ['repeated']);
  assert.deepEqual(wrong({ seen: [e(2), e(1)] }), ['reordered']);
  assert.deepEqual(wrong({ seen: [e(1), e(2), e(3)] }), ['phantom']);
  assert.deepEqual(wrong({ log: [e(1), e(2), e(3, 2)], seen: [e(1), e(2), e(3, 2)] }), ['phantom']);
  assert.deepEqual(wrong({ seen: [e(2)] }), ['silentGap']);
  assert.deepEqual(wrong({ seen: [e(2)], gaps: 1 }), []);
});

// Publishers and a reader that go on through every end of the hub.
class Load {
  acknowledged = new Map();
  attempted = new Set();
  seen = [];
  gaps = 0;
  resumed = 0;
  #stop = false; // publishing
  #done = false; // reading
  #next = 0;
  #lastId;

  constructor(hub) {
    this.hub = hub;
  }

  async start() {
    this.reader = this.#read();
    await until(() => this.#lastId, 'the reader');
    this.publishers = Array.from({ length: PUBLISHERS }, () => this.#publish());
  }

  async #publish() {
    while (!this.#stop) {
      const batch = Array.from({ length: 1 + (this.#next % 5) }, () => ({ channel: 'a', data: ++this.#next, ack: 'durable' }));
      for (const e of batch) this.attempted.add(e.data);
      const r = await post(this.hub.port, '/v1/publish', batch).catch(() => undefined);
      if (r?.status === 200) for (const [i, a] of r.json.entries()) {
        assert.equal(a.ack, 'durable');
        this.acknowledged.set(a.id, batch[i].data);
      }
      else await pause(5);
    }
  }

  async #read() {
    while (!this.#done) {
      const headers = this.#lastId ? { 'Last-Event-ID': this.#lastId } : {};
      const s = await open(this.hub.port, '/v1/stream?channel=a', { headers }).catch(() => undefined);
      if (s?.status !== 200) {
        s?.close();
        await pause(5);
        continue;
      }
      if (this.#lastId) this.resumed++;
      this.stream = s;
      for (;;) {
        const e = await s.next(60000).catch(() => undefined);
        if (!e) break;
        if (e.event === 'freshet.gap') this.gaps++;
        if (e.id !== undefined) this.#lastId = e.id;
        if (!e.event.startsWith('freshet.')) this.seen.push({ id: e.id, data: JSON.parse(e.data) });
      }
      s.close();
    }
  }

  // Ends the publishers, waits until the reader has the last of the log, and gives the counts.
  async finish() {
    this.#stop = true;
    await Promise.all(this.publishers);
    const log = [];
    for (let query = 'since=earliest'; ;) {
      const page = await this.hub.poll(`channel=a&limit=1000&${query}`);
      log.push(...page.events.map((e) => ({ id: e.id, data: e.data })));
      if (!page.events.length) break;
      query = `since=${page.cursor}`;
    }
    await until(() => this.seen.at(-1)?.id === log.at(-1).id, 'the last event at the reader', 20000);
    this.#done = true;
    this.stream.close();
    await this.reader;
    return check({ ...this, log });
  }
}

async function startHub() {
  const hub = await Hub.start({
    config: { history: { events: 1000000, bytes: '256MiB' }, log: { level: 'warn' }, drain_timeout: '2s' },
    args: ['--store', 'sqlite:log.db'],
  });
  const load = new Load(hub);
  await load.start();
  return [hub, load];
}

for (const [signal, rounds] of [['SIGKILL', ROUNDS], ['SIGTERM', Math.ceil(ROUNDS / 3)]])
  test(`${rounds} times ${signal} in the middle of publishing: nothing lost, repeated, reordered, invented`, async () => {
    const [hub, load] = await startHub();
    for (let i = 0; i < rounds; i++) {
      const had = load.acknowledged.size;
      await until(() => load.acknowledged.size > had + 20, 'publishing');
      await pause(Math.random() * 60);
      await hub.process.stop(signal);
      if (signal === 'SIGTERM') assert.equal(hub.process.code, 0);
      await hub.run();
    }
    const count = await load.finish();
    assert.deepEqual(count, NOTHING_WRONG);
    assert.equal(load.gaps, 0);
    assert.ok(load.resumed >= rounds, `${load.resumed} resumptions`);
    assert.ok(load.seen.length >= load.acknowledged.size && load.acknowledged.size > 20 * rounds);
    await hub.stop();
  });
