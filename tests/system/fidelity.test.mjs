// Whatever is published comes out of two independent parsers as exactly one event with the same
// fields, up to line ends.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createParser } from 'eventsource-parser';
import { EventSource } from 'eventsource';
import { Hub } from './lib/hub.mjs';

// A small generator of its own, so that a failure comes again.
function dice(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const PIECES = ['\r', '\n', '\r\n', '\n\n', '\r\r', '', ' ', '  ', ':', 'data:', 'data: ', 'id: 1', 'event: x', 'retry: 1', ': comment', '\ufeff', '\u2028', '\u2029', '\u0085', '\t', '\v', '\f',
  '\x01', '\x7f', 'ä', '€', '😀', '\u200b', '\ud7ff', '\ue000', '\uffff', '\u{10ffff}', '"', '\\', '/', '{', '}', 'null', '0', 'x'.repeat(1000), '\\n', '\\u000a', '</script>', '&', '%0A', 'e\u0301'];

function text(roll) {
  let s = '';
  for (let n = Math.floor(roll() * 8); n > 0; n--) s += PIECES[Math.floor(roll() * PIECES.length)];
  return s;
}

function json(roll, depth = 0) {
  const kind = Math.floor(roll() * (depth > 3 ? 5 : 7));
  switch (kind) {
    case 0: return JSON.stringify(text(roll));
    case 1: return ['0.1', '1.10', '1e2', '9007199254740993', '-0', '0', '123456789012345678901234567890', '1E-7', '0.30000000000000004', '1e400'][Math.floor(roll() * 10)];
    case 2: return 'null';
    case 3: return roll() < 0.5 ? 'true' : 'false';
    case 4: return JSON.stringify(text(roll));
    case 5: return `[${Array.from({ length: Math.floor(roll() * 4) }, () => json(roll, depth + 1))}]`;
    default: return `{${Array.from({ length: Math.floor(roll() * 4) }, (_, i) => `${JSON.stringify(text(roll) + i)}:${json(roll, depth + 1)}`)}}`;
  }
}

const name = (roll, n) => [...text(roll)].filter((c) => !/[\0-\x1f\x7f-\x9f\u2028\u2029]/.test(c)).join('').slice(0, 40).replace(/^(open|error|freshet\.)/, 'x$1') || `n${n}`;
const lines = (s) => s.replace(/\r\n|\r/g, '\n');

describe('fidelity', () => {
  let hub, cases, ids;
  before(async () => {
    hub = await Hub.start({ config: { history: { events: 1000, bytes: '64MiB' } } });
    const roll = dice(20260720);
    cases = PIECES.map((p) => JSON.stringify(p)).concat(PIECES.map((p) => JSON.stringify(`${p}${p}`)), Array.from({ length: 320 }, () => json(roll)))
      .map((data, i) => ({ data, type: name(roll, i), key: i % 3 ? name(roll, `k${i}`) : undefined }));
    const body = cases.map((c) => `{"channel":"f","type":${JSON.stringify(c.type)}${c.key ? `,"key":${JSON.stringify(c.key)}` : ''},"data":${c.data}}`);
    ids = await hub.publish(`[${body}]`);
  });
  after(() => hub.stop());

  // What must come out of the named envelope: a string as its text, else its own bytes.
  const wanted = (c) => (c.data.startsWith('"') ? lines(JSON.parse(c.data)) : c.data);

  async function parse(query) {
    const events = [];
    const parser = createParser({ onEvent: (e) => events.push(e), onError: (e) => assert.fail(`${e}`) });
    const s = await hub.stream(`channel=f&since=earliest&heartbeat=none${query}`);
    await s.until(() => s.events.length === cases.length + 1, 'all events');
    // in pieces, as a network may give them
    const wire = s.chunks.join('');
    for (let at = 0; at < wire.length; at += 997) parser.feed(wire.slice(at, at + 997));
    s.close();
    assert.equal(events.length, cases.length + 1);
    return events.slice(1);
  }

  test('eventsource-parser, named: one event each, same id, type and data', async () => {
    for (const [i, e] of (await parse('')).entries()) {
      assert.equal(e.id, ids[i]);
      assert.equal(e.event ?? 'message', cases[i].type);
      assert.equal(e.data, wanted(cases[i]));
    }
  });

  for (const envelope of ['full', 'typed', 'flat', 'update'])
    test(`eventsource-parser, ${envelope}: the publisher's own digits and characters`, async () => {
      for (const [i, e] of (await parse(`&envelope=${envelope}`)).entries()) {
        assert.equal(e.id, ids[i]);
        assert.equal(e.event, undefined);
        const got = JSON.parse(e.data);
        const want = JSON.parse(cases[i].data);
        if (envelope === 'full') assert.deepEqual([got.id, got.type, got.key, got.data], [ids[i], cases[i].type, cases[i].key, want]);
        if (envelope === 'typed') assert.deepEqual(got, { type: cases[i].type, data: want });
        // a change of nothing, as of a row that was removed, has no `changes`
        if (envelope === 'update') assert.deepEqual(got.changes[0].changes ?? null, want);
        if (envelope === 'flat') {
          const object = cases[i].data.startsWith('{');
          assert.deepEqual(got, object ? { ...want, type: cases[i].type } : { type: cases[i].type, data: want });
        }
        if (envelope !== 'flat' && !(envelope === 'update' && want === null)) assert.ok(e.data.includes(cases[i].data), `${e.data} holds ${cases[i].data}`);
      }
    });

  test('eventsource: the same, over the network', async () => {
    const source = new EventSource(`${hub.url}/v1/stream?channel=f&since=earliest`);
    const got = [];
    try {
      await new Promise((done, fail) => {
        source.onerror = (e) => fail(new Error(`error event: ${e.message}`));
        for (const type of new Set(cases.map((c) => c.type)))
          source.addEventListener(type, (e) => {
            got.push(e);
            if (got.length === cases.length) done();
          });
      });
    } finally {
      source.close();
    }
    for (const [i, e] of got.entries()) {
      assert.equal(e.lastEventId, ids[i]);
      assert.equal(e.type, cases[i].type);
      assert.equal(e.data, wanted(cases[i]));
    }
  });

  test('polling gives the same bytes', async () => {
    const r = await hub.get('/v1/events?channel=f&since=earliest&limit=1000');
    assert.equal(r.json.events.length, cases.length);
    for (const [i, e] of r.json.events.entries()) assert.deepEqual([e.id, e.data], [ids[i], JSON.parse(cases[i].data)]);
    for (const c of cases) assert.ok(r.text.includes(`"data":${c.data}`), c.data);
  });

  test('numbers digit for digit', async () => {
    const s = await hub.stream('channel=digits');
    await s.opening();
    for (const number of ['0.1', '1.10', '1e2', '9007199254740993', '-0', '1E400', '0.000000000000000000000000001']) {
      await hub.publish(`{"channel":"digits","data":${number}}`);
      assert.equal((await s.take(1))[0].data, number);
    }
    s.close();
  });
});
