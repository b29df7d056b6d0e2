// Following: envelopes, beats, filters, every judgement of a resume id, gaps, states, priority.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Hub } from './lib/hub.mjs';
import { connect, head } from './lib/http.mjs';
import { Stream } from './lib/sse.mjs';
import { until } from './lib/wait.mjs';

const ID = /^\d+-\d+-[0-9a-f]{8}$/;
const json = (e) => JSON.parse(e.data);
const numbers = (id) => id.split('-').slice(0, 2).map(Number);
const later = (a, b) => numbers(a)[0] - numbers(b)[0] || numbers(a)[1] - numbers(b)[1];
let count = 0;
const fresh = (name) => `${name}${++count}`;

describe('streams', () => {
  let hub;
  before(async () => {
    hub = await Hub.start({
      config: { channels: [{ name: 'keyed*', keyed: true }, { name: 'short*', history: { events: 5 } }, { name: 'shortkeyed*', keyed: true, history: { events: 5 }, keys: 5 }] },
    });
  });
  after(() => hub.stop());

  // ---- the answer ----

  test('the head of the answer, and the opening event with it', async () => {
    const s = await hub.stream('tenant=t1&channel=a,b&channel=c');
    assert.equal(s.status, 200);
    assert.equal(s.headers['content-type'], 'text/event-stream');
    assert.equal(s.headers['cache-control'], 'no-store, no-transform');
    assert.equal(s.headers['x-accel-buffering'], 'no');
    assert.equal(s.headers['transfer-encoding'], 'chunked');
    assert.match(s.headers.vary, /Origin/);
    const o = await s.opening();
    assert.match(o.id, ID);
    assert.deepEqual([o.tenant, o.heartbeat, Object.keys(o.channels).sort()], ['t1', 15000, ['a', 'b', 'c']]);
    assert.ok(Math.abs(o.time - Date.now()) < 5000 && o.connection);
    for (const c of Object.values(o.channels)) assert.equal(c.resume, 'new');
    s.close();
  });

  test('one chunk an event in HTTP/1.1, none in HTTP/1.0', async () => {
    const channel = fresh('c');
    const a = await hub.stream(`channel=${channel}`);
    const b = await hub.stream(`channel=${channel}`, { version: '1.0' });
    await a.opening();
    await b.opening();
    const ids = [];
    for (let i = 0; i < 3; i++) ids.push(await hub.publish({ channel, data: i }));
    for (const s of [a, b]) assert.deepEqual((await s.take(3)).map((e) => e.id), ids);
    assert.equal(a.chunks.length, 4);
    for (const chunk of a.chunks) assert.match(chunk, /^(id|event|data): [^]*\n\n$/);
    assert.equal(b.headers['transfer-encoding'], undefined);
    assert.equal(b.headers.connection, 'close');
    a.close();
    b.close();
  });

  test('bytes that a client sends on its stream are discarded, up to a bound', async () => {
    const channel = fresh('c');
    const s = await hub.stream(`channel=${channel}`);
    s.socket.write(head('GET', '/healthz'));
    await s.opening();
    await hub.publish({ channel, data: 1 });
    assert.equal((await s.take(1))[0].data, '1');
    s.socket.write('x'.repeat(200000));
    await s.ended();
  });

  test('unknown parameters are ignored, names are split, then decoded', async () => {
    const s = await hub.stream('channel=%61a%2Dx,,bb&color=red&envelope=full&channel=cc');
    const o = json((await s.take(1))[0]);
    assert.deepEqual(Object.keys(o.data.channels).sort(), ['aa-x', 'bb', 'cc']);
    s.close();
  });

  const bad = ['', 'channel=', 'channel=-a', 'channel=a%20b', 'channel=a%2Cb', `channel=${'a'.repeat(129)}`, 'channel=%', 'channel=%zz', 'channel=a%00', 'channel=a&tenant=a.b',
    `channel=a&tenant=${'a'.repeat(65)}`, 'channel=a&envelope=x', 'channel=a&heartbeat=x', 'channel=a&snapshot=x', 'channel=a&since=yesterday',
    'channel=a&since=2026-13-01T00:00:00Z', 'channel=a&type=%0a', 'channel=a&key=%C2%85', 'channel=a&key=%ff', `channel=a&type=${'a'.repeat(129)}`, `channel=a&key=${'a'.repeat(257)}`,
    `channel=${Array.from({ length: 101 }, (_, i) => `c${i}`)}`, 'channel=a&key=%E2%80%A8'];
  test('what is malformed: 400', async () => {
    for (const query of bad) {
      const r = await hub.get(`/v1/stream?${query}`);
      assert.deepEqual([r.status, r.json?.error], [400, 'BAD_REQUEST'], query);
      assert.equal((await hub.get(`/v1/events?${query}`)).status, query.includes('heartbeat') || query.includes('envelope') ? 400 : 400, query);
    }
    const many = await hub.stream(`channel=${Array.from({ length: 100 }, (_, i) => `c${i}`)}`);
    assert.equal(many.status, 200);
    many.close();
  });

  // ---- envelopes ----

  const row = { type: 'trip-updated', key: 't 1', data: { type: 'mine', late: 3 } };
  const forms = {
    full: (e, id, channel) => ({ id, channel, type: 'trip-updated', key: 't 1', time: numbers(id)[0], data: row.data }),
    typed: () => ({ type: 'trip-updated', data: row.data }),
    flat: () => ({ type: 'trip-updated', late: 3 }),
    update: (e, id) => ({ type: 'update', changes: [{ type: 'trip-updated', key: 't 1', changes: row.data }], timestamp: numbers(id)[0] }),
  };
  for (const [envelope, shape] of Object.entries(forms))
    test(`envelope ${envelope}: unnamed events and control events`, async () => {
      const channel = fresh('c');
      const s = await hub.stream(`channel=${channel}&envelope=${envelope}`);
      const open = await s.next();
      assert.equal(open.event, 'message');
      assert.match(open.id, ID);
      assert.equal(json(open).type, 'freshet.open');
      assert.ok(envelope === 'full' || envelope === 'typed' ? json(open).data.channels[channel] : json(open).channels[channel]);
      const id = await hub.publish({ channel, ...row });
      const [e] = await s.take(1);
      assert.deepEqual([e.event, e.id], ['message', id]);
      const got = json(e);
      if (envelope === 'update' && !('key' in got.changes[0])) {
        // without a route, the name of the key's member is the hub's choice
        const { type, changes, ...rest } = got.changes[0];
        assert.deepEqual(Object.values(rest), ['t 1']);
      } else assert.deepEqual(got, shape(e, id, channel));
      await hub.publish({ channel, type: 'plain', data: [1, 'x'] });
      const plain = json((await s.take(1))[0]);
      if (envelope === 'flat' || envelope === 'typed') assert.deepEqual(plain, { type: 'plain', data: [1, 'x'] });
      s.close();
    });

  test('envelope named: the type as the event, a string as its text', async () => {
    const channel = fresh('c');
    const s = await hub.stream(`channel=${channel}`);
    await s.opening();
    await hub.publish({ channel, type: 'trip-updated', data: { a: [1, 'x\ny'] } });
    await hub.publish({ channel, data: 'one\ntwo\r\nthree\rfour' });
    await hub.publish({ channel, data: '' });
    const [a, b, c] = await s.take(3);
    assert.deepEqual([a.event, a.data], ['trip-updated', '{"a":[1,"x\\ny"]}']);
    assert.deepEqual([b.event, b.data], ['message', 'one\ntwo\nthree\nfour']);
    assert.deepEqual([c.event, c.data], ['message', '']);
    s.close();
  });

  // ---- filters ----

  test('filters by type and key; tenants and channels are walls', async () => {
    const [x, y] = [fresh('c'), fresh('c')];
    const all = [];
    const streams = {
      types: await hub.stream(`tenant=w1&channel=${x},${y}&type=a,b`),
      keys: await hub.stream(`tenant=w1&channel=${x},${y}&key=k1&key=k%2C2`),
      both: await hub.stream(`tenant=w1&channel=${x}&type=a&key=k1`),
      other: await hub.stream(`tenant=w2&channel=${x},${y}`),
    };
    for (const s of Object.values(streams)) await s.opening();
    for (const channel of [x, y])
      for (const type of ['a', 'b', 'c'])
        for (const key of ['k1', 'k,2', undefined]) {
          const id = await hub.publish({ tenant: 'w1', channel, type, key, data: null });
          all.push({ channel, type, key, id });
        }
    const other = await hub.publish({ tenant: 'w2', channel: y, data: 1 });
    const want = (f) => all.filter(f).map((e) => e.id);
    const wants = {
      types: want((e) => e.type !== 'c'), keys: want((e) => e.key),
      both: want((e) => e.channel === x && e.type === 'a' && e.key === 'k1'), other: [other],
    };
    for (const [name, s] of Object.entries(streams)) {
      assert.deepEqual((await s.take(wants[name].length)).map((e) => e.id), wants[name], name);
      s.close();
    }
  });

  // ---- resuming ----

  const ways = {
    'by header': (query, id) => hub.stream(query, { headers: { 'Last-Event-ID': id } }),
    'by lastEventId': (query, id) => hub.stream(`${query}&lastEventId=${encodeURIComponent(id)}`),
    'by last_event_id': (query, id) => hub.stream(`${query}&last_event_id=${encodeURIComponent(id)}`),
  };
  const publishMany = async (channel, n, more = {}) =>
    hub.publish(Array.from({ length: n }, (_, i) => ({ channel, data: i, ...more })));

  for (const [how, resume] of Object.entries(ways)) {
    test(`resume ${how}: exact, then live`, async () => {
      const channel = fresh('c');
      const ids = await publishMany(channel, 10);
      const s = await resume(`channel=${channel}`, ids[3]);
      const o = await s.opening();
      assert.deepEqual([o.id, o.channels[channel].resume, o.channels[channel].head], [ids[3], 'resumed', ids[9]]);
      assert.deepEqual((await s.take(6)).map((e) => e.id), ids.slice(4));
      const live = await hub.publish({ channel, data: 'live' });
      assert.equal((await s.take(1))[0].id, live);
      s.close();
    });

    test(`resume ${how}: a position between two events is as good as one of an event`, async () => {
      const channel = fresh('c');
      const [first] = await publishMany(channel, 1);
      const [ms, n, epoch] = first.split('-');
      const s = await resume(`channel=${channel}`, `${Number(ms) - 1}-${Number(n) + 5}-${epoch}`);
      assert.equal((await s.opening()).channels[channel].resume, 'resumed');
      assert.equal((await s.take(1))[0].id, first);
      s.close();
    });

    for (const id of ['zzz', '1', '-1', '1-2', '1-2-3', '1-2-xxxxxxxx', '99999999999999999999-0-00000000', '1:1', '5'.repeat(3000), '1-0-00000000 '])
      test(`resume ${how}: ${id.slice(0, 24)} is malformed`, async () => {
        const channel = fresh('c');
        const [last] = (await publishMany(channel, 2)).slice(-1);
        const s = await resume(`channel=${channel}`, how === 'by header' ? id.trim() : id);
        if (how === 'by header' && id !== id.trim()) return s.close();
        const [o, g] = await s.take(2);
        assert.deepEqual([o.event, o.id, json(o).channels[channel].resume], ['freshet.open', undefined, 'gap']);
        assert.deepEqual([g.event, g.id, json(g).reason, json(g).channels], ['freshet.gap', last, 'malformed-id', [channel]]);
        const live = await hub.publish({ channel, data: 'live' });
        assert.equal((await s.take(1))[0].id, live);
        s.close();
      });

    test(`resume ${how}: another epoch is unknown, one beyond the last a reset`, async () => {
      const channel = fresh('c');
      const ids = await publishMany(channel, 3);
      const [ms, n, epoch] = ids[2].split('-');
      const other = epoch === '00000000' ? '11111111' : '00000000';
      for (const [id, reason] of [[`${ms}-${n}-${other}`, 'unknown-id'], [`${Number(ms) + 100000}-0-${epoch}`, 'reset'], [`${Number(ms) + 100000}-0-${other}`, 'unknown-id']]) {
        const s = await resume(`channel=${channel}`, id);
        const [o, g] = await s.take(2);
        assert.deepEqual([o.id, json(o).channels[channel].resume], [undefined, 'gap']);
        assert.deepEqual([g.id, json(g).reason], [ids[2], reason]);
        s.close();
        // from `since`, where it is given
        const e = await resume(`channel=${channel}&since=earliest`, id);
        const list = await e.take(5);
        assert.deepEqual(list.slice(0, 2).map((x) => x.event), ['freshet.open', 'freshet.gap']);
        assert.ok(later(list[1].id, ids[0]) < 0);
        assert.deepEqual(list.slice(2).map((x) => x.id), ids);
        e.close();
      }
    });

    test(`resume ${how}: below the floor of one of two channels, the gap in its place`, async () => {
      const [whole, short] = [fresh('whole'), fresh('short')];
      const start = await hub.publish({ channel: whole, data: 'start' });
      const want = [];
      let floor;
      const published = [];
      for (let i = 0; i < 20; i++) {
        published.push(await hub.publish({ channel: short, data: i }));
        want.push(await hub.publish({ channel: whole, data: i }));
      }
      floor = published[14]; // 5 of 20 are kept
      const s = await resume(`channel=${whole},${short}`, start);
      const o = await s.opening();
      assert.deepEqual([o.id, o.channels[whole].resume, o.channels[short].resume], [start, 'resumed', 'gap']);
      const list = await s.take(26);
      const gaps = list.filter((e) => e.event === 'freshet.gap');
      assert.equal(gaps.length, 1);
      assert.deepEqual([gaps[0].id, json(gaps[0]).reason, json(gaps[0]).channels], [floor, 'trimmed', [short]]);
      // where the reader was, which had been sent what came before
      assert.ok(later(json(gaps[0]).from, start) >= 0 && later(json(gaps[0]).from, floor) < 0, gaps[0].data);
      const ids = list.map((e) => e.id);
      assert.deepEqual(ids, [...ids].sort(later), 'ids increase');
      assert.deepEqual(ids.filter((id) => id !== floor), [...want, ...published.slice(15)].sort(later));
      s.close();
      // at the floor exactly nothing is missing
      const exact = await resume(`channel=${whole},${short}`, floor);
      assert.equal((await exact.opening()).channels[short].resume, 'resumed');
      exact.close();
    });
  }

  test('the header wins over the query, and both over since', async () => {
    const channel = fresh('c');
    const ids = await publishMany(channel, 4);
    const s = await hub.stream(`channel=${channel}&lastEventId=${ids[2]}&since=earliest`, { headers: { 'Last-Event-ID': ids[1] } });
    assert.equal((await s.opening()).id, ids[1]);
    assert.deepEqual((await s.take(2)).map((e) => e.id), ids.slice(2));
    s.close();
    const q = await hub.stream(`channel=${channel}&lastEventId=${ids[2]}&since=earliest`);
    assert.equal((await q.opening()).id, ids[2]);
    assert.equal((await q.take(1))[0].id, ids[3]);
    q.close();
    const empty = await hub.stream(`channel=${channel}&lastEventId=&since=earliest`);
    await empty.opening();
    assert.deepEqual((await empty.take(4)).map((e) => e.id), ids, 'an empty id is none');
    empty.close();
  });

  test('a channel added on a resume starts at the id', async () => {
    const [a, b] = [fresh('c'), fresh('c')];
    await hub.publish({ channel: b, data: 'before' });
    const at = await hub.publish({ channel: a, data: 1 });
    const after = await hub.publish({ channel: b, data: 'after' });
    const s = await hub.stream(`channel=${a},${b}`, { headers: { 'Last-Event-ID': at } });
    await s.opening();
    assert.equal((await s.take(1))[0].id, after);
    s.close();
  });

  test('a stream dropped before its first event loses nothing', async () => {
    const channel = fresh('c');
    for (let i = 0; i < 5; i++) {
      const s = await hub.stream(`channel=${channel}`);
      const { id } = await s.opening();
      s.close();
      const missed = await publishMany(channel, 3);
      const t = await hub.stream(`channel=${channel}`, { headers: { 'Last-Event-ID': id } });
      const o = await t.opening();
      assert.deepEqual([o.id, o.channels[channel].resume], [id, 'resumed']);
      assert.deepEqual((await t.take(3)).map((e) => e.id), missed);
      t.close();
    }
  });

  test('a stream dropped at any place around a gap loses nothing and hears of it', async () => {
    const [whole, short] = [fresh('whole'), fresh('short')];
    let at = await hub.publish({ channel: whole, data: 'start' });
    const want = [];
    for (let i = 0; i < 12; i++) {
      await hub.publish({ channel: short, data: i });
      want.push(await hub.publish({ channel: whole, type: 'kept', data: i }));
    }
    const got = [];
    let told = false;
    for (let i = 0; i < 60 && got.length < want.length; i++) {
      const s = await hub.stream(`channel=${whole},${short}`, { headers: { 'Last-Event-ID': at } });
      for (const e of await s.take(2)) {
        at = e.id ?? at;
        told ||= e.event === 'freshet.gap';
        if (e.event === 'kept') got.push(e.id);
      }
      s.close();
    }
    assert.deepEqual(got, want);
    assert.ok(told);
  });

  // ---- since ----

  test('since in all its forms', async () => {
    const channel = fresh('c');
    const ids = [];
    for (let i = 0; i < 4; i++) {
      ids.push(await hub.publish({ channel, data: i }));
      const ms = numbers(ids[i])[0];
      await until(() => Date.now() > ms + 1, 'another millisecond');
    }
    const ms = numbers(ids[1])[0];
    const cases = {
      [ids[1]]: ids.slice(2), earliest: ids, [ms]: ids.slice(1), [ms + 1]: ids.slice(2), [new Date(ms).toISOString()]: ids.slice(1),
      [encodeURIComponent(new Date(ms).toISOString().replace('Z', '+00:00'))]: ids.slice(1),
      '10m': ids, '2h': ids, '30s': ids, '1d': ids, 0: ids,
    };
    for (const [since, want] of Object.entries(cases)) {
      const s = await hub.stream(`channel=${channel}&since=${since}`);
      const o = await s.opening();
      assert.match(o.id, ID, since);
      assert.equal(o.channels[channel].resume, since === ids[1] ? 'resumed' : 'new', since);
      assert.deepEqual((await s.take(want.length)).map((e) => e.id), want, since);
      assert.deepEqual((await hub.poll(`channel=${channel}&since=${since}`)).events.map((e) => e.id), want, since);
      s.close();
    }
    for (const query of ['', '&since=latest', '&since=']) {
      const s = await hub.stream(`channel=${channel}${query}`);
      assert.equal((await s.opening()).id, ids[3]);
      const live = await hub.publish({ channel, data: 'live' });
      ids.push(live);
      assert.equal((await s.take(1))[0].id, live);
      s.close();
      ids.splice(3, 1, ids.pop());
    }
  });

  // ---- keyed channels: states, snapshots, tombstones ----

  const change = (channel, key, n, more = {}) =>
    hub.publish({ channel, key, type: 'changed', data: { n }, state: { id: key, n, whole: true }, ...more });

  test('snapshot on a fresh start: the latest of every live key in id order, then on', async () => {
    const channel = fresh('keyed');
    await change(channel, 'a', 1);
    await change(channel, 'b', 1);
    const b = await change(channel, 'b', 2);
    await change(channel, 'c', 3);
    const a = await change(channel, 'a', 4);
    await hub.publish({ channel, key: 'c', type: 'gone', deleted: true, data: null });
    const s = await hub.stream(`channel=${channel}&snapshot=true`);
    const o = await s.opening();
    assert.equal(o.id, undefined, 'no id before the snapshot');
    assert.equal(o.channels[channel].resume, 'new');
    const list = await s.take(2);
    assert.deepEqual(list.map((e) => [e.id, json(e)]), [[b, { id: 'b', n: 2, whole: true }], [a, { id: 'a', n: 4, whole: true }]]);
    const live = await change(channel, 'a', 5);
    const [e] = await s.take(1);
    assert.deepEqual([e.id, json(e)], [live, { n: 5 }], 'the change alone, to a reader that is caught up');
    s.close();
  });

  test('snapshot of an empty channel, and with unkeyed ones', async () => {
    const [keyed, plain] = [fresh('keyed'), fresh('c')];
    const s = await hub.stream(`channel=${keyed},${plain}&snapshot=true`);
    await s.opening();
    const id = await change(keyed, 'a', 1);
    assert.deepEqual([(await s.take(1))[0].id], [id]);
    s.close();
    await hub.publish({ channel: plain, data: 'old' });
    const t = await hub.stream(`channel=${keyed},${plain}&snapshot=true`);
    await t.opening();
    assert.equal((await t.take(1))[0].id, id);
    const live = await hub.publish({ channel: plain, data: 'new' });
    assert.equal((await t.take(1))[0].id, live);
    t.close();
  });

  test('snapshot on a resume applies after a gap of a keyed channel only; that gap carries no id', async () => {
    const channel = fresh('shortkeyed');
    const start = await change(channel, 'k0', 0);
    for (let i = 1; i < 12; i++) await change(channel, `k${i % 5}`, i);
    // ten superseded, none removed: no gap
    const whole = await hub.stream(`channel=${channel}&snapshot=true`, { headers: { 'Last-Event-ID': start } });
    const o = await whole.opening();
    const resumed = o.channels[channel].resume;
    whole.close();
    assert.equal(resumed, 'resumed', 'superseding raises no floor');
    // a sixth key pushes one out: a gap for who was before
    for (let i = 0; i < 8; i++) await change(channel, `other${i}`, i);
    const s = await hub.stream(`channel=${channel}&snapshot=true`, { headers: { 'Last-Event-ID': start } });
    const p = await s.opening();
    assert.equal(p.channels[channel].resume, 'gap');
    const [gap, ...rest] = await s.take(6);
    assert.deepEqual([gap.event, gap.id], ['freshet.gap', undefined]);
    assert.deepEqual(rest.map((e) => json(e).id), ['other3', 'other4', 'other5', 'other6', 'other7']);
    s.close();
    const t = await hub.stream(`channel=${channel}`, { headers: { 'Last-Event-ID': start } });
    await t.opening();
    assert.match((await t.take(1))[0].id, ID, 'without snapshot the gap has its id');
    t.close();
  });

  test('data for a reader that is caught up, the state for one that resumes, data again once certain', async () => {
    const channel = fresh('keyed');
    const first = await change(channel, 'a', 1);
    const live = await hub.stream(`channel=${channel}`);
    const { id } = await live.opening();
    assert.equal(id, first);
    const second = await change(channel, 'a', 2);
    assert.deepEqual(json((await live.take(1))[0]), { n: 2 });
    const third = await change(channel, 'a', 3);
    assert.deepEqual(json((await live.take(1))[0]), { n: 3 });
    live.close();
    // it has the previous one: it resumes with that very id
    const exact = await hub.stream(`channel=${channel}`, { headers: { 'Last-Event-ID': second } });
    await exact.opening();
    assert.deepEqual(json((await exact.take(1))[0]), { n: 3 });
    exact.close();
    // second was superseded: it can't have been sent to this one
    const behind = await hub.stream(`channel=${channel}`, { headers: { 'Last-Event-ID': first } });
    await behind.opening();
    const [e] = await behind.take(1);
    assert.deepEqual([e.id, json(e)], [third, { id: 'a', n: 3, whole: true }]);
    const fourth = await change(channel, 'a', 4);
    const [f] = await behind.take(1);
    assert.deepEqual([f.id, json(f)], [fourth, { n: 4 }]);
    behind.close();
  });

  test('a filtered reader that resumes gets states, one that was there from the start changes', async () => {
    const channel = fresh('keyed');
    await change(channel, 'a', 1, { type: 'seen' });
    const s = await hub.stream(`channel=${channel}&type=seen`);
    const { id } = await s.opening();
    await change(channel, 'a', 2, { type: 'unseen' });
    await change(channel, 'b', 1, { type: 'seen' });
    await s.take(1);
    s.close();
    const third = await change(channel, 'a', 3, { type: 'seen' });
    const t = await hub.stream(`channel=${channel}&type=seen`, { headers: { 'Last-Event-ID': id } });
    await t.opening();
    const list = await t.take(2);
    assert.deepEqual([list[1].id, json(list[1])], [third, { id: 'a', n: 3, whole: true }]);
    t.close();
  });

  test('in a keyed channel what is superseded is not owed; a tombstone is, and never in a snapshot', async () => {
    const channel = fresh('keyed');
    const start = await change(channel, 'x', 0);
    for (let i = 0; i < 5; i++) await change(channel, 'a', i);
    const a = await change(channel, 'a', 9);
    await change(channel, 'b', 1);
    const gone = await hub.publish({ channel, key: 'b', type: 'removed', deleted: true, data: { why: 'sold' } });
    const s = await hub.stream(`channel=${channel}`, { headers: { 'Last-Event-ID': start } });
    await s.opening();
    const list = await s.take(2);
    assert.deepEqual(list.map((e) => e.id), [a, gone]);
    assert.deepEqual([list[1].event, json(list[1])], ['removed', { why: 'sold' }]);
    s.close();
    const snap = await hub.stream(`channel=${channel}&snapshot=true`);
    await snap.opening();
    assert.deepEqual((await snap.take(2)).map((e) => e.id), [start, a]);
    const back = await change(channel, 'b', 2);
    assert.equal((await snap.take(1))[0].id, back);
    snap.close();
  });

  // ---- priority ----

  test('a high-priority event overtakes the backlog of a blocked reader, without an id, once', async () => {
    const channel = fresh('c');
    const socket = await connect(hub.port);
    socket.pause();
    const s = new Stream(socket);
    socket.pause();
    socket.write(head('GET', `/v1/stream?channel=${channel}`));
    await until(async () => (await hub.stats()).connectionsByChannel[channel] === 1, 'the stream');
    const blob = 'x'.repeat(60000);
    const ids = [];
    // more than the sockets' buffers hold
    while ((await hub.stats()).laggingConnections < 1 || ids.length < 60) {
      ids.push(...(await hub.publish(Array.from({ length: 15 }, (_, i) => ({ channel, data: `${ids.length + i} ${blob}` })))));
      assert.ok(ids.length < 1000, 'the reader lags');
    }
    const high = await hub.publish({ channel, type: 'alarm', priority: 'high', data: 'now' });
    const last = await hub.publish({ channel, type: 'last', data: 'last' });
    socket.resume();
    const got = [];
    for (let e; (e = await s.next()).id !== last; ) if (e.event !== 'freshet.open' && e.event !== 'freshet.beat') got.push(e);
    const alarms = got.filter((e) => e.event === 'alarm');
    assert.equal(alarms.length, 1);
    assert.equal(alarms[0].id, undefined);
    assert.ok(got.indexOf(alarms[0]) < got.length - 10, 'it came before the rest of the backlog');
    assert.deepEqual(got.filter((e) => e.event === 'message').map((e) => e.id), ids, 'the rest in order, whole');
    s.close();
    const t = await hub.stream(`channel=${channel}`, { headers: { 'Last-Event-ID': ids.at(-1) } });
    await t.opening();
    const again = await t.take(2);
    assert.deepEqual(again.map((e) => e.event), ['alarm', 'last'], 'after a reconnect again');
    assert.ok([high, undefined].includes(again[0].id));
    assert.equal(again[1].id, last);
    t.close();
  });

  test('a high-priority event to a reader that is caught up is like any other', async () => {
    const channel = fresh('c');
    const s = await hub.stream(`channel=${channel}`);
    await s.opening();
    const id = await hub.publish({ channel, priority: 'high', data: 1 });
    assert.equal((await s.take(1))[0].id, id);
    s.close();
  });

  // ---- many readers ----

  test('ids increase and each event comes once, to everyone, while many publish', async () => {
    const channel = fresh('c');
    const streams = await Promise.all(Array.from({ length: 20 }, () => hub.stream(`channel=${channel}`)));
    for (const s of streams) await s.opening();
    const ids = (await Promise.all(Array.from({ length: 50 }, (_, i) => publishMany(channel, 4, { data: i })))).flat().sort(later);
    for (const s of streams) {
      assert.deepEqual((await s.take(200)).map((e) => e.id), ids);
      s.close();
    }
  });

  test('a reader that closes is gone from the statistics within a second', async () => {
    const channel = fresh('c');
    const streams = await Promise.all(Array.from({ length: 5 }, () => hub.stream(`tenant=leaving&channel=${channel}`)));
    const here = async () => (await hub.stats()).connectionsByChannel[channel] ?? 0;
    await until(async () => (await here()) === 5, 'five readers');
    assert.equal((await hub.stats()).connectionsByTenant.leaving, 5);
    streams.forEach((s) => s.close());
    const from = Date.now();
    await until(async () => (await here()) === 0, 'none');
    assert.ok(Date.now() - from < 1000);
    assert.equal((await hub.stats()).connectionsByTenant.leaving ?? 0, 0);
    await hub.logged(/stream closed.*tenant=leaving/);
  });
});

