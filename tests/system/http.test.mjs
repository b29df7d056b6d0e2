// HTTP as a client, a proxy or an attacker speaks it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Hub } from './lib/hub.mjs';
import { head, request, send } from './lib/http.mjs';

const ERRORS = {
  400: 'BAD_REQUEST', 404: 'NOT_FOUND', 405: 'METHOD_NOT_ALLOWED', 406: 'NOT_ACCEPTABLE', 408: 'TIMEOUT',
  411: 'LENGTH_REQUIRED', 413: 'TOO_LARGE', 414: 'URI_TOO_LONG', 415: 'UNSUPPORTED_MEDIA_TYPE',
  417: 'EXPECTATION_FAILED', 431: 'HEADERS_TOO_LARGE', 501: 'NOT_IMPLEMENTED', 505: 'VERSION_NOT_SUPPORTED',
};

function isProblem(answer, status) {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.headers['content-type'], 'application/problem+json');
  assert.equal(answer.json.error, ERRORS[status]);
  assert.equal(answer.json.status, status);
  assert.ok(answer.json.title && answer.json.detail, answer.text);
}

describe('http', () => {
  let hub;
  before(async () => {
    hub = await Hub.start({
      config: { origins: ['https://app.example'], limits: { head_time: '400ms', keep_alive: '700ms', body_bytes: 5000, target_bytes: 2000 } },
    });
  });
  after(() => hub.stop());

  const PUBLISH = JSON.stringify({ channel: 'c', data: { a: 1 } });
  const publish = (headers = {}, body = PUBLISH) =>
    head('POST', '/v1/publish', { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body), ...headers }) + body;

  // ---- statuses ----

  const refused = [
    ['no request line', 'nonsense\r\n\r\n', 400],
    ['two spaces in the request line', 'GET  /healthz HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['no Host', 'GET /healthz HTTP/1.1\r\n\r\n', 400],
    ['two Hosts', 'GET /healthz HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n', 400],
    ['a Host that is none', 'GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n', 400],
    ['both lengths', head('POST', '/v1/publish', { 'Content-Length': 1, 'Transfer-Encoding': 'chunked' }) + '0\r\n\r\n', 400],
    ['two equal lengths', 'POST /v1/publish HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}', 400],
    ['a list of lengths', head('POST', '/v1/publish', { 'Content-Length': '2, 2' }) + '{}', 400],
    ['a signed length', head('POST', '/v1/publish', { 'Content-Length': '+2' }) + '{}', 400],
    ['a hexadecimal length', head('POST', '/v1/publish', { 'Content-Length': '0x2' }) + '{}', 400],
    ['an empty length', head('POST', '/v1/publish', { 'Content-Length': '' }) + '{}', 400],
    ['a length beyond 64 bits', head('POST', '/v1/publish', { 'Content-Length': '99999999999999999999999' }), 400],
    ['obs-fold', 'GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n', 400],
    ['space before the colon', 'GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n', 400],
    ['a bare LF', 'GET /healthz HTTP/1.1\nHost: x\n\n', 400],
    ['a bare CR in a value', 'GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n', 400],
    ['a NUL in a value', 'GET /healthz HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n', 400],
    ['a field without a name', 'GET /healthz HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n', 400],
    ['a field without a colon', 'GET /healthz HTTP/1.1\r\nHost: x\r\nabc\r\n\r\n', 400],
    ['a chunk size with a sign', head('POST', '/v1/publish', { 'Transfer-Encoding': 'chunked' }) + '+2\r\n{}\r\n0\r\n\r\n', 400],
    ['a chunk that is longer than it says', head('POST', '/v1/publish', { 'Transfer-Encoding': 'chunked' }) + '2\r\n{}}\r\n0\r\n\r\n', 400],
    ['a chunk size beyond 64 bits', head('POST', '/v1/publish', { 'Transfer-Encoding': 'chunked' }) + 'fffffffffffffffff\r\n', 400],
    ['a chunk line with a bare LF', head('POST', '/v1/publish', { 'Transfer-Encoding': 'chunked' }) + '2\n{}\r\n0\r\n\r\n', 400],
    ['"*" with GET', head('GET', '*'), 400],
    ['chunked not last', head('POST', '/v1/publish', { 'Transfer-Encoding': 'chunked, gzip' }), [400, 501]],
    ['Transfer-Encoding in HTTP/1.0', head('POST', '/v1/publish', { 'Transfer-Encoding': 'chunked' }, '1.0') + '0\r\n\r\n', 400],
    ['an unknown transfer coding', head('POST', '/v1/publish', { 'Transfer-Encoding': 'gzip' }), 501],
    ['an unknown method', head('BREW', '/healthz'), 501],
    ['HTTP/2 by number', head('GET', '/healthz', {}, '2.0'), 505],
    ['HTTP/0.9 by number', head('GET', '/healthz', {}, '0.9'), 505],
    ['another expectation', head('POST', '/v1/publish', { 'Content-Length': 2, Expect: 'a-miracle' }), 417],
    ['a long target', head('GET', `/healthz?${'a'.repeat(2000)}`), 414],
    ['a long head', head('GET', '/healthz', { A: 'a'.repeat(17000) }), 431],
    ['many fields', head('GET', '/healthz', Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`A${i}`, i]))), 431],
    ['a long announced body', head('POST', '/v1/publish', { 'Content-Type': 'application/json', 'Content-Length': 5001 }), 413],
    ['a long chunked body', head('POST', '/v1/publish', { 'Transfer-Encoding': 'chunked' }) + `1389\r\n${' '.repeat(5001)}\r\n`, 413],
  ];
  for (const [what, bytes, status] of refused)
    test(`${what}: ${status}, and nothing behind it is read as a request`, async () => {
      const answers = await hub.send(bytes + head('GET', '/healthz'));
      assert.equal(answers.length, 1, JSON.stringify(answers.map((a) => a.status)));
      if (Array.isArray(status)) assert.ok(status.includes(answers[0].status));
      else isProblem(answers[0], status);
      assert.equal(answers[0].headers.connection, 'close');
    });

  test('a body without a length: 411', async () => {
    isProblem((await hub.send(head('POST', '/v1/publish', { 'Content-Type': 'application/json' }), { count: 1 }))[0], 411);
  });

  test('a head that does not come: 408 after limits.head_time', async () => {
    const answers = await hub.send('GET /healthz HTTP/1.1\r\nHost: x\r\n');
    isProblem(answers[0], 408);
  });

  test('a second head that does not come: 408 as well', async () => {
    const answers = await hub.send(head('GET', '/healthz') + 'GET /healthz HTTP/1.1\r\n');
    assert.equal(answers[0].status, 200);
    isProblem(answers[1], 408);
  });

  test('an idle connection is closed without a word after limits.keep_alive', async () => {
    const answers = await hub.send(head('GET', '/healthz'));
    assert.deepEqual(answers.map((a) => a.status), [200]);
  });

  test('an unknown path: 404; an unknown method of a path: 405 with Allow', async () => {
    isProblem(await hub.get('/nope'), 404);
    isProblem(await hub.get('/v1/stream/'), 404);
    for (const [path, allow] of [
      ['/v1/stream', 'GET, HEAD, OPTIONS'], ['/v1/events', 'GET, HEAD, OPTIONS'], ['/v1/publish', 'POST, OPTIONS'],
      ['/v1/stats', 'GET, HEAD, OPTIONS'], ['/v1/channels', 'GET, HEAD, OPTIONS'], ['/metrics', 'GET, HEAD, OPTIONS'],
      ['/healthz', 'GET, HEAD, OPTIONS'], ['/readyz', 'GET, HEAD, OPTIONS'], ['/v1/test-broadcast', 'POST, OPTIONS'],
    ]) {
      for (const method of ['PUT', 'DELETE', 'PATCH', allow.startsWith('POST') ? 'GET' : 'POST']) {
        const r = await request(hub.port, method, path);
        isProblem(r, 405);
        assert.equal(r.headers.allow, allow);
      }
    }
  });

  test('a stream for someone who takes no event stream: 406', async () => {
    isProblem(await hub.get('/v1/stream?channel=c', { Accept: 'application/json' }), 406);
    for (const Accept of ['text/event-stream', '*/*', 'text/*', 'text/html, text/event-stream;q=0.5', '*/*;q=0.1'])
      assert.equal((await request(hub.port, 'HEAD', '/v1/stream?channel=c', { Accept })).status, 200, Accept);
    isProblem(await hub.get('/v1/stream?channel=c', { Accept: 'text/event-stream;q=0, text/html' }), 406);
  });

  test('an unknown type of body: 415', async () => {
    isProblem(await hub.post('/v1/publish', 'x', { 'Content-Type': 'text/plain' }), 415);
    isProblem((await hub.send(head('POST', '/v1/publish', { 'Content-Length': 2 }) + '{}', { count: 1 }))[0], 415);
    for (const type of ['application/json; charset=utf-8', 'APPLICATION/JSON', 'application/x-ndjson'])
      assert.equal((await hub.post('/v1/publish', PUBLISH, { 'Content-Type': type })).status, 200, type);
  });

  // ---- how bytes arrive ----

  const masked = (answers) =>
    answers.map((a) => [a.status, a.lines.filter((l) => !/^(date|content-length):/i.test(l)), a.text.replace(/\d+-\d+-[0-9a-f]{8}/g, 'ID')]);

  const split = [
    ['a publish', publish(), 1],
    ['a chunked publish with extensions and a trailer', head('POST', '/v1/publish', { 'Content-Type': 'application/json', 'Transfer-Encoding': 'chunked' }) +
      `5;a=b\r\n${PUBLISH.slice(0, 5)}\r\n${(PUBLISH.length - 5).toString(16)};c="d"\r\n${PUBLISH.slice(5)}\r\n0\r\nX: y\r\n\r\n`, 1],
    ['three pipelined requests', head('GET', '/healthz') + publish() + head('GET', '/nope'), 3],
    ['a malformed body', publish({}, '{"channel":"c","data":}'), 1],
    ['a framing error after a request', head('GET', '/healthz') + 'GET / HTTP/1.1\r\nHost : x\r\n\r\n', 2],
  ];
  for (const [what, bytes, count] of split)
    test(`${what}: the same answer wherever it is split`, async () => {
      const whole = masked(await hub.send(bytes, { count }));
      assert.equal(whole.length, count);
      const tries = [];
      for (let at = 1; at < bytes.length; at++) tries.push([bytes.slice(0, at), bytes.slice(at)]);
      tries.push([...bytes]);
      for (let i = 0; i < tries.length; i += 16)
        for (const got of await Promise.all(tries.slice(i, i + 16).map((t) => hub.send(t, { count }))))
          assert.deepEqual(masked(got), whole);
    });

  test('a chunked body in any chunking is the same body', async () => {
    const text = JSON.stringify({ channel: 'chunking', data: 'ä€😀'.repeat(40) });
    const body = Buffer.from(text);
    for (const size of [1, 2, 3, 7, 64, body.length]) {
      const parts = [Buffer.from(head('POST', '/v1/publish', { 'Content-Type': 'application/json', 'Transfer-Encoding': 'chunked' }))];
      for (let at = 0; at < body.length; at += size) {
        const piece = body.subarray(at, at + size);
        parts.push(Buffer.from(`${piece.length.toString(16).toUpperCase()}\r\n`), piece, Buffer.from('\r\n'));
      }
      parts.push(Buffer.from('0\r\n\r\n'));
      const [a] = await hub.send(Buffer.concat(parts), { count: 1 });
      assert.equal(a.status, 200, a.text);
    }
    const { events } = await hub.poll('channel=chunking&since=earliest');
    assert.equal(events.length, 6);
    for (const e of events) assert.equal(e.data, 'ä€😀'.repeat(40));
  });

  test('pipelined requests are answered in order, also those whose answers take a way', async () => {
    const paths = ['/healthz', '/v1/stats', '/nope', '/readyz', '/v1/channels', '/v1/events?channel=c', '/healthz', '/metrics'];
    const bytes = paths.map((p) => head('GET', p)).join('').repeat(5) + publish();
    const answers = await hub.send(bytes, { count: 41 });
    assert.deepEqual(answers.map((a) => a.status), [...Array(5).fill([200, 200, 404, 200, 200, 200, 200, 200]).flat(), 200]);
    assert.equal(answers[4].json.channels !== undefined, true);
    assert.ok('cursor' in answers[5].json);
  });

  test('a client that has said all and closes its side is still answered', async () => {
    for (const path of ['/healthz', '/readyz', '/v1/stats', '/v1/events?channel=c'])
      assert.equal((await hub.send(head('GET', path), { half: true }))[0]?.status, 200, path);
    assert.equal((await hub.send(publish(), { half: true }))[0]?.status, 200);
    // also when it said several things at once, the last of them wrong or cut short
    for (const [last, more] of [['', []], ['nonsense\r\n\r\n', [400]], ['GET /heal', []]]) {
      const answers = await hub.send(publish() + head('GET', '/v1/channels') + publish() + last, { half: true });
      assert.deepEqual(answers.map((a) => a.status), [200, 200, 200, ...more], last);
    }
  });

  test('keep-alive by version and Connection', async () => {
    const closes = async (bytes, closing) => {
      const [a] = await hub.send(bytes, { count: 1 });
      return [a.status, a.headers.connection];
    };
    assert.deepEqual(await closes(head('GET', '/healthz')), [200, undefined]);
    assert.deepEqual(await closes(head('GET', '/healthz', { Connection: 'close' })), [200, 'close']);
    assert.deepEqual(await closes(head('GET', '/healthz', { Connection: 'x, Close' })), [200, 'close']);
    assert.deepEqual(await closes(head('GET', '/healthz', { Connection: 'keep-alive' }, '1.0')), [200, 'keep-alive']);
    assert.equal((await closes(head('GET', '/healthz', {}, '1.0')))[1], 'close');
    assert.equal((await hub.send(head('GET', '/healthz', {}, '1.0') + head('GET', '/healthz'))).length, 1);
    assert.equal((await hub.send(head('GET', '/healthz', { Connection: 'keep-alive' }, '1.0') + head('GET', '/healthz', { Connection: 'close' }))).length, 2);
  });

  test('HTTP/1.0 without Host, and in absolute form, is served', async () => {
    assert.equal((await hub.send('GET /healthz HTTP/1.0\r\n\r\n'))[0].status, 200);
    assert.equal((await hub.send(head('GET', 'http://hub:1/healthz'), { count: 1 }))[0].status, 200);
    assert.equal((await hub.send(head('GET', '/healthz', {}, '1.9'), { count: 1 }))[0].status, 200);
  });

  test('HEAD is GET without its body', async () => {
    for (const path of ['/healthz', '/readyz', '/v1/events?channel=c', '/v1/channels', '/nope']) {
      const g = await hub.get(path);
      const answers = await hub.send(head('HEAD', path) + head('GET', '/healthz'), { count: 2, methods: ['HEAD', 'GET'] });
      const strip = (a) => a.lines.filter((l) => !/^date:/i.test(l));
      assert.deepEqual([answers[0].status, strip(answers[0])], [g.status, strip(g)], path);
      assert.equal(answers[1].json.status, 'ok');
    }
    const s = (await hub.send(head('HEAD', '/v1/stream?channel=c'), { count: 1, methods: ['HEAD'] }))[0];
    assert.deepEqual([s.status, s.headers['content-type']], [200, 'text/event-stream']);
  });

  test('Expect: 100-continue is answered before the body, and not when the body is there or unwanted', async () => {
    const h = head('POST', '/v1/publish', { 'Content-Type': 'application/json', 'Content-Length': PUBLISH.length, Expect: '100-continue' });
    assert.deepEqual((await hub.send([h, PUBLISH], { count: 1 })).map((a) => a.status).at(-1), 200);
    const waiting = await import('./lib/http.mjs').then((m) => m.connect(hub.port));
    const got = new Promise((done) => waiting.once('data', (d) => done(d.toString())));
    waiting.write(h);
    assert.equal(await got, 'HTTP/1.1 100 Continue\r\n\r\n');
    const rest = new Promise((done) => waiting.once('data', (d) => done(d.toString())));
    waiting.write(PUBLISH);
    assert.match(await rest, /^HTTP\/1\.1 200 /);
    waiting.destroy();
    assert.deepEqual((await hub.send(h + PUBLISH, { count: 1 })).map((a) => a.status), [200]);
    const big = await hub.send(head('POST', '/v1/publish', { 'Content-Length': 6000, Expect: '100-continue' }));
    assert.deepEqual(big.map((a) => a.status), [413]);
  });

  // ---- OPTIONS and CORS ----

  test('OPTIONS names the methods; of the whole hub too', async () => {
    const r = await request(hub.port, 'OPTIONS', '/v1/publish');
    assert.deepEqual([r.status, r.headers.allow], [204, 'POST, OPTIONS']);
    assert.equal((await request(hub.port, 'OPTIONS', '*')).status, 204);
    assert.equal((await request(hub.port, 'OPTIONS', '/nope')).status, 404);
  });

  test('a preflight from a listed origin is granted, from another not', async () => {
    const ask = { 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'authorization,content-type' };
    const yes = await request(hub.port, 'OPTIONS', '/v1/publish', { Origin: 'https://app.example', ...ask });
    assert.equal(yes.status, 204);
    assert.equal(yes.headers['access-control-allow-origin'], 'https://app.example');
    assert.match(yes.headers['access-control-allow-methods'], /POST/);
    for (const h of ['Authorization', 'Last-Event-ID', 'Content-Type', 'Idempotency-Key'])
      assert.ok(yes.headers['access-control-allow-headers'].includes(h), h);
    assert.match(yes.headers.vary, /Origin/);
    for (const Origin of ['https://evil.example', 'http://app.example', 'https://app.example.evil', 'null', 'https://app.example:444']) {
      const no = await request(hub.port, 'OPTIONS', '/v1/publish', { Origin, ...ask });
      assert.equal(no.headers['access-control-allow-origin'], undefined, Origin);
      assert.match(no.headers.vary, /Origin/);
    }
  });

  test('every answer varies by origin and lets a listed one read it', async () => {
    for (const path of ['/healthz', '/nope', '/v1/events?channel=c', '/v1/stats']) {
      const r = await hub.get(path, { Origin: 'https://app.example' });
      assert.equal(r.headers['access-control-allow-origin'], 'https://app.example', path);
      assert.match(r.headers['access-control-expose-headers'], /Retry-After/);
      assert.match((await hub.get(path)).headers.vary, /Origin/);
    }
    const s = await hub.stream('channel=c', { headers: { Origin: 'https://app.example' } });
    assert.equal(s.headers['access-control-allow-origin'], 'https://app.example');
    s.close();
  });
});

