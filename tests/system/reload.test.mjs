// SIGHUP: another configuration while the hub runs, with nothing lost and no stream closed.
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import test, { describe } from 'node:test';
import { check, NOTHING_WRONG } from './lib/checker.mjs';
import { Hub } from './lib/hub.mjs';
import { sqlite } from './lib/sqlite.mjs';
import { bearer, hash, SECRET } from './lib/token.mjs';
import { until } from './lib/wait.mjs';

const DONE = /info config reloaded file=|"event":"config reloaded","file"/g, FAILED = /error config reload failed/g;
const KEY = (n) => `fpk_${n}123456789012345678901234567890123456789012`;
const key = (n) => ({ Authorization: `Bearer ${KEY(n)}` });
const publisher = (n) => ({ name: `p${n}`, secret_hash: hash(KEY(n)), tenant: 'acme', channels: ['*'] });
const sign = (secret, claims = {}) => bearer({ tenant: 'acme', sub: 'ann', subscribe: ['*'], publish: ['*'], ...claims }, { secret });
const OTHER = 'another secret of the tests, long enough to be taken';
const keys = (...secrets) => secrets.map((secret, i) => ({ name: `k${secret.length}${i}`, algorithm: 'HS256', secret }));
const count = (hub, pattern) => (hub.log.match(pattern) ?? []).length;

// Writes the configuration, or a text, and waits until the hub has taken or refused it. True: taken.
async function reload(hub, config) {
  const before = [count(hub, DONE), count(hub, FAILED)];
  writeFileSync(hub.path('hub.yaml'), typeof config === 'string' ? config : JSON.stringify({ log: { level: 'debug' }, ...config }, null, 1));
  hub.process.child.kill('SIGHUP');
  await until(() => count(hub, DONE) > before[0] || count(hub, FAILED) > before[1], 'the hub reloads', 20000);
  return count(hub, DONE) > before[0];
}

