// A watched SQLite database, changed by another program, end to end.
import assert from 'node:assert/strict';
import { renameSync, rmSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { Hub } from './lib/hub.mjs';
import { lock, sqlite } from './lib/sqlite.mjs';
import { until } from './lib/wait.mjs';

const json = (e) => JSON.parse(e.data);
const SCHEMA = 'create table trips (id text primary key, company text, slots integer, price real, note text, halted integer default 0);';
const ROWS = "insert into trips (id, company, slots, price, note) values ('t1','acme',45,0.1,'a'),('t2','acme',30,9.5,null),('t3','other',10,1,'x');";
const config = (more = {}) => ({
  store: 'sqlite:hub.db',
  channels: [{ name: 'trips', keyed: true }],
  sources: [{ name: 'trips', type: 'sqlite', database: 'bus.db', query: 'select id, company, slots, price, note, halted from trips', key: 'id', tenant: 'company', channel: 'trips', every: '50ms',
    types: { added: 'trip-added', changed: 'trip-updated', removed: 'trip-removed' }, ...more }],
  routes: [{ path: '/api/events/company-trips', kind: 'stream', tenant: 'token', channels: ['trips'], envelope: 'update', key_name: 'tripId', heartbeat: 'comment', control: { open: 'connected', envelope: 'flat' } }],
});

describe('a SQLite source', () => {
  let hub, db;
  before(async () => {
    hub = await Hub.start({ config: config(), prepare: (dir) => sqlite(`${dir}/bus.db`, SCHEMA + ROWS) });
    db = hub.path('bus.db');
    await ready();
  });
  after(() => hub.stop());

  const ready = () => until(async () => (await hub.get('/readyz')).status === 200, 'ready');
  const source = async () => (await hub.get('/readyz')).json.sources.trips;
  const change = (sql) => sqlite(db, sql);

  test('the rows at start are events with the whole row, in a snapshot of the tenant', async () => {
    const s = await hub.stream('tenant=acme&channel=trips&snapshot=true');
    await s.opening();
    const rows = (await s.take(2)).map((e) => [e.event, json(e)]);
    assert.deepEqual(rows.map((r) => [r[0], r[1].id, r[1].slots, r[1].price, r[1].note]).sort(), [['trip-added', 't1', 45, 0.1, 'a'], ['trip-added', 't2', 30, 9.5, null]]);
    s.close();
  });

  test('update: an event with the changed fields alone, within 100 ms; the state for one that resumes', async () => {
    const s = await hub.stream('tenant=acme&channel=trips');
    const o = await s.opening();
    const took = [];
    for (let i = 0; i < 5; i++) {
      change(`update trips set slots = slots - 1 where id = 't1'`);
      const from = performance.now();
      const [e] = await s.take(1);
      took.push(performance.now() - from);
      assert.deepEqual([e.event, json(e)], ['trip-updated', { slots: 44 - i }]);
    }
    took.sort((a, b) => a - b);
    assert.ok(took[2] <= 100, `${took.map(Math.round)} ms`);
    s.close();
    const t = await hub.stream('tenant=acme&channel=trips&envelope=full', { headers: { 'Last-Event-ID': o.id } });
    const [, e] = [await t.next(), await t.next()];
    assert.deepEqual([json(e).key, json(e).data.slots, json(e).data.price], ['t1', 40, 0.1]);
    t.close();
  });

  test('the route of the trips document: only the fields that changed', async () => {
    const s = await hub.stream('/api/events/company-trips?tenant=acme');
    assert.equal(json(await s.next()).type, 'connected');
    change(`update trips set slots = 7, halted = 1 where id = 't2'`);
    const u = json(await s.next());
    assert.deepEqual([u.type, u.changes], ['update', [{ type: 'trip-updated', tripId: 't2', changes: { slots: 7, halted: 1 } }]]);
    change(`insert into trips (id, company, slots) values ('t9','acme',1)`);
    const added = json(await s.next()).changes[0];
    assert.deepEqual([added.type, added.tripId], ['trip-added', 't9']);
    change(`delete from trips where id = 't9'`);
    assert.deepEqual(json(await s.next()).changes, [{ type: 'trip-removed', tripId: 't9' }]);
    s.close();
  });

  test('a change of another company is not seen; a row that moves is removed here and added there', async () => {
    const a = await hub.stream('tenant=acme&channel=trips');
    const b = await hub.stream('tenant=other&channel=trips');
    await a.opening();
    await b.opening();
    change(`update trips set slots = 11 where id = 't3'`);
    assert.deepEqual(json((await b.take(1))[0]), { slots: 11 });
    change(`update trips set company = 'other' where id = 't2'`);
    assert.equal((await a.take(1))[0].event, 'trip-removed');
    const [moved] = await b.take(1);
    assert.deepEqual([moved.event, json(moved).id], ['trip-added', 't2']);
    change(`update trips set company = 'acme' where id = 't2'`);
    assert.equal((await a.take(1))[0].event, 'trip-added');
    a.close();
    b.close();
  });

  test('a transaction is one batch, what comes to nothing is none; values of every kind', async () => {
    const s = await hub.stream('tenant=acme&channel=trips');
    await s.opening();
    change(`begin; update trips set slots = 1; update trips set price = 1e2, note = 'zwei' || char(10) || 'Zeilen', slots = 2 where id = 't1'; commit;`);
    const list = await s.take(2);
    assert.deepEqual(list.map((e) => e.event), ['trip-updated', 'trip-updated']);
    assert.deepEqual(list.map(json).find((d) => d.note), { slots: 2, price: 100, note: 'zwei\nZeilen' });
    change(`update trips set slots = 5 where id = 't1'; update trips set slots = 2 where id = 't1';`);
    change(`update trips set note = null where id = 't1'`);
    const rest = [];
    while (!rest.some((d) => d.note === null)) rest.push(json((await s.take(1))[0]));
    s.close();
    assert.equal((await hub.poll('tenant=acme&channel=trips&since=earliest&key=t1')).events.length, 1);
  });

  test('a table that does not change costs no query', async () => {
    const { runs } = await source();
    const beats = async () => (await hub.stats()).uptimeSeconds;
    const from = await beats();
    await until(async () => (await beats()) > from + 0.5, 'half a second');
    assert.equal((await source()).runs, runs);
  });

  test('a replaced file is noticed', async () => {
    const s = await hub.stream('tenant=acme&channel=trips');
    await s.opening();
    sqlite(`${db}.new`, `${SCHEMA} insert into trips (id, company, slots) values ('t1','acme',99),('n1','acme',1);`);
    rmSync(`${db}-wal`, { force: true });
    rmSync(`${db}-shm`, { force: true });
    renameSync(`${db}.new`, db);
    const list = await s.take(3);
    assert.deepEqual(list.map((e) => e.event).sort(), ['trip-added', 'trip-removed', 'trip-updated']);
    s.close();
  });

  test('a broken query is a log line, a metric and a reason of /readyz, and heals by itself', async () => {
    const s = await hub.stream('tenant=acme&channel=trips');
    await s.opening();
    change('alter table trips rename column slots to places');
    await until(async () => (await hub.get('/readyz')).status === 503, 'not ready');
    const state = await source();
    assert.equal(state.ok, false);
    assert.match(state.detail, /slots/);
    await hub.logged(/SSE update check error: .*slots/);
    assert.match((await hub.get('/metrics')).text, /^freshet_source_up\{source="trips"\} 0$/m);
    change('alter table trips rename column places to slots');
    await ready();
    change(`update trips set slots = 98 where id = 't1'`);
    assert.deepEqual(json((await s.take(1))[0]), { slots: 98 });
    assert.match((await hub.get('/metrics')).text, /^freshet_source_up\{source="trips"\} 1$/m);
    s.close();
  });

  test('a locked database is told and heals', async () => {
    const s = await hub.stream('tenant=acme&channel=trips');
    await s.opening();
    const held = await lock(db);
    // nobody may even look: a change made under the lock comes after it
    await held.release();
    change(`update trips set slots = 97 where id = 't1'`);
    assert.deepEqual(json((await s.take(1))[0]), { slots: 97 });
    await ready();
    s.close();
  });

  test('a file that goes away is told, and the hub goes on when it is back', async () => {
    const s = await hub.stream('tenant=acme&channel=trips');
    await s.opening();
    renameSync(db, `${db}.away`);
    await until(async () => (await hub.get('/readyz')).status === 503, 'not ready');
    renameSync(`${db}.away`, db);
    await ready();
    change(`update trips set slots = 96 where id = 't1'`);
    assert.deepEqual(json((await s.take(1))[0]), { slots: 96 });
    s.close();
  });

  test('a restart publishes exactly what changed meanwhile', async () => {
    const at = (await hub.poll('tenant=acme&channel=trips')).cursor;
    await hub.kill();
    sqlite(db, `update trips set slots = 3 where id = 't1'; insert into trips (id, company, slots) values ('r1','acme',1); delete from trips where id = 'n1';`);
    await hub.run();
    await ready();
    const p = await hub.poll('tenant=acme&channel=trips', { 'Last-Event-ID': at });
    assert.deepEqual([p.gap, p.events.map((e) => [e.type, e.key]).sort()], [null, [['trip-added', 'r1'], ['trip-removed', 'n1'], ['trip-updated', 't1']]]);
    assert.equal(p.events.find((e) => e.key === 't1').data.slots, 3);
    await hub.kill();
    await hub.run();
    await ready();
    const q = await hub.poll('tenant=acme&channel=trips', { 'Last-Event-ID': p.cursor });
    assert.deepEqual([q.gap, q.events, q.cursor], [null, [], p.cursor], 'nothing changed, nothing is published');
  });
});

describe('a source that is wrong', () => {
  for (const [what, more, sql, reason] of [
    ['a key that comes twice', { query: "select 'same' as id, company, slots from trips" }, '', /same|twice|repeat|unique/i],
    ['a key column that is missing', { key: 'nokey' }, '', /nokey/],
    ['a tenant that is none', {}, "update trips set company = 'a b'", /a b|tenant/],
    ['a query that writes', { query: 'delete from trips returning id, company' }, '', /./],
    ['no file', { database: 'nowhere.db' }, '', /nowhere|open/],
  ])
    test(`${what}: told in /readyz and the log, and the rest of the hub works`, async () => {
      const hub = await Hub.start({ config: config(more), prepare: (dir) => sqlite(`${dir}/bus.db`, SCHEMA + ROWS + sql) });
      try {
        const r = await until(async () => {
          const x = await hub.get('/readyz');
          return x.json.sources.trips.failures > 0 && x;
        }, 'a failure');
        assert.equal(r.status, 503);
        assert.match(r.json.sources.trips.detail, reason);
        await hub.logged(/SSE update check error:/);
        await hub.publish({ channel: 'c', data: 1 });
        assert.equal(sqlite(hub.path('bus.db'), 'select count(*) from trips'), '3');
      } finally {
        await hub.stop();
      }
    });

  test('more rows than keys: told, nothing is published', async () => {
    const c = config();
    c.channels[0].keys = 2;
    const hub = await Hub.start({ config: c, prepare: (dir) => sqlite(`${dir}/bus.db`, `${SCHEMA}${ROWS} update trips set company = 'acme';`) });
    try {
      const r = await until(async () => {
        const x = await hub.get('/readyz');
        return x.json.sources.trips.failures > 0 && x;
      }, 'a failure');
      assert.equal(r.status, 503);
      sqlite(hub.path('bus.db'), "delete from trips where id = 't3'");
      await until(async () => (await hub.get('/readyz')).status === 200, 'healed');
      assert.equal((await hub.poll('tenant=acme&channel=trips&since=earliest')).events.length, 2);
    } finally {
      await hub.stop();
    }
  });

  test('a row that is too large is told, not cut', async () => {
    const hub = await Hub.start({ config: { ...config(), limits: { event_bytes: 500 } }, prepare: (dir) => sqlite(`${dir}/bus.db`, SCHEMA + ROWS) });
    try {
      await until(async () => (await hub.get('/readyz')).status === 200, 'ready');
      sqlite(hub.path('bus.db'), `update trips set note = '${'x'.repeat(600)}' where id = 't1'`);
      await hub.logged(/SSE update check error:/);
      assert.equal((await hub.get('/readyz')).status, 503);
      sqlite(hub.path('bus.db'), `update trips set note = 'short' where id = 't1'`);
      await until(async () => (await hub.get('/readyz')).status === 200, 'healed');
    } finally {
      await hub.stop();
    }
  });
});
