// What the hub says about itself: statistics, channels, metrics, health, log lines; and its files.
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { gzipSync, gunzipSync, brotliCompressSync, brotliDecompressSync } from 'node:zlib';
import { after, before, describe, test } from 'node:test';
import { Hub } from './lib/hub.mjs';
import { head, request } from './lib/http.mjs';
import { until } from './lib/wait.mjs';
import { run } from './run.mjs';

describe('what the hub says about itself', () => {
  let hub;
  before(async () => (hub = await Hub.start({ config: { metrics_listen: '127.0.0.1:0' } })));
  after(() => hub.stop());

  test('statistics: connections by tenant, company, channel and transport, events, memory', async () => {
    const streams = [await hub.stream('tenant=s1&channel=a,b'), await hub.stream('tenant=s1&channel=a'), await hub.stream('tenant=s2&channel=a')];
    for (const s of streams) await s.opening();
    await hub.publish([{ tenant: 's1', channel: 'a', type: 'x', data: 1 }, { tenant: 's1', channel: 'a', type: 'y', data: 1 }]);
    for (const s of streams.slice(0, 2)) await s.take(2);
    await hub.post('/v1/publish', { tenant: 's1', channel: '/', data: 1 });
    const s = await hub.stats();
    assert.equal(s.totalConnections, 3);
    assert.deepEqual([s.connectionsByTenant, s.connectionsByCompany], [{ s1: 2, s2: 1 }, { s1: 2, s2: 1 }]);
    assert.deepEqual(s.connectionsByChannel, { a: 3, b: 1 });
    assert.deepEqual(s.connectionsByTransport, { sse: 3, polling: 0 });
    assert.deepEqual([s.eventsByType, s.eventsOfOtherTypes], [{ x: 1, y: 1 }, 0]);
    assert.deepEqual([s.historySize, s.eventsPublished, s.eventsDelivered], [2, 2, 4]);
    for (const name of ['eventsRefused', 'eventsFailed', 'publishRate', 'deliveryRate', 'latencyP50Ms', 'latencyP99Ms', 'laggingConnections', 'reconnectRate', 'bytesPerConnection', 'memoryBytes', 'uptimeSeconds'])
      assert.equal(typeof s[name], 'number', name);
    assert.ok(s.memoryBytes > 1e6 && s.uptimeSeconds > 0);
    assert.deepEqual((await hub.stats('?tenant=s2')).connectionsByChannel, { a: 1 });
    assert.equal((await hub.get('/v1/stats?tenant=a.b')).status, 400);
    const again = await hub.stream('tenant=s1&channel=a', { headers: { 'Last-Event-ID': streams[0].lastId } });
    assert.equal((await hub.stats()).reconnects, 1);
    for (const x of [...streams, again]) x.close();
  });

  test('channels of a tenant: subscribers, head, oldest, events, bytes', async () => {
    const ids = await hub.publish(Array.from({ length: 120 }, (_, i) => ({ tenant: 'ch', channel: 'x', data: i })));
    const s = await hub.stream('tenant=ch&channel=x,y');
    await s.opening();
    const { channels } = (await hub.get('/v1/channels?tenant=ch')).json;
    const x = channels.find((c) => c.channel === 'x');
    assert.deepEqual([x.subscribers, x.head, x.oldest, x.events], [1, ids.at(-1), ids[20], 100]);
    assert.ok(x.bytes > 100);
    assert.deepEqual((await hub.get('/v1/channels?tenant=nobody')).json, { channels: [] });
    assert.equal((await hub.get('/v1/channels?tenant=a.b')).status, 400);
    s.close();
  });

  test('metrics: every line parses, each metric has HELP and TYPE before its samples, histograms add up', async () => {
    const r = await hub.get('/metrics');
    assert.equal(r.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
    assert.ok(r.text.endsWith('\n'));
    const types = {}, helps = {}, samples = new Set();
    const buckets = [];
    for (const line of r.text.trimEnd().split('\n')) {
      let m;
      if ((m = line.match(/^# HELP ([a-z_]+) (\S.*)$/))) helps[m[1]] = m[2];
      else if ((m = line.match(/^# TYPE ([a-z_]+) (counter|gauge|histogram)$/))) {
        assert.ok(!(m[1] in types), `${m[1]} twice`);
        types[m[1]] = m[2];
      } else if ((m = line.match(/^([a-z_]+)(\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*\})? (-?[0-9.e+-]+|\+Inf|NaN)$/))) {
        const base = m[1] in types ? m[1] : m[1].replace(/_(bucket|sum|count)$/, '');
        assert.ok(types[base] && helps[base], `${m[1]} has TYPE and HELP`);
        assert.ok(!samples.has(m[1] + m[2]), `${m[1]} once`);
        samples.add(m[1] + m[2]);
        if (types[base] === 'counter') assert.match(m[1], /_total$/);
        if (m[1].endsWith('_bucket')) buckets.push(Number(m[3]));
      } else assert.fail(`no line of the text format: ${line}`);
    }
    assert.ok(Object.keys(types).length > 25);
    assert.equal(types.freshet_connections, 'gauge');
    assert.ok(samples.has('freshet_events_by_type_total{type="x"}'));
    assert.deepEqual(buckets, [...buckets].sort((a, b) => a - b));
  });

  test('health and readiness', async () => {
    assert.deepEqual((await hub.get('/healthz')).json, { status: 'ok' });
    const r = await hub.get('/readyz');
    assert.deepEqual([r.status, r.json.ready, r.json.draining, r.json.store.ok], [200, true, false, true]);
  });

  test('log lines of streams, publishes, resumes and refusals', async () => {
    const s = await hub.stream('tenant=logged&channel=a,b');
    const { connection, id } = await s.opening();
    await hub.logged(new RegExp(`info stream opened connection=${connection} tenant=logged channels=`));
    s.close();
    await hub.logged(new RegExp(`info stream closed connection=${connection} tenant=logged reason=\\S+ duration_ms=\\d+`));
    await hub.publish({ tenant: 'logged', channel: 'a', data: 'a secret payload' });
    await hub.logged(/debug published tenant=logged events=1/);
    const t = await hub.stream('tenant=logged&channel=a', { headers: { 'Last-Event-ID': id } });
    await hub.logged(/debug resume connection=\S+ tenant=logged verdict=resumed/);
    await hub.get('/v1/stream?channel=%2F');
    await hub.logged(/info refused error=BAD_REQUEST path=\/v1\/stream/);
    assert.ok(!hub.log.includes('secret'));
    t.close();
  });
});

describe('log', () => {
  test('json: every line is an object with time, level and event', async () => {
    const hub = await Hub.start({ config: { log: { level: 'debug', format: 'json' } } });
    try {
      const s = await hub.stream('tenant=j&channel=a');
      await hub.publish({ tenant: 'j', channel: 'a', data: 1 });
      s.close();
      await hub.logged(/stream closed/);
      const lines = hub.log.trim().split('\n').filter((l) => l.startsWith('{')).map((l) => JSON.parse(l));
      assert.ok(lines.length >= 3);
      for (const l of lines) assert.ok(l.time && l.level && l.event, JSON.stringify(l));
      assert.equal(lines.find((l) => l.event === 'stream opened').tenant, 'j');
    } finally {
      await hub.stop();
    }
  });

  for (const [env, level] of [[{}, 'info'], [{ LOG_LEVEL: 'debug' }, 'debug'], [{ DEBUG: 'sse:*' }, 'debug']])
    test(`${JSON.stringify(env)}: level ${level}`, async () => {
      const hub = await Hub.start({ config: { log: undefined }, env });
      try {
        await hub.publish({ channel: 'a', data: 1 });
        const s = await hub.stream('channel=a');
        await hub.logged(/info stream opened/);
        assert.equal(/debug published/.test(hub.log), level === 'debug');
        s.close();
      } finally {
        await hub.stop();
      }
    });

  test('a hostile path can not forge a log line', async () => {
    const hub = await Hub.start();
    try {
      await hub.get('/v1/stream?channel=a%0Ainfo%20forged');
      await hub.logged(/refused/);
      assert.ok(!/^info forged/m.test(hub.log));
    } finally {
      await hub.stop();
    }
  });
});

describe('the console', () => {
  let hub;
  const files = { 'page/index.html': '<!doctype html>page', 'page/index.html.gz': gzipSync('<!doctype html>page'), 'page/assets/a.js': 'a', 'secret.txt': 'secret' };
  before(async () => {
    hub = await Hub.start({ files, config: { console: 'page', auth: { keys: [{ name: 'main', algorithm: 'HS256', secret: 'a secret that is long enough to be taken here' }] } }, dev: false });
  });
  after(() => hub.stop());

  test('every page of it is its index.html, and needs no token', async () => {
    for (const path of ['/console', '/console/', '/console/channels', '/console/channels/a:b', '/console?x=1']) {
      const r = await hub.get(path);
      assert.deepEqual([r.status, r.text], [200, '<!doctype html>page'], path);
      assert.match(r.headers['content-type'], /^text\/html/);
      const csp = r.headers['content-security-policy'];
      assert.match(csp, /default-src 'self'/);
      assert.doesNotMatch(csp, /unsafe/);
    }
    assert.equal((await hub.get('/console', { 'Accept-Encoding': 'gzip' })).headers['content-encoding'], 'gzip');
  });

  test('files are files, and nothing beside the folder is one', async () => {
    assert.deepEqual((await hub.get('/console/assets/a.js')).text, 'a');
    for (const path of ['/console/nope.js', '/consolex', '/console/../secret.txt', '/console/%2e%2e/secret.txt', '/console/..%2fsecret.txt'])
      assert.ok((await hub.get(path)).status >= 400, path);
    assert.equal((await request(hub.port, 'POST', '/console')).status, 405);
  });

  test('none: no console; a folder without one cannot be read', async () => {
    const off = await Hub.start({ config: { console: 'none' } });
    assert.equal((await off.get('/console')).status, 404);
    await off.stop();
  });
});

describe('files', () => {
  let hub;
  const big = 'body{}'.repeat(100000);
  before(async () => {
    hub = await Hub.start({
      files: {
        'www/index.html': '<!doctype html>', 'www/a.js': 'a', 'www/a.css': 'b', 'www/sub/index.html': 'sub', 'www/x.json': '{}', 'www/x.svg': '<svg/>', 'www/x.bin': 'x',
        'www/.secret': 'secret', 'www/sub/.git/config': 'secret', 'outside.txt': 'outside', 'www/two words.txt': 'w', 'www/big.css': big, 'www/empty.txt': '',
        'www/big.css.gz': gzipSync(big), 'www/big.css.br': brotliCompressSync(big), 'www/only.js': 'plain', 'www/only.js.gz': gzipSync('plain'),
      },
      config: { static: 'www' },
    });
  });
  after(() => hub.stop());

  test('types, index, lengths', async () => {
    for (const [path, type, body] of [
      ['/', /^text\/html/, '<!doctype html>'], ['/index.html', /^text\/html/, '<!doctype html>'], ['/sub/', /^text\/html/, 'sub'], ['/a.js', /^text\/javascript/, 'a'], ['/a.css', /^text\/css/, 'b'],
      ['/x.json', /^application\/json$/, '{}'], ['/x.svg', /^image\/svg\+xml$/, '<svg/>'], ['/x.bin', /^application\/octet-stream$/, 'x'], ['/two%20words.txt', /^text\/plain/, 'w'], ['/a.js?v=1', /javascript/, 'a'], ['/empty.txt', /^text\/plain/, ''],
    ]) {
      const r = await hub.get(path);
      assert.deepEqual([r.status, r.text], [200, body], path);
      assert.match(r.headers['content-type'], type);
      assert.equal(r.headers['x-content-type-options'], 'nosniff');
      const h = await request(hub.port, 'HEAD', path);
      assert.deepEqual([h.status, h.headers['content-length']], [200, String(body.length)]);
    }
    for (const path of ['/nope', '/sub/nope.html', '/nope/']) assert.equal((await hub.get(path)).status, 404, path);
    assert.equal((await request(hub.port, 'POST', '/a.js')).status, 405);
  });

  test('ETag and 304; a changed file has another', async () => {
    const r = await hub.get('/a.js');
    assert.match(r.headers.etag, /^"[^"]+"$/);
    for (const tag of [r.headers.etag, '*', `"other", ${r.headers.etag}`, `W/${r.headers.etag}`]) {
      const n = await hub.get('/a.js', { 'If-None-Match': tag });
      assert.deepEqual([n.status, n.headers.etag, n.headers['content-length']], [304, r.headers.etag, undefined], tag);
    }
    assert.equal((await hub.get('/a.js', { 'If-None-Match': '"other"' })).status, 200);
    writeFileSync(hub.path('www/a.js'), 'changed');
    const c = await hub.get('/a.js', { 'If-None-Match': r.headers.etag });
    assert.deepEqual([c.status, c.text], [200, 'changed']);
    writeFileSync(hub.path('www/a.js'), 'a');
  });

  test('ready-compressed variants, by what the client takes', async () => {
    const get = async (accept, path = '/big.css') => {
      const r = await hub.get(path, accept ? { 'Accept-Encoding': accept } : {});
      assert.equal(r.status, 200);
      assert.match(r.headers.vary, /Accept-Encoding/);
      return r;
    };
    const plain = await get();
    assert.deepEqual([plain.headers['content-encoding'], plain.text], [undefined, big]);
    const gz = await get('gzip');
    assert.deepEqual([gz.headers['content-encoding'], gunzipSync(gz.body).toString()], ['gzip', big]);
    const br = await get('gzip, deflate, br');
    assert.deepEqual([br.headers['content-encoding'], brotliDecompressSync(br.body).toString()], ['br', big]);
    assert.match(br.headers['content-type'], /^text\/css/);
    assert.equal(new Set([plain, gz, br].map((r) => r.headers.etag)).size, 3);
    assert.equal((await get('br;q=0, gzip;q=0.5')).headers['content-encoding'], 'gzip');
    assert.equal((await get('br;q=0.0, gzip;q=0')).headers['content-encoding'], undefined);
    assert.equal((await get('identity')).headers['content-encoding'], undefined);
    assert.equal((await get('br', '/only.js')).text, 'plain');
    assert.equal((await get('*', '/only.js')).status, 200);
  });

  test('nothing outside of the folder and nothing hidden', async () => {
    for (const path of [
      '/../outside.txt', '/%2e%2e/outside.txt', '/..%2foutside.txt', '/sub/../../outside.txt', '/sub/..%2f..%2foutside.txt', '/%2e%2e%2foutside.txt', '/..\\outside.txt', '/%5c..%5coutside.txt', '//outside.txt', '/./index.html',
      '/.secret', '/sub/.git/config', '/%2esecret', '/a.js%00.html', '/index.html/', '/hub.yaml', '/..%c0%afoutside.txt', '/%252e%252e/outside.txt', '/sub/%2e/index.html',
    ]) {
      const [r] = await hub.send(head('GET', path), { count: 1 });
      assert.ok([400, 404].includes(r.status), `${path}: ${r.status}`);
      assert.ok(!r.text.includes('outside') && !r.text.includes('secret'));
    }
  });
});

describe('metrics_listen', () => {
  test('serves /metrics and health without a token, and nothing else', async () => {
    // a free port, found by asking for one and giving it back
    const { createServer } = await import('node:net');
    const port = await new Promise((done) => {
      const s = createServer().listen(0, '127.0.0.1', () => {
        const p = s.address().port;
        s.close(() => done(p));
      });
    });
    const hub = await Hub.start({ dev: false, config: { metrics_listen: `127.0.0.1:${port}` } });
    try {
      assert.equal((await request(port, 'GET', '/metrics')).status, 200);
      assert.equal((await request(port, 'GET', '/healthz')).status, 200);
      assert.equal((await request(port, 'GET', '/readyz')).status, 200);
      for (const path of ['/v1/stats', '/v1/stream?channel=c', '/v1/channels']) assert.equal((await request(port, 'GET', path)).status, 404, path);
      assert.equal((await hub.get('/metrics')).status, 401);
    } finally {
      await hub.stop();
    }
  });
});