describe('reload', () => {
  test('under load: 50 streams and a publisher through 20 reloads, good, bad and changed', { timeout: 240000 }, async () => {
    const plain = {
      auth: { keys: keys(SECRET) }, publishers: [publisher(1), publisher(2)], loops: 2, limits: { publish_per_second: 0 },
      channels: [{ name: 'feed', history: { events: 100000, bytes: '64MiB' } }, { name: 'keyed', keyed: true }], routes: [{ path: '/one', kind: 'stream', channels: ['feed'], control: { open: 'hello' } }],
    };
    const changed = {
      ...plain, publishers: [publisher(1)], heartbeat: '1s', origins: ['https://a.example'], channels: [...plain.channels, { name: 'more.*', history: { events: 3 } }],
      routes: [{ path: '/two', kind: 'stream', channels: ['feed'], envelope: 'full', control: { open: 'welcome' } }, ...plain.routes], limits: { publish_per_second: 0, ring_events: 64, event_bytes: '32KiB' },
    };
    const variants = [changed, 'limits: {connections: many}\n', plain, { ...plain, auth: { keys: [{ name: 'short', algorithm: 'HS256', secret_file: 'nowhere.txt' }] } }, { ...changed, log: { level: 'info' } }];
    const hub = await Hub.start({ config: plain, dev: false });
    const attempted = new Set(), acknowledged = new Map();
    let stop = false, n = 0;
    try {
      const ann = sign(SECRET);
      const streams = await Promise.all(Array.from({ length: 50 }, (_, i) => hub.stream(i % 2 ? '/one' : '/v1/stream?channel=feed', { headers: ann })));
      for (const s of streams) await s.until(() => s.events.length > 0);
      const publishing = (async () => {
        while (!stop) {
          const batch = Array.from({ length: 5 }, () => n++);
          for (const data of batch) attempted.add(data);
          const ids = await hub.publish(batch.map((data) => ({ channel: 'feed', data })), key(1));
          ids.forEach((id, i) => acknowledged.set(id, batch[i]));
        }
      })();
      for (let i = 0; i < 20; i++) {
        const variant = variants[i % variants.length], good = await reload(hub, variant);
        assert.equal(good, i % 5 !== 1 && i % 5 !== 3, `reload ${i}`);
        if (!good) continue;
        const second = (await hub.post('/v1/publish', { channel: 'other', data: 1 }, key(2))).status;
        assert.equal(second, variant.publishers.length === 2 ? 200 : 401, `reload ${i}: the second key`);
      }
      stop = true;
      await publishing;
      assert.ok(n > 100, `${n} events`);
      const log = [];
      for (let cursor = '', more = true; more;) {
        const page = await hub.poll(`channel=feed&limit=1000&${cursor ? `lastEventId=${cursor}` : 'since=earliest'}`, ann);
        log.push(...page.events.map((e) => ({ id: e.id, data: e.data })));
        more = page.events.length > 0;
        cursor = page.cursor;
      }
      const last = log.at(-1).id;
      for (const s of streams) {
        await s.until(() => s.lastId === last, 20000);
        assert.equal(s.closed, false);
        const seen = s.events.filter((e) => e.event === 'message').map((e) => ({ id: e.id, data: JSON.parse(e.data) }));
        assert.deepEqual(check({ acknowledged, attempted, log, seen }), NOTHING_WRONG);
        assert.deepEqual([...new Set(s.events.map((e) => e.event))].filter((e) => e !== 'freshet.beat').sort(), [s === streams[0] || streams.indexOf(s) % 2 === 0 ? 'freshet.open' : 'hello', 'message'].sort());
        s.close();
      }
    } finally {
      stop = true;
      await hub.stop();
    }
  });

  test('what is wrong is named with its line, counted, and changes nothing', async () => {
    const config = { heartbeat: '20s', channels: [{ name: 'a' }] };
    const hub = await Hub.start({ config });
    try {
      const before = (await hub.get('/v1/config')).text;
      assert.equal(await reload(hub, 'heartbeat: 30s\nlimits:\n  connections: many\n  nonsense: 1\n'), false);
      await hub.logged(/error config reload failed detail=".*hub\.yaml:3: limits\.connections: must be a whole number/);
      await hub.logged(/error config reload failed detail=".*hub\.yaml:4: limits\.nonsense: is no option/);
      assert.equal((await hub.get('/v1/config')).text, before);
      rmSync(hub.path('hub.yaml'));
      hub.process.child.kill('SIGHUP');
      await hub.logged(/config reload failed detail=".*cannot be read/);
      let s = await hub.stats();
      assert.deepEqual([s.configReloads, s.configReloadsFailed], [0, 2]);
      const loaded = s.configLoadedMs;
      assert.equal(await reload(hub, config), true);
      s = await hub.stats();
      assert.deepEqual([s.configReloads, s.configReloadsFailed], [1, 2]);
      assert.ok(s.configLoadedMs > loaded);
      const { text } = await hub.get('/metrics');
      assert.match(text, /^freshet_config_reload_failed_total 2$/m);
      assert.match(text, /^freshet_config_reloads_total 1$/m);
      assert.match(text, /^freshet_config_loaded_timestamp_seconds 1/m);
    } finally {
      await hub.stop();
    }
  });

  test('what can not change while it runs is named, and stays', async () => {
    const hub = await Hub.start({ config: { loops: 2 } });
    try {
      assert.equal(await reload(hub, { loops: 1, store: 'sqlite:new.db', metrics_listen: '127.0.0.1:0', heartbeat: '40s' }), true);
      for (const name of ['loops', 'store', 'metrics_listen']) await hub.logged(new RegExp(`warn config reloaded detail="${name}: needs a restart`));
      const o = Object.fromEntries((await hub.get('/v1/config')).json.options.map((x) => [x.name, x]));
      assert.deepEqual([o.loops.value, o.store.value, o.heartbeat.value, o.heartbeat.reload, o.store.reload], [2, 'memory', '40s', true, false]);
    } finally {
      await hub.stop();
    }
  });

  test('dev can neither be switched on nor off', async () => {
    const hub = await Hub.start({ config: { auth: { keys: keys(SECRET) } }, dev: false });
    try {
      assert.equal(await reload(hub, { dev: true, auth: { keys: keys(SECRET) } }), true);
      await hub.logged(/warn config reloaded detail="dev: needs a restart/);
      assert.equal((await hub.get('/v1/stats')).status, 401);
      const o = (await hub.get('/v1/config', sign(SECRET, { admin: true, tenant: undefined, role: 'R' }))).status;
      assert.equal(o, 403, 'no role crosses tenants');
    } finally {
      await hub.stop();
    }
  });

  test('a signing key that is gone: its streams end, its tokens are refused, the others stay', async () => {
    const hub = await Hub.start({ config: { auth: { keys: keys(SECRET, OTHER) } }, dev: false });
    try {
      const mine = await hub.stream('channel=a', { headers: sign(SECRET) }), theirs = await hub.stream('channel=a', { headers: sign(OTHER) });
      for (const s of [mine, theirs]) await s.until(() => s.events.length > 0);
      const poll = hub.get('/v1/events?channel=a&since=latest&wait=50', sign(OTHER));
      await until(async () => (await hub.get('/v1/stats', sign(SECRET, { admin: true }))).status === 200, 'the hub answers');
      const began = Date.now();
      assert.equal(await reload(hub, { auth: { keys: keys(SECRET).map((k) => ({ ...k, name: 'renamed' })) } }), true);
      await theirs.until(() => theirs.closed);
      assert.equal(JSON.parse(theirs.events.find((e) => e.event === 'freshet.close').data).reason, 'revoked');
      assert.deepEqual((await poll).json.events, []);
      assert.ok(Date.now() - began < 5000, 'within five seconds');
      assert.equal((await hub.get('/v1/events?channel=a', sign(OTHER))).status, 401);
      await hub.publish({ channel: 'a', data: 1 }, sign(SECRET));
      await mine.until(() => mine.events.some((e) => e.event === 'message'));
      assert.equal(mine.closed, false);
      mine.close();
    } finally {
      await hub.stop();
    }
  });

  test('limits, origins, hosts, channels, schemas, files, routes and the log change; open streams stay as they are', async () => {
    const hub = await Hub.start({
      config: { channels: [{ name: 'a', history: { events: 10 } }, { name: 'k' }], routes: [{ path: '/old', kind: 'stream', channels: ['a'], control: { open: 'old-open' } }] },
      files: { 'www/x.txt': 'x', 's.json': '{"type":"number"}' },
    });
    try {
      const old = await hub.stream('/old'), plain = await hub.stream('channel=a,free');
      for (const s of [old, plain]) await s.until(() => s.events.length > 0);
      for (let i = 0; i < 10; i++) await hub.publish({ channel: 'a', data: i });
      await hub.publish({ channel: 'k', data: 1 });
      assert.equal((await hub.get('/x.txt')).status, 404);
      assert.equal(await reload(hub, {
        log: { level: 'info' }, channels_open: false, static: 'www', origins: ['https://b.example'], hosts: ['hub', '127.0.0.1', 'localhost'], heartbeat: '300ms', limits: { event_bytes: 64, publish_per_second: 5, publish_burst: 5 },
        channels: [{ name: 'a', history: { events: 2 }, events: { message: { schema: 's.json' } } }, { name: 'k', keyed: true }, { name: 'fresh', keyed: true }],
        routes: [{ path: '/new', kind: 'stream', channels: ['a'], control: { open: 'new-open' } }],
      }), true);
      assert.match(hub.log, /debug published/);
      const said = hub.log.match(/debug published/g).length;
      const s = await hub.stream('/new');
      await s.until(() => s.events.length > 0);
      assert.equal(s.events[0].event, 'new-open');
      await s.until(() => s.events.some((e) => e.event === 'freshet.beat'), 5000);
      assert.ok(!plain.events.some((e) => e.event === 'freshet.beat'), 'an open stream keeps its heartbeat');
      assert.equal((await hub.get('/old')).status, 404);
      assert.equal((await hub.get('/x.txt')).text, 'x');
      assert.equal((await hub.get('/v1/events?channel=a', { Origin: 'https://b.example' })).headers['access-control-allow-origin'], 'https://b.example');
      assert.equal((await hub.get('/v1/events?channel=a', { Host: 'elsewhere' })).status, 403);
      assert.equal((await hub.get('/v1/events?channel=unknown')).status, 404);
      assert.equal((await hub.post('/v1/publish', { channel: 'free', data: 1 })).status, 404, 'one that was open before');
      assert.equal((await hub.post('/v1/publish', { channel: 'a', data: 'text' })).status, 422);
      assert.equal((await hub.post('/v1/publish', { channel: 'a', data: 'x'.repeat(100) })).status, 413);
      assert.equal((await hub.post('/v1/publish', Array.from({ length: 6 }, () => ({ channel: 'a', data: 1 })))).status, 429);
      await until(async () => (await hub.get('/v1/channels')).json.channels.find((c) => c.channel === 'a').events === 2, 'history is trimmed', 5000);
      const channels = Object.fromEntries((await hub.get('/v1/channels')).json.channels.map((c) => [c.channel, c]));
      assert.equal(channels.k.keyed, false, 'what is in use stays as it is');
      await hub.logged(/warn config reloaded detail="channels: 1 that are in use stay keyed or not/);
      await hub.publish({ channel: 'fresh', key: 'x', data: 1 });
      await hub.publish({ channel: 'a', data: 7 });
      assert.equal(hub.log.match(/debug published/g).length, said, 'the log is at level info');
      for (const x of [old, plain]) {
        await x.until(() => x.events.at(-1).data === '7');
        assert.equal(x.closed, false);
        x.close();
      }
      s.close();
    } finally {
      await hub.stop();
    }
  });

  test('sources come, change and go; one that is as it was goes on', async () => {
    const source = (name, more = {}) => ({ name, type: 'sqlite', database: `${name}.db`, query: 'select id, v from rows', key: 'id', channel: name, every: '30ms', ...more });
    const channels = ['one', 'two', 'three'].map((name) => ({ name, keyed: true }));
    const hub = await Hub.start({
      config: { channels, sources: [source('one'), source('two')] },
      prepare: (dir) => { for (const name of ['one', 'two', 'three']) sqlite(`${dir}/${name}.db`, `create table rows (id text primary key, v integer, w integer default 5); insert into rows (id, v) values ('a', 1);`); },
    });
    const sources = async () => (await hub.get('/readyz')).json.sources;
    try {
      const s = await hub.stream('channel=one,two,three&envelope=full&since=earliest');
      const data = () => s.events.filter((e) => e.event === 'message').map((e) => JSON.parse(e.data)).filter((e) => e.key).map((e) => `${e.channel} ${e.type} ${e.key} ${JSON.stringify(e.data)}`);
      await until(() => data().length === 2, 'the rows of both');
      const runs = (await sources()).one.runs;
      assert.equal(await reload(hub, { channels, sources: [source('one'), source('two', { query: 'select id, v, w from rows' }), source('three')] }), true);
      await until(() => data().length === 4, 'the changed source tells the change, the new one its rows');
      assert.deepEqual(data().slice(2).sort(), ['three three-added a {"id":"a","v":1}', 'two two-updated a {"w":5}']);
      const now = await sources();
      assert.deepEqual(Object.keys(now), ['one', 'two', 'three']);
      assert.equal(now.one.runs, runs, 'it was not begun anew');
      assert.equal((await hub.post('/v1/publish', { channel: 'three', key: 'b', data: 1 })).status, 403);
      assert.equal(await reload(hub, { channels, sources: [source('three')] }), true);
      assert.deepEqual(Object.keys(await sources()), ['three']);
      assert.equal((await hub.post('/v1/publish', { channel: 'one', key: 'b', data: 1 })).status, 200, 'it belongs to nobody now');
      assert.equal(await reload(hub, { channels, sources: [source('three'), source('one', { query: 'not sql' })] }), true);
      await until(async () => (await sources()).one.ok === false, 'it says what is wrong');
      assert.equal(await reload(hub, { channels, sources: [source('three'), source('free', { channel: 'two', every: '40ms' })] }), true);
      sqlite(hub.path('three.db'), "update rows set v = 2");
      await until(() => data().includes('three three-updated a {"v":2}'), 'the one that stayed');
      assert.equal(s.closed, false);
      s.close();
    } finally {
      await hub.stop();
    }
  });

  test('another application is asked: at once for who comes, within five seconds for open streams', async () => {
    const asked = [0, 0];
    const apps = await Promise.all([0, 1].map((i) => new Promise((done) => {
      const app = http.createServer((req, res) => {
        asked[i]++;
        if (i && req.headers.cookie !== 's=ann') return res.writeHead(401).end();
        if (req.headers.cookie === 's=slow') return; // no answer: the question is still open at the reload
        res.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ tenant: 'acme', subject: 'ann', subscribe: ['*'], ttl: 3600 }));
      }).listen(0, '127.0.0.1', () => done(app));
    })));
    const config = (i) => ({ auth: { webhook: { url: `http://127.0.0.1:${apps[i].address().port}/`, timeout: '20s' } } });
    const hub = await Hub.start({ config: config(0), dev: false });
    try {
      const [ann, bob] = await Promise.all(['s=ann', 's=bob'].map((Cookie) => hub.stream('channel=a', { headers: { Cookie } })));
      for (const s of [ann, bob]) await s.until(() => s.events.length > 0);
      const slow = hub.get('/v1/events?channel=a', { Cookie: 's=slow' });
      await until(() => asked[0] === 3, 'the first application is asked');
      const began = Date.now();
      assert.equal(await reload(hub, config(1)), true);
      assert.equal((await slow).status, 401, 'the second one answers what the first was asked');
      await bob.until(() => bob.closed);
      assert.ok(Date.now() - began < 5000, 'within five seconds');
      assert.equal(JSON.parse(bob.events.at(-1).data).reason, 'revoked');
      assert.equal((await hub.get('/v1/events?channel=a', { Cookie: 's=bob' })).status, 401);
      assert.equal((await hub.get('/v1/events?channel=a', { Cookie: 's=ann' })).status, 200);
      assert.equal(ann.closed, false);
      assert.equal(asked[0], 3, 'the first one is not asked any more');
      assert.equal(await reload(hub, { auth: { keys: keys(SECRET) } }), true);
      await ann.until(() => ann.closed);
    } finally {
      await hub.stop();
      for (const app of apps) {
        app.closeAllConnections();
        app.close();
      }
    }
  });

  test('many signals at once, and one while it stops, do no harm', async () => {
    const hub = await Hub.start({ config: { heartbeat: '20s' } });
    for (let i = 0; i < 200; i++) hub.process.child.kill('SIGHUP');
    await until(() => count(hub, DONE) >= 1, 'a reload');
    assert.equal((await hub.get('/healthz')).status, 200);
    const s = await hub.stream('channel=a');
    await s.until(() => s.events.length > 0);
    hub.process.child.kill('SIGHUP');
    hub.process.child.kill('SIGTERM');
    hub.process.child.kill('SIGHUP');
    await s.until(() => s.closed);
    await hub.stop();
  });
});
