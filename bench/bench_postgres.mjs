// What PostgreSQL as a source costs and how fast it is: a server and a hub of its own, on loopback.
// usage: node bench/bench_postgres.mjs        FRESHET_BIN names the program, else build/freshet
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { Hub } from '../tests/system/lib/hub.mjs';
import { Postgres } from '../tests/system/lib/postgres.mjs';
import { until } from '../tests/system/lib/wait.mjs';

const STREAMS = 1000;
const CHANGES = 60;
const now = () => Number(process.hrtime.bigint() / 1000n) / 1000;
const at = (list, part) => list.sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * part))];
const line = (what, value) => console.log(`${what.padEnd(64)} ${value}`);
const source = async (hub, name) => (await hub.get('/readyz')).json.sources[name];
const well = (hub, name) => until(async () => (await source(hub, name))?.ok, `${name} well`, 60000);

// CPU of a process, in ms.
function cpu(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

// Bare streams: each notes when a marker passes.
async function follow(hub, query, onMark) {
  const sockets = [];
  for (let i = 0; i < STREAMS; i++) {
    const s = net.connect(hub.port, '127.0.0.1');
    await new Promise((done) => s.once('connect', done));
    s.write(`GET /v1/stream?${query} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n`);
    await new Promise((done) => s.once('data', done));
    s.on('data', (d) => {
      const t = now();
      for (const m of d.toString('latin1').matchAll(/"mark":(\d+)/g)) onMark(Number(m[1]), t);
    });
    sockets.push(s);
  }
  return () => sockets.forEach((s) => s.destroy());
}

// The time from the answer to a commit until each stream has it.
async function latency(hub, session, query, sql) {
  const committed = new Map(), seen = new Map(), times = [];
  const close = await follow(hub, query, (mark, t) => seen.set(mark, [...(seen.get(mark) ?? []), t]));
  for (let mark = 1; mark <= CHANGES; mark++) {
    committed.set(mark, now()); // before the statement is sent: the commit is part of it
    await session.run(sql(mark));
    await until(() => (seen.get(mark)?.length ?? 0) >= STREAMS, `change ${mark} on every stream`);
  }
  for (const [mark, list] of seen) for (const t of list) times.push(t - committed.get(mark));
  close();
  return `median ${at(times, 0.5).toFixed(1)} ms, 99 % ${at(times, 0.99).toFixed(1)} ms, ${times.length} deliveries`;
}

const pg = await Postgres.start();
const session = pg.session();
const hubs = [];
try {
  const channels = [
    { name: 'rows', keyed: true, keys: 20000, history: { bytes: '64MiB' } },
    { name: 'many', keyed: true, keys: 20000, history: { bytes: '64MiB' } },
    { name: 'orders', history: { events: 1000 } },
  ];
  await session.run('create table rows(id int primary key, mark int); insert into rows values (1, 0);');
  const { run } = await import('../tests/system/run.mjs');
  const setup = await run(['postgres-setup', '--database', pg.url, '--apply', '--listen', 'bench', 'rows']);
  if (setup.code) throw new Error(setup.stderr);
  const watched = { name: 'rows', type: 'postgres', database: pg.url, query: 'select id, mark from rows', key: 'id', tenant_value: 'acme', channel: 'rows' };
  const outbox = { name: 'orders', type: 'postgres-outbox', database: pg.url, tenants: ['acme'], channels: ['orders'] };
  const start = async (config) => {
    const hub = await Hub.start({ config: { channels, log: { level: 'warn' }, ...config } });
    hubs.push(hub);
    return hub;
  };

  let hub = await start({ sources: [{ ...watched, listen: 'bench', every: '1h' }, outbox] });
  await well(hub, 'rows');
  await well(hub, 'orders');
  line(`woken query, commit to ${STREAMS} streams:`, await latency(hub, session, 'tenant=acme&channel=rows', (m) => `update rows set mark = ${m};`));
  line(`outbox, commit to ${STREAMS} streams:`, await latency(hub, session, 'tenant=acme&channel=orders', (m) => `select pg_logical_emit_message(true, 'freshet', '{"tenant":"acme","channel":"orders","data":{"mark":${m}}}');`));
  await hub.stop();

  // 10,000 rows, 100 changed, run after run: CPU with changes and without
  await session.run("create table many as select i as id, 'line ' || i as name, i % 7 as seats, md5(i::text) as note from generate_series(1, 10000) i;");
  hub = await start({ sources: [{ ...watched, name: 'many', query: 'select id, name, seats, note from many order by id', channel: 'many', listen: 'many', every: '1h' }] });
  await well(hub, 'many');
  await until(async () => (await source(hub, 'many')).changes === 10000, 'the first rows', 60000);
  const runs = 50, pid = hub.process.child.pid;
  const from = cpu(pid), first = (await source(hub, 'many')).runs;
  for (let i = 0; i < runs; i++) {
    const before = (await source(hub, 'many')).runs;
    await session.run(`update many set seats = seats + 1 where id % 100 = ${i}; notify many;`);
    await until(async () => (await source(hub, 'many')).runs > before, 'a run');
  }
  await until(async () => (await source(hub, 'many')).changes === 10000 + runs * 100, 'all changes');
  const done = (await source(hub, 'many')).runs - first;
  line('10,000 rows, 100 changed, CPU of the hub a run:', `${((cpu(pid) - from) / done).toFixed(1)} ms, ${done} runs`);
  await hub.stop();

  // the outbox's throughput: what was written while the hub was away, read to the end
  for (const [what, store] of [['memory', 'memory'], ['sqlite', 'sqlite:hub.db']]) {
    const name = `bulk_${what}`, total = 200000;
    hub = await start({ store, sources: [{ ...outbox, name }] });
    await well(hub, name);
    await hub.kill();
    for (let k = 0; k < total / 1000; k++)
      await session.run(`select count(pg_logical_emit_message(true, 'freshet', '{"tenant":"acme","channel":"orders","type":"order-made","data":{"n":' || i || ',"text":"an event of an ordinary size, some two hundred bytes of JSON with a few members in it","seats":12,"halted":false,"line":"12a"}}')) from generate_series(1, 1000) i;`);
    await hub.run();
    await well(hub, name);
    const t = now(), c = cpu(hub.process.child.pid), n = (await source(hub, name)).changes;
    await until(async () => (await source(hub, name)).changes >= total, 'all events', 120000);
    const ms = now() - t;
    line(`outbox to the log, store ${what}, transactions of 1,000:`, `${Math.round(((total - n) / ms) * 1000)} events/s, ${(((cpu(hub.process.child.pid) - c) * 1000) / (total - n)).toFixed(1)} us CPU each`);
    await hub.stop();
  }
} finally {
  await session.end();
  for (const h of hubs) await h.stop();
  await pg.stop();
}
