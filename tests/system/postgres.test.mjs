// The hub on a real PostgreSQL: watched, woken, and the outbox, with both sides killed in turn.
import assert from 'node:assert/strict';
import net from 'node:net';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { Hub } from './lib/hub.mjs';
import { Postgres, available } from './lib/postgres.mjs';
import { until } from './lib/wait.mjs';
import { run } from './run.mjs';

// Many viewers, bare sockets: resolves when each has been answered.
async function crowd(port, count, target) {
  const viewer = () => new Promise((done, fail) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(`GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`));
    socket.once('data', () => done(socket)).on('data', () => {}).on('error', fail);
  });
  const all = [];
  while (all.length < count) all.push(...(await Promise.all(Array.from({ length: Math.min(250, count - all.length) }, viewer))));
  return all;
}

const json = (e) => JSON.parse(e.data);
const message = (m) => `select pg_logical_emit_message(true, 'freshet', '${JSON.stringify(m).replaceAll("'", "''")}')`;
const order = (n, more = {}) => message({ tenant: 'acme', channel: 'orders', type: 'order-made', data: { n }, ...more });

const outbox = (pg, more = {}) => ({
  name: 'orders', type: 'postgres-outbox', database: pg.url, tenants: ['acme', 'b*'], channels: ['orders', 'k'], ...more,
});
const watched = (pg, more = {}) => ({
  name: 'trips', type: 'postgres', database: pg.url, query: 'select id, company, seats from trips', key: 'id',
  tenant: 'company', channel: 'trips', ...more,
});
const channels = [
  { name: 'trips', keyed: true },
  { name: 'k', keyed: true },
  { name: 'orders', history: { events: 100000, bytes: '64MiB' } },
];

const source = async (hub, name) => (await hub.get('/readyz')).json?.sources?.[name];
const well = (hub, name) => until(async () => (await source(hub, name))?.ok, `${name} well`, 30000);
const failing = (hub, name, why) =>
  until(async () => {
    const s = await source(hub, name);
    return s && !s.ok && why.test(s.detail);
  }, `${name} failing with ${why}`, 30000);
const metric = async (hub, name) => Number((await hub.get('/metrics')).text.match(new RegExp(`^${name}\\{[^}]*\\} (.*)$`, 'm'))?.[1]);
// All events of a stream that are the application's.
const told = (s) => s.events.filter((e) => !e.event.startsWith('freshet.'));

