// Publishing and polling: what is taken, what is refused, and that a body is whole or not at all.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Hub } from './lib/hub.mjs';
import { head, request } from './lib/http.mjs';
import { until } from './lib/wait.mjs';

const ID = /^\d+-\d+-[0-9a-f]{8}$/;
let count = 0;
const fresh = () => `p${++count}`;

describe('publish', () => {
  let hub;
  before(async () => (hub = await Hub.start({ config: { channels: [{ name: 'keyed*', keyed: true }] } })));
  after(() => hub.stop());

  const all = async (channel, more = '') => (await hub.poll(`channel=${channel}&since=earliest&limit=1000${more}`)).events;

  test('one object, an array, and lines: an answer of the same shape', async () => {
    const channel = fresh();
    const one = await hub.post('/v1/publish', { channel, data: 1 });
    assert.match(one.json.id, ID);
    assert.deepEqual(one.json, { id: one.json.id, ack: 'memory' });
    const many = await hub.post('/v1/publish', [{ channel, data: 2 }, { channel, data: 3 }]);
    assert.equal(many.json.length, 2);
    const single = await hub.post('/v1/publish', [{ channel, data: 4 }]);
    assert.equal(single.json.length, 1);
    const lines = await hub.post('/v1/publish', `{"channel":"${channel}","data":5}\r\n\n{"channel":"${channel}","data":6}`, { 'Content-Type': 'application/x-ndjson' });
    assert.equal(lines.json.length, 2);
    const events = await all(channel);
    assert.deepEqual(events.map((e) => e.data), [1, 2, 3, 4, 5, 6]);
    assert.deepEqual(events.map((e) => e.id), [one.json.id, ...[many, single, lines].flatMap((r) => r.json.map((a) => a.id))]);
    assert.equal(events[0].type, 'message');
  });

  test('a batch lies together in the log', async () => {
    const channel = fresh();
    const batches = await Promise.all(Array.from({ length: 20 }, (_, b) => hub.publish(Array.from({ length: 5 }, (_, i) => ({ channel, data: [b, i] })))));
    assert.equal(new Set(batches.flat()).size, 100);
    const data = (await all(channel)).map((e) => e.data);
    for (let i = 0; i < 100; i += 5) assert.deepEqual(data.slice(i, i + 5).map((d) => d[0]), Array(5).fill(data[i][0]));
  });

  const ok = { channel: 'c', data: 1 };
  const deep = (n) => '['.repeat(n) + ']'.repeat(n);
  const malformed = {
    'an empty body': '', 'no JSON': 'x', 'a number': '1', 'a string': '"x"', null: 'null', 'an empty array': '[]', 'an array in an array': '[[]]', 'half an object': '{"channel":"c"',
    'something behind it': '{"channel":"c","data":1}x', 'a trailing comma': '{"channel":"c","data":1,}', 'single quotes': "{'channel':'c','data':1}", 'a comment': '{"channel":"c","data":1/**/}',
    'NaN': '{"channel":"c","data":NaN}', 'a leading zero': '{"channel":"c","data":01}', 'a bare plus': '{"channel":"c","data":+1}', 'a dot without digits': '{"channel":"c","data":1.}',
    'a duplicate member': '{"channel":"c","data":1,"data":2}', 'a duplicate member within data': '{"channel":"c","data":{"a":1,"a":2}}', 'the same member written differently': '{"channel":"c","data":{"a":1,"\\u0061":2}}',
    'depth over 32': `{"channel":"c","data":${deep(40)}}`, 'a control character in a string': '{"channel":"c","data":"a\tb"}', 'a bad escape': '{"channel":"c","data":"\\x"}', 'half a surrogate pair': '{"channel":"c","data":"\\ud800"}',
    'no channel': { data: 1 }, 'no data': { channel: 'c' }, 'a channel that is none': { ...ok, channel: 'a/b' }, 'an empty channel': { ...ok, channel: '' }, 'a long channel': { ...ok, channel: 'a'.repeat(129) },
    'a channel that is a number': { ...ok, channel: 1 }, 'a tenant that is none': { ...ok, tenant: 'a.b' }, 'an empty type': { ...ok, type: '' }, 'a long type': { ...ok, type: 'a'.repeat(129) },
    'a reserved type': { ...ok, type: 'freshet.gap' }, 'type open': { ...ok, type: 'open' }, 'type error': { ...ok, type: 'error' }, 'an empty key': { ...ok, key: '' }, 'a long key': { ...ok, key: 'ä'.repeat(129) },
    'deleted without key': { ...ok, deleted: true }, 'deleted that is no boolean': { ...ok, key: 'k', deleted: 1 }, 'an unknown priority': { ...ok, priority: 'urgent' }, 'an unknown ack': { ...ok, ack: 'sure' },
    'two tenants': [{ ...ok, tenant: 'a' }, { ...ok, tenant: 'b' }], 'an empty idempotency key': { ...ok, idempotencyKey: '' },
  };
  for (const control of ['\n', '\r', '\0', '\x1f', '\x7f', '\u0085', '\u2028', '\u2029'])
    for (const member of ['type', 'key']) malformed[`${escape(control)} in ${member}`] = { ...ok, [member]: `a${control}b` };
  for (const [what, body] of Object.entries(malformed))
    test(`${what}: 400`, async () => {
      const r = await hub.post('/v1/publish', body);
      assert.deepEqual([r.status, r.json?.error], [400, 'BAD_REQUEST'], r.text);
    });

  test('bytes that are not UTF-8: 400', async () => {
    for (const bytes of [[0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80]]) {
      const r = await hub.post('/v1/publish', Buffer.concat([Buffer.from('{"channel":"c","data":"'), Buffer.from(bytes), Buffer.from('"}')]));
      assert.equal(r.status, 400);
    }
    assert.equal((await hub.post('/v1/publish', Buffer.from('\ufeff{"channel":"c","data":1}'))).status, 400, 'a byte order mark is no JSON');
  });

  test('a body is taken whole or not at all, and the error names the index', async () => {
    const channel = fresh();
    for (const bad of [{ channel: 'a/b', data: 1 }, { channel }, { channel, data: 1, type: 'error' }, 7, { channel, data: 'x'.repeat(70000) }]) {
      const r = await hub.post('/v1/publish', [{ channel, data: 1 }, { channel, data: 2 }, bad, { channel, data: 3 }]);
      assert.ok([400, 413].includes(r.status));
      assert.equal(r.json.index, 2, r.text);
      const lines = await hub.post('/v1/publish', [{ channel, data: 1 }, bad].map((e) => JSON.stringify(e)).join('\n'), { 'Content-Type': 'application/x-ndjson' });
      assert.ok([400, 413].includes(lines.status));
      assert.equal(lines.json.index, 1);
    }
    assert.deepEqual(await all(channel), []);
  });

  test('an event over limits.event_bytes, and over 1,000 events: 413', async () => {
    const channel = fresh();
    const r = await hub.post('/v1/publish', { channel, data: 'x'.repeat(70000) });
    assert.deepEqual([r.status, r.json.error], [413, 'TOO_LARGE']);
    assert.equal((await hub.post('/v1/publish', { channel, data: 'x'.repeat(60000) })).status, 200);
    const many = (n) => hub.post('/v1/publish', Array.from({ length: n }, () => ({ channel, data: 1 })));
    assert.equal((await many(1000)).status, 200);
    assert.equal((await many(1001)).status, 413);
  });

  test('white space outside of strings goes, everything else of data stays', async () => {
    const channel = fresh();
    await hub.post('/v1/publish', `\n{ "data" : { "b" : [ 1.10 , 1e2, 9007199254740993, 0.1, -0, 1E+5 ] ,"a ":" x  y " , "\\u00e4":"\\/" } , "channel":"${channel}" }\n`);
    const r = await hub.get(`/v1/events?channel=${channel}&since=earliest`);
    assert.ok(r.text.includes('"data":{"b":[1.10,1e2,9007199254740993,0.1,-0,1E+5],"a ":" x  y ","\\u00e4":"\\/"}'), r.text);
  });

  test('idempotency: a repeat gives the first id, another body 409, by member and by header', async () => {
    const channel = fresh();
    const ev = { channel, type: 't', data: { a: 1 }, idempotencyKey: 'order-1' };
    const first = await hub.publish(ev);
    assert.equal(await hub.publish(ev), first);
    assert.equal(await hub.publish({ channel, type: 't', data: { a: 1 } }, { 'Idempotency-Key': 'order-1' }), first);
    const other = await hub.post('/v1/publish', { ...ev, data: { a: 2 } });
    assert.deepEqual([other.status, other.json.error], [409, 'CONFLICT']);
    const batch = await hub.post('/v1/publish', [{ channel, data: 'new' }, { ...ev, type: 'u' }]);
    assert.deepEqual([batch.status, batch.json.index], [409, 1]);
    const mixed = await hub.publish([{ channel, data: 'new' }, ev]);
    assert.equal(mixed[1], first);
    // per channel and per tenant
    assert.notEqual(await hub.publish({ ...ev, channel: fresh() }), first);
    assert.notEqual(await hub.publish({ ...ev, tenant: 'elsewhere' }), first);
    const within = await hub.publish([{ ...ev, idempotencyKey: 'w' }, { ...ev, idempotencyKey: 'w' }]);
    assert.equal(within[0], within[1]);
    assert.deepEqual((await all(channel)).map((e) => e.id), [first, mixed[0], within[0]]);
    assert.ok((await hub.stats()).eventsRepeated >= 3);
    const both = await hub.post('/v1/publish', [{ channel, data: 1 }, { channel, data: 2 }], { 'Idempotency-Key': 'for-a-batch' });
    assert.equal(both.status, 400, 'the header is for a single event');
  });

  test('a memory store never says durable', async () => {
    const r = await hub.post('/v1/publish', { channel: fresh(), data: 1, ack: 'durable' });
    assert.equal(r.json.ack, 'memory');
  });

  test('a tombstone reaches readers and returns to those who poll', async () => {
    const channel = `keyed${fresh()}`;
    await hub.publish({ channel, key: 'k', data: 1 });
    const id = await hub.publish({ channel, key: 'k', deleted: true });
    const events = await all(channel);
    assert.deepEqual(events.map((e) => [e.id, e.key, e.data]), [[id, 'k', null]]);
  });

  // ---- polling ----

  test('poll: full envelopes, a cursor, limit; and on from the cursor', async () => {
    const channel = fresh();
    const ids = await hub.publish(Array.from({ length: 30 }, (_, i) => ({ channel, key: `k${i}`, type: i % 2 ? 'odd' : 'even', data: i })));
    let p = await hub.poll(`channel=${channel}&since=earliest&limit=12`);
    assert.deepEqual(p.events[3], { id: ids[3], channel, type: 'odd', key: 'k3', time: Number(ids[3].split('-')[0]), data: 3 });
    const got = [];
    for (let i = 0; i < 3; i++) {
      got.push(...p.events.map((e) => e.id));
      assert.equal(p.gap, null);
      p = await hub.poll(`channel=${channel}&since=${p.cursor}&limit=12`);
    }
    assert.deepEqual(got, ids);
    assert.deepEqual([p.events, p.gap], [[], null]);
    const odd = await hub.poll(`channel=${channel}&since=earliest&type=odd&key=k1,k2,k3`);
    assert.deepEqual(odd.events.map((e) => e.data), [1, 3]);
    for (const how of [{ 'Last-Event-ID': ids[27] }, null]) {
      const r = await hub.poll(`channel=${channel}${how ? '' : `&lastEventId=${ids[27]}`}`, how ?? {});
      assert.deepEqual(r.events.map((e) => e.id), ids.slice(28));
    }
    for (const limit of ['0', '1001', '-1', 'x', '', '1.5']) assert.equal((await hub.get(`/v1/events?channel=${channel}&limit=${limit}`)).status, 400, limit);
    for (const wait of ['61', '61000ms', 'x', '-1']) assert.equal((await hub.get(`/v1/events?channel=${channel}&wait=${wait}`)).status, 400, wait);
  });

  test('poll: an empty channel has a cursor; nothing between two polls is lost', async () => {
    const channel = fresh();
    let p = await hub.poll(`channel=${channel}`);
    assert.deepEqual(p.events, []);
    assert.match(p.cursor, ID);
    for (let i = 0; i < 5; i++) {
      const id = await hub.publish({ channel, data: i });
      p = await hub.poll(`channel=${channel}&since=${p.cursor}`);
      assert.deepEqual(p.events.map((e) => e.id), [id]);
    }
  });

  test('poll: wait answers when there is something, or at the end of the time', async () => {
    const channel = fresh();
    const { cursor } = await hub.poll(`channel=${channel}`);
    const waiting = hub.poll(`channel=${channel}&since=${cursor}&wait=20`);
    await until(async () => (await hub.stats()).polls === 1, 'the poll');
    assert.equal((await hub.stats()).connectionsByTransport.polling, 1);
    const id = await hub.publish({ channel, data: 1 });
    const p = await waiting;
    assert.deepEqual(p.events.map((e) => e.id), [id]);
    const from = Date.now();
    const empty = await hub.poll(`channel=${channel}&since=${p.cursor}&wait=1`);
    assert.ok(Date.now() - from >= 950 && empty.events.length === 0);
    assert.equal(empty.cursor, p.cursor);
  });

  test('poll: gaps, by every judgement', async () => {
    const channel = fresh();
    const ids = await hub.publish(Array.from({ length: 150 }, (_, i) => ({ channel, data: i })));
    const [ms, n, epoch] = ids.at(-1).split('-');
    for (const [id, reason] of [['zzz', 'malformed-id'], [`1-0-${epoch === '00000000' ? '11111111' : '00000000'}`, 'unknown-id'], [`${Number(ms) + 99999}-${n}-${epoch}`, 'reset'], [ids[0], 'trimmed']]) {
      const p = await hub.poll(`channel=${channel}`, { 'Last-Event-ID': id });
      assert.deepEqual([p.gap?.reason, p.gap?.channels], [reason, [channel]], id);
      assert.deepEqual(p.events.map((e) => e.id), reason === 'trimmed' ? ids.slice(50) : []);
      assert.equal(p.cursor, ids.at(-1));
    }
  });

  test('moving between stream and polling neither loses nor repeats', async () => {
    const channel = fresh();
    const s0 = await hub.stream(`channel=${channel}`);
    let { id: at } = await s0.opening();
    s0.close();
    const sent = [], got = [];
    for (let round = 0; round < 6; round++) {
      sent.push(...(await hub.publish(Array.from({ length: 3 }, () => ({ channel, data: round })))));
      if (round % 2) {
        const s = await hub.stream(`channel=${channel}`, { headers: { 'Last-Event-ID': at } });
        await s.opening();
        got.push(...(await s.take(2)).map((e) => e.id));
        at = got.at(-1);
        s.close();
      } else {
        const p = await hub.poll(`channel=${channel}&lastEventId=${at}&limit=4`);
        got.push(...p.events.map((e) => e.id));
        at = p.cursor;
      }
    }
    const rest = await hub.poll(`channel=${channel}`, { 'Last-Event-ID': at });
    assert.deepEqual([...got, ...rest.events.map((e) => e.id)], sent);
  });

  test('the test broadcast, with --dev', async () => {
    const s = await hub.stream('channel=tb');
    await s.opening();
    const r = await hub.post('/v1/test-broadcast', { channel: 'tb', type: 'x', data: { a: 1 } });
    assert.equal(r.status, 200);
    assert.equal((await s.take(1))[0].data, '{"a":1}');
    s.close();
  });
});

