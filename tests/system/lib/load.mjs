// Publishers and a reader that go on through whatever happens to the hub, for the checker: the reader
// resumes with the last id that it had, publishers remember what was acknowledged as durable.
//
//   const [hub, load] = await startLoad();      a hub on SQLite and its load
//   ... kill it, stop it, fill its disk, reload it ...
//   assert.deepEqual(await load.finish(), NOTHING_WRONG);
import assert from 'node:assert/strict';
import { check } from './checker.mjs';
import { Hub } from './hub.mjs';
import { post } from './http.mjs';
import { open } from './sse.mjs';
import { until } from './wait.mjs';

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

export class Load {
  acknowledged = new Map();
  attempted = new Set();
  seen = [];
  gaps = 0;
  resumed = 0;
  statuses = new Map(); // of publishes: status or 'none' -> how often
  #stop = false; // publishing
  #done = false; // reading
  #next = 0;
  #lastId;
  #publishers;
  #data;

  // publishers: how many at once. data: makes an event's data of its number.
  // rest: ms between two publishes of one publisher.
  constructor(hub, { publishers = 4, data = (n) => n, rest = 0 } = {}) {
    this.hub = hub;
    this.rest = rest;
    this.#publishers = publishers;
    this.#data = data;
  }

  async start() {
    this.reader = this.#read();
    await until(() => this.#lastId, 'the reader');
    this.publishers = Array.from({ length: this.#publishers }, () => this.#publish());
    return this;
  }

  // What was last answered to this status: undefined, 'none' or a status.
  answered(status) {
    return this.statuses.get(status) ?? 0;
  }

  async #publish() {
    while (!this.#stop) {
      const batch = Array.from({ length: 1 + (this.#next % 5) }, () => ({ channel: 'a', data: this.#data(++this.#next), ack: 'durable' }));
      for (const e of batch) this.attempted.add(key(e.data));
      const r = await post(this.hub.port, '/v1/publish', batch).catch(() => undefined);
      const status = r?.status ?? 'none';
      this.statuses.set(status, this.answered(status) + 1);
      if (status === 200)
        for (const [i, a] of r.json.entries()) {
          assert.equal(a.ack, 'durable');
          this.acknowledged.set(a.id, key(batch[i].data));
        }
      else await pause(5);
      if (this.rest) await pause(this.rest);
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
        if (!e.event.startsWith('freshet.')) this.seen.push({ id: e.id, data: key(JSON.parse(e.data)) });
      }
      s.close();
    }
  }

  // Waits for so many further acknowledged events.
  async more(count = 20, ms = 30000) {
    const had = this.acknowledged.size;
    await until(() => this.acknowledged.size >= had + count, `${count} events`, ms);
  }

  // Ends the publishers, waits until the reader has the last of the log, and gives the counts.
  // witness: a reader of the channel that was there all the time, for a log that is not all kept.
  async finish(witness) {
    this.#stop = true;
    await Promise.all(this.publishers);
    const log = [];
    if (witness) {
      await until(() => this.seen.length === witness.events.length - 1, 'the same at both readers', 20000).catch(() => {});
      for (const e of witness.events) if (!e.event.startsWith('freshet.')) log.push({ id: e.id, data: key(JSON.parse(e.data)) });
    }
    else for (let query = 'since=earliest'; ;) {
      const page = await this.hub.poll(`channel=a&limit=1000&${query}`);
      log.push(...page.events.map((e) => ({ id: e.id, data: key(e.data) })));
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

// Data may be large: its number is what counts.
const key = (data) => (typeof data === 'object' ? data.n : data);

// A hub on SQLite with room for everything, and its load. hub: further options of Hub.start.
export async function startLoad({ load = {}, config = {}, args = [], ...hub } = {}) {
  const h = await Hub.start({
    config: { history: { events: 1000000, bytes: '256MiB' }, log: { level: 'warn' }, drain_timeout: '2s', ...config },
    args: ['--store', 'sqlite:log.db', ...args],
    ...hub,
  });
  return [h, await new Load(h, load).start()];
}