describe('PostgreSQL', { skip: !available && 'PostgreSQL 15 is not installed' }, () => {
  let pg;
  before(async () => {
    pg = await Postgres.start({ shared_preload_libraries: 'pg_stat_statements', max_slot_wal_keep_size: '32MB' });
    pg.sql('create extension pg_stat_statements');
    pg.sql('create table trips(id int primary key, company text, seats int)');
  });
  after(() => pg.stop());
  const hubs = [];
  const start = async (config, more = {}) => {
    const hub = await Hub.start({ config: { channels, ...config }, ...more });
    hubs.push(hub);
    return hub;
  };
  after(() => Promise.all(hubs.map((h) => h.stop())));

  test('a snapshot, then each change as it commits, once; a burst wakes a few runs', async () => {
    pg.sql(`truncate trips; insert into trips select i, 'acme', i from generate_series(1, 20) i`);
    const printed = await run(['postgres-setup', '--listen', 'trips_changed', 'trips']);
    assert.equal(printed.code, 0, printed.stderr);
    assert.match(printed.stdout, /CREATE TRIGGER/);
    const applied = await run(['postgres-setup', '--database', pg.url, '--apply', '--listen', 'trips_changed', 'trips']);
    assert.equal(applied.code, 0, applied.stderr);
    const hub = await start({ sources: [watched(pg, { listen: 'trips_changed', every: '1h' })] });
    await well(hub, 'trips');
    await until(async () => (await source(hub, 'trips')).changes === 20, 'the first rows');
    const s = await hub.stream('tenant=acme&channel=trips&snapshot=true');
    await s.until(() => told(s).length === 20, 'the snapshot');
    const runs = (await source(hub, 'trips')).runs;
    const session = pg.session();
    for (let i = 1; i <= 200; i++) await session.run(`update trips set seats = ${1000 + i} where id = ${(i % 20) + 1};`);
    const last = () => told(s).findLast((e) => json(e).seats === 1200);
    await s.until(last, 'the last change');
    const state = new Map();
    for (const e of told(s)) {
      const d = json(e);
      if (e.event === 'trips-added') state.set(d.id, d);
    }
    assert.equal(state.size, 20);
    assert.equal(new Set(s.events.filter((e) => e.id).map((e) => e.id)).size, s.events.filter((e) => e.id).length);
    assert.ok((await source(hub, 'trips')).runs - runs <= 201);
    await session.run('begin; update trips set seats = seats + 1; update trips set seats = seats + 1; commit;');
    await session.run('truncate trips;');
    await s.until(() => told(s).filter((e) => e.event === 'trips-removed').length === 20, 'the end of all rows');
    await session.end();
    s.close();
  });

  test('as many statements with one viewer as with ten thousand', async () => {
    const hub = await start({ sources: [watched(pg, { every: '200ms' })] });
    await well(hub, 'trips');
    const count = () => Number(pg.sql(`select coalesce(sum(calls), 0) from pg_stat_statements where query like '%company, seats from trips%' and query not like '%pg_stat%'`));
    const rate = async () => {
      const from = count(), runs = (await source(hub, 'trips')).runs;
      await until(async () => (await source(hub, 'trips')).runs >= runs + 10, 'ten runs');
      return { statements: count() - from, runs: (await source(hub, 'trips')).runs - runs };
    };
    const one = await rate();
    const viewers = await crowd(hub.port, 10000, '/v1/stream?tenant=acme&channel=trips&snapshot=true');
    const many = await rate();
    for (const r of [one, many]) assert.ok(Math.abs(r.statements - r.runs) <= 2, JSON.stringify({ one, many }));
    assert.equal((await hub.get('/v1/stats')).json.totalConnections, 10000);
    for (const v of viewers) v.destroy();
    await hub.stop();
  });

  test('the outbox: what commits comes in its order, what rolls back never does', async () => {
    const hub = await start({ sources: [outbox(pg)] });
    await well(hub, 'orders');
    const s = await hub.stream('tenant=acme&channel=orders,k');
    await s.opening();
    pg.sql(`begin; ${order(1)}; ${order(2)}; commit`);
    pg.sql(`begin; ${order(666)}; rollback`);
    pg.sql(message({ tenant: 'acme', channel: 'k', key: 'a', data: { v: 1.10 }, state: { v: '1.10' } }));
    pg.sql(order(3, { priority: 'high' }));
    const [a, b, c, d] = await s.take(4);
    assert.deepEqual([a, b, d].map((e) => [e.event, json(e).n]), [['order-made', 1], ['order-made', 2], ['order-made', 3]]);
    assert.equal(c.event, 'message');
    s.close();
  });

  test('what an outbox may not do is named, counted, and holds nothing up', async () => {
    const hub = await start({ sources: [outbox(pg, { slot: 'refusals' })] });
    await well(hub, 'orders');
    const s = await hub.stream('tenant=acme&channel=orders');
    await s.opening();
    const wrong = [
      [message({ tenant: 'zebra', channel: 'orders', data: 1 }), /may not write tenant zebra/],
      [message({ tenant: 'acme', channel: 'secret', data: 1 }), /may not write channel secret/],
      [message({ channel: 'orders', data: 1 }), /\\?"tenant\\?" must be given/],
      [message({ tenant: 'acme', channel: 'orders', type: 'freshet.gap', data: 1 }), /are the hub's own/],
      [message({ tenant: 'acme', channel: 'orders' }), /\\?"data\\?" is missing/],
      [message({ tenant: 'acme', channel: 'orders', data: 'x'.repeat(70000) }), /too large/],
      [`select pg_logical_emit_message(true, 'freshet', '{broken')`, /source message refused/],
      [`select pg_logical_emit_message(true, 'freshet', '\\xff00'::bytea)`, /source message refused/],
      [`select pg_logical_emit_message(false, 'freshet', '{"tenant":"acme","channel":"orders","data":"at once"}')`, /outside of a transaction/],
    ];
    for (const [sql, line] of wrong) {
      pg.sql(sql);
      await hub.logged(line);
    }
    pg.sql(`select pg_logical_emit_message(true, 'another', 'not ours')`);
    pg.sql(order(1));
    assert.equal(json(await s.next()).n, 1);
    assert.equal(await metric(hub, 'freshet_source_refused_total'), wrong.length);
    assert.equal((await source(hub, 'orders')).ok, true);
    s.close();
    await hub.stop();
  });

  test('killing hub and server in turn under a writer: committed and delivered agree exactly', async () => {
    pg.sql('create table written(n int primary key)');
    const hub = await start(
      { store: 'sqlite:hub.db', sources: [outbox(pg, { slot: 'turns' }), watched(pg, { listen: 'trips_changed', every: '1h' })], channels },
    );
    await well(hub, 'orders');
    await well(hub, 'trips');
    let n = 0, writing = true;
    const writer = (async () => {
      while (writing) {
        const session = pg.session();
        while (writing) {
          n++;
          // two events and their record, all or nothing
          const done = await session.run(`begin; insert into written values (${n}); insert into trips values (${n}, 'acme', 1) on conflict (id) do update set seats = excluded.seats; ${order(n, { data: { n, part: 1 } })}; ${order(n, { data: { n, part: 2 } })}; commit;`);
          if (done === null) break;
        }
        session.child.kill('SIGKILL');
        await session.ended;
        await new Promise((done) => setTimeout(done, 50));
      }
    })();
    for (let round = 0; round < 4; round++) {
      const from = n;
      await until(() => n > from + 40, 'commits', 60000);
      if (round % 2 === 0) {
        await hub.restart();
      } else {
        await pg.kill();
        await failing(hub, 'orders', /./);
        await failing(hub, 'trips', /./);
        await pg.run();
      }
      await well(hub, 'orders');
      await well(hub, 'trips');
    }
    writing = false;
    await writer;
    const committed = pg.sql('select n from written order by n').split('\n').map(Number);
    pg.sql(order(-1, { data: { n: -1, part: 1 } }));
    const delivered = [];
    let cursor = '';
    await until(async () => {
      const r = await hub.poll(`tenant=acme&channel=orders&limit=1000&${cursor ? `lastEventId=${cursor}` : 'since=earliest'}`);
      assert.equal(r.gap, null);
      cursor = r.cursor;
      delivered.push(...r.events.map((e) => e.data));
      return delivered.some((d) => d.n === -1);
    }, 'the last event', 30000);
    assert.ok(committed.length > 100);
    assert.deepEqual(
      delivered.filter((d) => d.n > 0).map((d) => `${d.n}/${d.part}`),
      committed.flatMap((k) => [`${k}/1`, `${k}/2`]),
    );
    // the watched rows agree as well
    const rows = Number(pg.sql('select count(*) from trips'));
    const s = await hub.stream('tenant=acme&channel=trips&snapshot=true');
    await s.until(() => told(s).length >= rows, 'all rows');
    assert.equal(new Set(told(s).map((e) => json(e).id)).size, rows);
    s.close();
    await hub.stop();
  });

  test('a reload that changes an outbox loses and repeats nothing, and one that comes back goes on', async () => {
    const sources = (more) => ({ channels, sources: [outbox(pg, { slot: 'reloads', ...more })] });
    const hub = await start(sources());
    await well(hub, 'orders');
    const s = await hub.stream('tenant=acme&channel=orders&since=earliest');
    await s.opening();
    const reload = async (config, taken) => {
      writeFileSync(hub.path('hub.yaml'), JSON.stringify({ log: { level: 'debug' }, ...config }));
      hub.process.child.kill('SIGHUP');
      await until(() => (hub.log.match(/info config reloaded file=/g) ?? []).length === taken, 'reloaded');
    };
    const variants = [sources({ tenants: ['acme'] }), { channels }, sources({ timeout: '20s' }), sources()];
    let n = 0;
    for (const [i, config] of variants.entries()) {
      for (let k = 0; k < 20; k++) pg.sql(order(++n));
      await reload(config, i + 1);
      for (let k = 0; k < 20; k++) pg.sql(order(++n));
    }
    await s.until(() => told(s).length >= n, 'all of them', 30000);
    assert.deepEqual(told(s).map((e) => json(e).n), Array.from({ length: n }, (_, i) => i + 1));
    s.close();
    await hub.stop();
  });

  test('a slot that is lost is a gap for every reader, now and later', async () => {
    const hub = await start({ store: 'sqlite:hub.db', sources: [outbox(pg, { slot: 'lossy' })] });
    await well(hub, 'orders');
    pg.sql(order(1));
    const s = await hub.stream('tenant=acme&channel=orders&since=earliest');
    await s.opening();
    const first = await s.next();
    assert.equal(json(first).n, 1);
    const filtered = await hub.stream('tenant=acme&channel=orders&type=nothing');
    await filtered.opening();
    const there = (more) => until(() => pg.sql(`select count(*) from pg_replication_slots where slot_name = 'lossy' ${more}`) === '1', 'the slot', 30000);
    pg.sql(`select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = 'lossy'`);
    await until(() => {
      try {
        pg.sql(`select pg_drop_replication_slot('lossy')`);
        return true;
      } catch {
        pg.sql(`select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = 'lossy' and active`);
        return false;
      }
    }, 'the slot dropped');
    const gap = await s.next(20000);
    assert.equal(gap.event, 'freshet.gap');
    assert.ok(gap.id);
    assert.deepEqual([json(gap).reason, json(gap).channels], ['source', ['orders']]);
    assert.equal((await filtered.next()).event, 'freshet.gap');
    await well(hub, 'orders');
    await there('and active');
    pg.sql(order(2));
    assert.equal(json(await s.next()).n, 2);
    // a restart tells nobody again; who was away is told then
    await hub.restart();
    await well(hub, 'orders');
    const back = await hub.stream('tenant=acme&channel=orders', { headers: { 'Last-Event-ID': first.id } });
    const [o, g, two] = [await back.next(), await back.next(), await back.next()];
    assert.equal(o.event, 'freshet.open');
    assert.deepEqual([g.event, g.id, json(g).reason], ['freshet.gap', gap.id, 'source']);
    assert.equal(json(two).n, 2);
    const full = await hub.stream('tenant=acme&channel=orders&envelope=full', { headers: { 'Last-Event-ID': first.id } });
    await full.next();
    const wrapped = json(await full.next());
    assert.deepEqual([wrapped.type, wrapped.data.reason], ['freshet.gap', 'source']);
    for (const x of [s, filtered, back, full]) x.close();
    await hub.stop();
  });

  test('a slot that the server gave up, for its size, is a gap too; while the hub is dead', async () => {
    const hub = await start({ store: 'sqlite:hub.db', sources: [outbox(pg, { slot: 'given_up' })] });
    await well(hub, 'orders');
    pg.sql(order(1));
    const s = await hub.stream('tenant=acme&channel=orders&since=earliest');
    await s.opening();
    const first = await s.next();
    await hub.kill();
    pg.sql(order(2));
    const status = () => pg.sql(`select wal_status from pg_replication_slots where slot_name = 'given_up'`);
    await until(() => {
      pg.sql(`create table fill as select repeat('x', 1000) from generate_series(1, 40000); drop table fill; select pg_switch_wal(); checkpoint`);
      return status() === 'lost';
    }, 'the slot given up', 60000);
    await hub.run();
    await well(hub, 'orders');
    pg.sql(order(3));
    const back = await hub.stream('tenant=acme&channel=orders', { headers: { 'Last-Event-ID': first.id } });
    const [o, g, three] = [await back.next(), await back.next(), await back.next()];
    assert.deepEqual([o.event, g.event, json(g).reason, json(three).n], ['freshet.open', 'freshet.gap', 'source', 3]);
    back.close();
    await hub.stop();
  });

  // What a reader has who applied all it was told.
  const applied = (s, key = 'id') => {
    const rows = new Map();
    for (const e of told(s)) {
      const m = JSON.parse(e.data), k = String(m.key);
      assert.ok(e.id);
      if (m.type.endsWith('-removed')) assert.ok(rows.delete(k), `a removed row ${k} that was not there`);
      else if (m.type.endsWith('-added')) assert.ok(!rows.has(k) && rows.set(k, m.data), `an added row ${k} that was there`);
      else assert.ok(rows.has(k) && Object.assign(rows.get(k), m.data), `a changed row ${k} that was not there`);
    }
    return [...rows.values()].sort((a, b) => a[key] - b[key]);
  };
  const full = (s) => ({ events: s.events.filter((e) => !JSON.parse(e.data).type.startsWith('freshet.')).map((e) => ({ ...e, event: 'row' })) });
  const rows = (more = {}) => ({
    name: 'cars', type: 'postgres', mode: 'replication', database: pg.url, tables: ['cars'], key: 'id', tenant: 'company', channel: 'cars', ...more,
  });
  const cars = { channels: [{ name: 'cars', keyed: true, history: { events: 100000, bytes: '64MiB' } }] };
  const present = () => JSON.parse(pg.sql(`select coalesce(json_agg(json_build_object('id', id, 'seats', seats, 'note', note, 'gps', gps) order by id), '[]') from cars where company = 'acme'`));

  test('rows by replication: changed fields, TOAST, tenants, keys that change, truncate', async () => {
    pg.sql(`create table cars(id int primary key, company text, seats int, note text, gps jsonb); alter table cars alter note set storage external;
      insert into cars select i, case when i > 8 then 'other' else 'acme' end, i, repeat('n', 5000), '{"a":1}' from generate_series(1, 10) i`);
    const hub = await start({ ...cars, sources: [rows()] });
    await well(hub, 'cars');
    const s = await hub.stream('tenant=acme&channel=cars&envelope=full&snapshot=true');
    await s.until(() => full(s).events.length === 8, 'the first rows');
    const reached = async (n, what) => s.until(() => full(s).events.length === n, what);
    const last = () => json(s.events.at(-1));
    pg.sql(`update cars set seats = 100 where id = 1`);
    await reached(9, 'a change');
    assert.deepEqual([last().type, last().data], ['cars-updated', { seats: 100 }]);
    pg.sql(`update cars set gps = '{"a": 2}' where id = 1`);
    await reached(10, 'another');
    assert.deepEqual(last().data, { gps: { a: 2 } });
    pg.sql(`update cars set seats = 100 where id = 1`); // as it is
    pg.sql(`begin; insert into cars values (777, 'acme', 1, '', null); rollback`);
    pg.sql(`update cars set id = 50 where id = 2`);
    await reached(12, 'a key that changed');
    pg.sql(`delete from cars where id = 3`);
    await reached(13, 'a deleted row');
    pg.sql(`update cars set company = 'other' where id = 4`);
    await reached(14, 'a row of another tenant');
    assert.equal(last().type, 'cars-removed');
    pg.sql(`begin; insert into cars values (60, 'acme', 1, 'x', null); update cars set seats = 2 where id = 60; delete from cars where id = 60; insert into cars values (60, 'acme', 3, 'y', null); commit`);
    await reached(18, 'a row many times in a transaction');
    assert.deepEqual(applied(full(s)), present());
    pg.sql('begin; truncate cars; insert into cars select i, \'acme\', i, null, null from generate_series(1, 3000) i; commit');
    await s.until(() => last().key === '3000', 'the new rows', 20000);
    assert.deepEqual(applied(full(s)), present());
    pg.sql('alter table cars add wheels int default 4');
    pg.sql('update cars set seats = 9 where id = 1');
    await s.until(() => last().type === 'cars-updated' && full(s).events.filter((e) => json(e).data?.wheels === 4).length === 3000, 'all rows with the new column', 20000);
    pg.sql('alter table cars drop wheels');
    pg.sql('truncate cars');
    await s.until(() => applied(full(s)).length === 0, 'the end of all rows', 20000);
    assert.equal((await source(hub, 'cars')).ok, true);
    s.close();
    await hub.stop();
  });

  test('rows by replication: hub and server killed in turn under a writer, nothing missed or twice', async () => {
    pg.sql('drop table if exists cars; create table cars(id int primary key, company text, seats int, note text, gps jsonb)');
    const hub = await start({ ...cars, store: 'sqlite:hub.db', sources: [rows({ publication: 'freshet_killed' })] });
    await well(hub, 'cars');
    let n = 0, writing = true;
    const writer = (async () => {
      while (writing) {
        const session = pg.session();
        while (writing) {
          n++;
          const id = n % 50;
          const sql = n % 7 === 0 ? `delete from cars where id = ${id};` : `insert into cars values (${id}, 'acme', ${n}, 'n', null) on conflict (id) do update set seats = excluded.seats;`;
          if ((await session.run(`begin; ${sql} commit;`)) === null) break;
        }
        session.child.kill('SIGKILL');
        await session.ended;
        await new Promise((done) => setTimeout(done, 50));
      }
    })();
    for (let round = 0; round < 4; round++) {
      const from = n;
      await until(() => n > from + 60, 'commits', 60000);
      if (round % 2 === 0) {
        await hub.restart();
      } else {
        await pg.kill();
        await failing(hub, 'cars', /./);
        await pg.run();
      }
      await well(hub, 'cars');
    }
    writing = false;
    await writer;
    pg.sql(`insert into cars values (999, 'acme', -1, 'the end', null)`);
    const s = await hub.stream('tenant=acme&channel=cars&envelope=full&snapshot=true');
    await s.until(() => full(s).events.some((e) => json(e).key === '999'), 'the last row', 20000);
    const state = new Map(full(s).events.map((e) => [json(e).key, json(e).data]));
    assert.deepEqual([...state.values()].sort((a, b) => a.id - b.id), present());
    s.close();
    await hub.stop();
  });

  test('passwords are in no log, statistics or process title', async () => {
    const secret = 'sesame-7f3';
    pg.sql(`create role guarded login replication superuser password '${secret}'`);
    const url = `postgres://guarded:${secret}@127.0.0.1:${pg.port}/nowhere`;
    const file = `/tmp/freshet-password-${process.pid}`;
    writeFileSync(file, `${secret}\n`);
    const hub = await start({ sources: [outbox(pg, { slot: 'guarded', database: url }), watched(pg, { database: `postgres://guarded@127.0.0.1:${pg.port}/nowhere`, password_file: file })] });
    await failing(hub, 'orders', /nowhere/);
    await failing(hub, 'trips', /nowhere/);
    const texts = [hub.log, hub.process.stdout, JSON.stringify((await hub.get('/readyz')).json), JSON.stringify(await hub.stats()), (await hub.get('/metrics')).text, readFileSync(`/proc/${hub.process.child.pid}/cmdline`).toString()];
    for (const text of texts) assert.ok(!text.includes(secret));
    rmSync(file);
    await hub.stop();
  });

  test('down at the start, permission denied, a wrong query: told, and healed', async () => {
    pg.sql('create role weak login; create table shut(id int, company text)');
    const weak = pg.url.replace('postgres@', 'weak@');
    const hub = await start({
      sources: [
        watched(pg, { database: weak, query: 'select id, company, 1 as seats from shut', every: '100ms' }),
        outbox(pg, { database: weak, slot: 'weak' }),
      ],
    });
    await failing(hub, 'trips', /permission denied/);
    await failing(hub, 'orders', /replication/);
    assert.equal((await hub.get('/readyz')).status, 503);
    await hub.logged(/SSE update check error: .*permission denied/);
    pg.sql('grant select on shut to weak; alter role weak superuser');
    await well(hub, 'trips');
    await well(hub, 'orders');
    assert.ok((await metric(hub, 'freshet_source_failures_total')) > 0);
    assert.equal((await hub.get('/readyz')).status, 200);
    await hub.stop();
  });
});