describe('limits of publishing', () => {
  const withHub = async (config, f) => {
    const hub = await Hub.start({ config });
    try {
      await f(hub);
    } finally {
      await hub.stop();
    }
  };

  test('events a second: 429 RATE_LIMITED with Retry-After, per tenant, and it passes', () =>
    withHub({ limits: { publish_per_second: 20, publish_burst: 10 } }, async (hub) => {
      const r = await hub.post('/v1/publish', Array.from({ length: 10 }, () => ({ channel: 'c', data: 1 })));
      assert.equal(r.status, 200);
      const no = await hub.post('/v1/publish', Array.from({ length: 10 }, () => ({ channel: 'c', data: 1 })));
      assert.deepEqual([no.status, no.json.error], [429, 'RATE_LIMITED']);
      assert.match(no.headers['retry-after'], /^[1-9]\d*$/);
      assert.equal((await hub.post('/v1/publish', { tenant: 'other', channel: 'c', data: 1 })).status, 200);
      await until(async () => (await hub.post('/v1/publish', { channel: 'c', data: 1 })).status === 200, 'tokens come back');
    }));

  test('channels a tenant: 507 STORE_FULL', () =>
    withHub({ channels_max: 3 }, async (hub) => {
      for (const c of ['a', 'b', 'c']) await hub.publish({ channel: c, data: 1 });
      const r = await hub.post('/v1/publish', { channel: 'd', data: 1 });
      assert.deepEqual([r.status, r.json.error], [507, 'STORE_FULL']);
      assert.match(r.headers['retry-after'], /^[1-9]\d*$/);
      assert.equal((await hub.post('/v1/publish', { channel: 'a', data: 1 })).status, 200);
      assert.equal((await hub.post('/v1/publish', { tenant: 'other', channel: 'd', data: 1 })).status, 200);
    }));

  test('channels_open: false: 404 for what is not configured', () =>
    withHub({ channels_open: false, channels: [{ name: 'known' }, { name: 'pre.*' }] }, async (hub) => {
      assert.equal((await hub.post('/v1/publish', { channel: 'unknown', data: 1 })).status, 404);
      assert.equal((await hub.get('/v1/stream?channel=unknown')).status, 404);
      assert.equal((await hub.get('/v1/events?channel=known,unknown')).status, 404);
      assert.equal((await hub.post('/v1/publish', { channel: 'known', data: 1 })).status, 200);
      assert.equal((await hub.post('/v1/publish', { channel: 'pre.x', data: 1 })).status, 200);
    }));

  test('batch_events, event_bytes, body_bytes, poll_events, poll_wait', () =>
    withHub({ limits: { batch_events: 2, event_bytes: 100, body_bytes: 400, poll_events: 5, poll_wait: '1s' } }, async (hub) => {
      const ev = { channel: 'c', data: 1 };
      assert.equal((await hub.post('/v1/publish', [ev, ev])).status, 200);
      assert.equal((await hub.post('/v1/publish', [ev, ev, ev])).status, 413);
      assert.equal((await hub.post('/v1/publish', { channel: 'c', data: 'x'.repeat(100) })).status, 413);
      assert.equal((await hub.post('/v1/publish', ' '.repeat(401))).status, 413);
      assert.equal((await hub.get('/v1/events?channel=c&limit=6')).status, 400);
      assert.equal((await hub.get('/v1/events?channel=c&limit=5')).status, 200);
      assert.equal((await hub.get('/v1/events?channel=c&wait=2')).status, 400);
      assert.equal((await hub.get('/v1/events?channel=c')).status, 200);
    }));

  test('a source owns its channel: publishing there is 403', async () => {
    const hub = await Hub.start({ config: { channels: [{ name: 'rows', keyed: true }], sources: [{ name: 's', type: 'sqlite', database: 'none.db', query: 'select 1 id', key: 'id', channel: 'rows' }] } });
    try {
      const r = await hub.post('/v1/publish', { channel: 'rows', key: 'k', data: 1 });
      assert.deepEqual([r.status, r.json.error], [403, 'FORBIDDEN']);
    } finally {
      await hub.stop();
    }
  });

  test('history by count, bytes and age', async () => {
    const hub = await Hub.start({ config: { history: { events: 10 }, channels: [{ name: 'bytes', history: { events: 1000, bytes: '4KiB' } }, { name: 'age', history: { age: '300ms' } }] } });
    try {
      const kept = async (c) => (await hub.poll(`channel=${c}&since=earliest&limit=1000`)).events.length;
      for (const channel of ['count', 'bytes', 'age']) await hub.publish(Array.from({ length: 40 }, () => ({ channel, data: 'x'.repeat(500) })));
      assert.equal(await kept('count'), 10);
      const n = await kept('bytes');
      assert.ok(n > 0 && n < 8, `${n} of 500 bytes in 4 KiB`);
      await until(async () => (await kept('age')) === 0, 'they grow old');
    } finally {
      await hub.stop();
    }
  });
});