describe('beats', () => {
  let hub;
  before(async () => {
    hub = await Hub.start({ config: { heartbeat: '300ms', routes: [
      { path: '/iso', kind: 'stream', channels: ['b'], envelope: 'typed', heartbeat: 'ping', control: { time: 'iso' } },
      { path: '/quick', kind: 'stream', channels: ['b'], heartbeat_every: '250ms' },
      { path: '/slow', kind: 'stream', channels: ['b'], heartbeat_every: '1h' }] } });
  });
  after(() => hub.stop());

  test('event: with the position up to which was read, and the heads', async () => {
    const s = await hub.stream('channel=b,quiet');
    const o = await s.opening();
    assert.equal(o.heartbeat, 300);
    const b = await s.next();
    assert.deepEqual([b.event, json(b).heads], ['freshet.beat', {}]);
    assert.match(b.id, ID);
    const id = await hub.publish({ channel: 'b', data: 1 });
    await s.until(() => s.events.some((e) => e.id === id && e.event === 'freshet.beat'), 'a beat at the event');
    const beat = s.events.find((e) => e.id === id && e.event === 'freshet.beat');
    assert.equal(json(beat).heads.b, id);
    assert.ok(Math.abs(json(beat).time - Date.now()) < 5000);
    s.close();
  });

  test('a filtered reader of a busy channel comes back without a gap by its beats', async () => {
    const s = await hub.stream('channel=busy&type=rare');
    await s.opening();
    let last;
    for (let i = 0; i < 150; i++) last = await hub.publish({ channel: 'busy', type: 'common', data: i });
    await s.until(() => s.events.some((e) => e.event === 'freshet.beat' && e.id === last), 'a beat at the end');
    s.close();
    await hub.publish({ channel: 'busy', type: 'common', data: 0 });
    const rare = await hub.publish({ channel: 'busy', type: 'rare', data: 1 });
    const t = await hub.stream('channel=busy&type=rare', { headers: { 'Last-Event-ID': s.lastId } });
    assert.equal((await t.opening()).channels.busy.resume, 'resumed');
    assert.equal((await t.take(1))[0].id, rare);
    t.close();
  });

  test('comment: no event; ping: an event without an id; none: silence', async () => {
    const c = await hub.stream('channel=b&heartbeat=comment');
    const p = await hub.stream('channel=b&heartbeat=ping');
    const n = await hub.stream('channel=b&heartbeat=none');
    assert.equal((await n.opening()).heartbeat, 0);
    await c.until(() => c.comments.length >= 2, 'comments');
    assert.match(c.comments[0], /^heartbeat \d{13}$/);
    assert.equal(c.events.length, 1);
    await p.until(() => p.events.length >= 3, 'pings');
    assert.deepEqual([p.events[1].event, p.events[1].id], ['ping', undefined]);
    assert.deepEqual(Object.keys(json(p.events[1])), ['timestamp']);
    assert.equal(n.events.length, 1);
    assert.deepEqual(n.comments, []);
    for (const s of [c, p, n]) s.close();
  });

  test('in unnamed envelopes a beat is data with its type', async () => {
    for (const [query, ping, look] of [
      ['envelope=flat', 'event', (d) => d.type === 'freshet.beat' && d.heads],
      ['envelope=typed', 'event', (d) => d.type === 'freshet.beat' && d.data.heads],
      ['envelope=full', 'event', (d) => d.type === 'freshet.beat' && d.id && d.data.heads],
      ['envelope=typed', 'ping', (d) => d.type === 'ping' && typeof d.data.timestamp === 'number'],
    ]) {
      const s = await hub.stream(`channel=b&${query}&heartbeat=${ping}`);
      await s.next();
      const e = await s.next();
      assert.ok(e.event === 'message' && look(json(e)), e.data);
      assert.equal(e.id === undefined, ping === 'ping');
      s.close();
    }
    const iso = await hub.stream('/iso');
    await iso.next();
    assert.match(json(await iso.next()).data.timestamp, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    iso.close();
  });

  test('a beat comes only when nothing else was sent', async () => {
    const s = await hub.stream('/slow');
    await s.opening();
    const q = await hub.stream('/quick');
    await q.opening();
    await q.until(() => q.events.length >= 3, 'quick beats');
    assert.equal(s.events.length, 1);
    s.close();
    q.close();
  });
});

describe('without a store', () => {
  test('a stream on the null store is told of every gap', async () => {
    const hub = await Hub.start({ args: ['--store', 'null'] });
    try {
      const s = await hub.stream('channel=c');
      const { id } = await s.opening();
      const a = await hub.publish({ channel: 'c', data: 1 });
      assert.equal((await s.take(1))[0].id, a);
      s.close();
      await hub.publish({ channel: 'unread', data: 1 });
      const t = await hub.stream('channel=unread', { headers: { 'Last-Event-ID': id } });
      assert.equal((await t.opening()).channels.unread.resume, 'gap');
      t.close();
    } finally {
      await hub.stop();
    }
  });
});

describe('limits of streams', () => {
  test('connections in all, of a tenant and from an address: 429 with Retry-After, freed when one leaves', async () => {
    for (const [limits, other] of [[{ connections: 3 }, false], [{ connections_per_tenant: 3 }, true], [{ connections_per_address: 3 }, false]]) {
      const hub = await Hub.start({ config: { limits } });
      try {
        const streams = [];
        for (let i = 0; i < 3; i++) streams.push(await hub.stream('channel=c&tenant=a'));
        const no = await hub.get('/v1/stream?channel=c&tenant=a', {}, { ms: 2000 });
        assert.deepEqual([no.status, no.json?.error], [429, 'TOO_MANY_CONNECTIONS'], JSON.stringify(limits));
        assert.match(no.headers['retry-after'], /^[1-9]\d*$/);
        const elsewhere = await hub.stream('channel=c&tenant=b');
        assert.equal(elsewhere.status, other ? 200 : 429);
        elsewhere.close();
        streams[0].close();
        await until(async () => {
          const s = await hub.stream('channel=c&tenant=a');
          if (s.status !== 200) s.close();
          return s.status === 200;
        }, 'room');
      } finally {
        await hub.stop();
      }
    }
  });

  test('channels and filters a connection', async () => {
    const hub = await Hub.start({ config: { limits: { channels_per_connection: 2, filters_per_connection: 2 } } });
    try {
      assert.equal((await hub.get('/v1/stream?channel=a,b,c')).status, 400);
      assert.equal((await hub.get('/v1/events?channel=a,b,c')).status, 400);
      assert.equal((await hub.get('/v1/events?channel=a,b&type=x&key=y')).status, 200);
      assert.equal((await hub.get('/v1/events?channel=a,b&type=x&key=y,z')).status, 400);
    } finally {
      await hub.stop();
    }
  });

  test('thousands of channels come into being while readers are attached', async () => {
    const hub = await Hub.start({ args: ['--store', 'sqlite:log.db'], config: { log: { level: 'warn' } } });
    try {
      const name = (i) => `c${i}`;
      const READERS = 20;
      const EACH = 100;
      const readers = [];
      for (let r = 0; r < READERS; r++) {
        const channels = Array.from({ length: EACH }, (_, i) => name(r * EACH + i));
        readers.push({ channels: new Set(channels), stream: await hub.stream(`channel=${channels.join(',')}&envelope=full`) });
      }
      // every channel in an order of its own, with as many that nobody follows in between
      const rounds = 2;
      for (let round = 0; round < rounds; round++)
        for (let at = 0; at < 2 * READERS * EACH; at += 500)
          await hub.publish(Array.from({ length: 500 }, (_, i) => ({ channel: name(((at + i) * 1579) % (2 * READERS * EACH)), data: round })));
      for (const { channels, stream } of readers) {
        const seen = () => stream.events.map((e) => JSON.parse(e.data)).filter((e) => e.channel);
        await stream.until(() => seen().length >= rounds * EACH, 'all events', 20000);
        assert.equal(seen().length, rounds * EACH);
        for (const e of seen()) assert.ok(channels.has(e.channel), e.channel);
        for (const c of channels) assert.deepEqual(seen().filter((e) => e.channel === c).map((e) => e.data), [0, 1]);
        const ids = seen().map((e) => e.id);
        assert.deepEqual(ids, [...ids].sort(later));
        stream.close();
      }
      assert.equal((await hub.get('/v1/channels')).json.channels.length, 2 * READERS * EACH);
    } finally {
      await hub.stop();
    }
  });

  test('a half-sent event without progress for limits.stall ends the stream', async () => {
    const hub = await Hub.start({ config: { heartbeat: '250ms', limits: { stall: '500ms' } } });
    try {
      const socket = await connect(hub.port);
      socket.pause();
      socket.write(head('GET', '/v1/stream?channel=c'));
      await until(async () => (await hub.stats()).totalConnections === 1, 'the stream');
      const data = 'x'.repeat(60000);
      for (let i = 0; i < 1000 && !/reason=stalled/.test(hub.log); i++)
        await hub.publish(Array.from({ length: 15 }, () => ({ channel: 'c', data })));
      await hub.logged(/stream closed.*reason=stalled/);
      assert.match((await hub.get('/metrics')).text, /^freshet_limited_total\{limit="stall"\} 1$/m);
      assert.equal((await hub.stats()).totalConnections, 0);
      socket.destroy();
    } finally {
      await hub.stop();
    }
  });

  test('a reader beyond the ring and the history hears of it in the stream', async () => {
    const hub = await Hub.start({ config: { limits: { ring_events: 16 }, history: { events: 10 } } });
    try {
      const socket = await connect(hub.port);
      const s = new Stream(socket);
      socket.pause();
      socket.write(head('GET', '/v1/stream?channel=c'));
      await until(async () => (await hub.stats()).totalConnections === 1, 'the stream');
      const data = 'x'.repeat(60000);
      let sent = 0;
      while ((await hub.stats()).laggingConnections < 1 || sent < 400) {
        await hub.publish(Array.from({ length: 15 }, () => ({ channel: 'c', data })));
        sent += 15;
      }
      const last = await hub.publish({ channel: 'c', type: 'last', data: 1 });
      socket.resume();
      const ids = [];
      let gaps = 0;
      for (;;) {
        const e = await s.next();
        if (e.event === 'freshet.gap') gaps++;
        if (e.event !== 'freshet.open' && e.event !== 'freshet.beat') ids.push(e.id);
        if (e.id === last) break;
      }
      assert.ok(gaps >= 1);
      assert.deepEqual(ids, [...new Set(ids)].sort(later));
      s.close();
    } finally {
      await hub.stop();
    }
  });
});