describe('hosts', () => {
  test('a hub with `hosts` answers to no other name', async () => {
    const hub = await Hub.start({ config: { hosts: ['app.example'] } });
    try {
      assert.equal((await hub.get('/healthz', { Host: 'app.example:4000' })).status, 200);
      assert.equal((await hub.get('/healthz', { Host: 'APP.example' })).status, 200);
      assert.equal((await hub.get('/healthz', { Host: 'evil.example' })).status, 403);
    } finally {
      await hub.stop();
    }
  });
});

describe('without --dev', () => {
  test('every /v1 endpoint and /metrics answers 401 to a request without a token', async () => {
    const hub = await Hub.start({
      dev: false,
      config: { routes: [{ path: '/app/stream', kind: 'stream', channels: ['c'] }, { path: '/app/stats', kind: 'stats' }], test_broadcast: true },
    });
    try {
      for (const [method, path] of [
        ['GET', '/v1/stream?channel=c'], ['HEAD', '/v1/stream?channel=c'], ['GET', '/v1/events?channel=c'], ['POST', '/v1/publish'],
        ['GET', '/v1/stats'], ['GET', '/v1/channels'], ['GET', '/metrics'], ['POST', '/v1/test-broadcast'],
        ['GET', '/app/stream'], ['GET', '/app/stats'], ['GET', '/v1/stream'], ['POST', '/v1/test-broadcast'],
      ])
        for (const headers of [{}, { Authorization: 'Bearer x' }, { Authorization: 'Basic eDp5' }]) {
          const r = await request(hub.port, method, path, headers);
          assert.equal(r.status, 401, `${method} ${path}`);
          assert.match(r.headers['www-authenticate'], /^Bearer/);
          if (method !== 'HEAD') assert.equal(r.json.error, 'UNAUTHORIZED');
        }
      assert.equal((await hub.get('/healthz')).status, 200);
      assert.equal((await hub.get('/readyz')).status, 200);
      assert.equal((await request(hub.port, 'OPTIONS', '/v1/stream')).status, 204);
    } finally {
      await hub.stop();
    }
  });

  test('the test broadcast is not there unless asked for', async () => {
    const hub = await Hub.start({ dev: false });
    try {
      assert.equal((await hub.post('/v1/test-broadcast', {})).status, 404);
    } finally {
      await hub.stop();
    }
  });
});
