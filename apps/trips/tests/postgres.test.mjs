// The trips application on PostgreSQL: the same desk, the hub woken by what commits.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { available, Postgres } from '../../../tests/system/lib/postgres.mjs';
import { Apps, figures, patience, until } from '../../tests/lib.mjs';

describe('trips on PostgreSQL', { skip: !available }, () => {
  let pg, apps, office, cashier;

  before(async () => {
    pg = await Postgres.start();
    apps = await Apps.start({ apps: ['trips'], world: false, db: pg.url });
    [office, cashier] = await Promise.all(['northway-admin', 'northway-cashier'].map((id) => apps.login('trips', id)));
  });
  after(async () => {
    await apps?.end();
    await pg?.stop?.();
    if (pg && !pg.stop) await pg.kill();
  });

  const sell = (id, seats = 1) => apps.request(`/api/trips/${id}/bookings`, { as: cashier, body: { name: 'A. Test', seats } });
  const trip = async (id) => (await apps.request(`/api/trips/${id}`, { as: office })).body.trip;
  const changeOf = (id) => ({ data }) => data.changes?.some(({ tripId }) => tripId === id);

  test('a sale on PostgreSQL is told with the fields that changed, far below three seconds', async (t) => {
    const stream = await apps.stream('/api/events/company-trips', { as: office });
    await stream.next();
    const times = [];
    let { availableSlots: left, bookingsCount } = await trip('nw-301');
    for (let i = 0; i < 10; i++) {
      const from = stream.events.length;
      const began = Date.now();
      assert.equal((await sell('nw-301')).status, 201);
      const event = await stream.next(changeOf('nw-301'), { from });
      times.push(event.at - began);
      assert.deepEqual(event.data.changes[0], { type: 'trip-updated', tripId: 'nw-301', changes: { availableSlots: --left, bookingsCount: ++bookingsCount } });
    }
    const { median, longest } = figures(times);
    t.diagnostic(`sale to event: median ${median} ms, longest ${longest} ms`);
    assert.ok(median <= patience(100) && longest < 3000);
    await stream.close();
  });

  test('what another program does to PostgreSQL is told too: bookings, halts, trips that come and go', async () => {
    const stream = await apps.stream('/api/events/company-trips', { as: office });
    await stream.next();
    const { availableSlots } = await trip('nw-302');
    for (const [sql, id, wanted] of [
      ["insert into bookings (trip_id, name, seats) values ('nw-302', 'psql', 2)", 'nw-302', { availableSlots: availableSlots - 2 }],
      ["update bookings set status = 'refunded' where name = 'psql'", 'nw-302', { availableSlots }],
      ["update trips set booking_halted = true where id = 'nw-302'", 'nw-302', { bookingHalted: true }],
      ["insert into trips select 'nw-999', company_id, origin, destination, departs_at, capacity, capacity, false, 900 from trips where id = 'nw-302'", 'nw-999', null],
      ["delete from trips where id = 'nw-999'", 'nw-999', null],
    ]) {
      const from = stream.events.length;
      pg.sql(sql);
      const { data } = await stream.next(changeOf(id), { from });
      if (wanted) for (const [name, value] of Object.entries(wanted)) assert.equal(data.changes[0].changes[name], value, sql);
    }
    assert.equal(stream.events.filter(changeOf('nw-999')).map(({ data }) => data.changes[0].type).join(), 'trip-added,trip-removed');
    await stream.close();
  });

  test('the last seat on PostgreSQL is sold once, also when another program is faster', async () => {
    pg.sql("update trips set available_slots = 1 where id = 'nw-303'");
    const answers = await Promise.all([sell('nw-303'), sell('nw-303')]);
    assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 409]);
    assert.equal((await trip('nw-303')).availableSlots, 0);
    // one that holds the seat in a transaction of its own
    pg.sql("update trips set available_slots = 1 where id = 'nw-304'");
    const other = pg.session();
    await other.run("begin; insert into bookings (trip_id, name) values ('nw-304', 'Other');");
    const waiting = sell('nw-304');
    await until(() => pg.sql("select count(*) from pg_stat_activity where wait_event_type = 'Lock'") !== '0', 'the sale waits');
    await other.run('commit;');
    await other.end();
    const { status, body } = await waiting;
    assert.deepEqual([status, body.error], [409, 'SOLD_OUT']);
    assert.equal((await trip('nw-304')).availableSlots, 0);
  });

  test('a restart keeps the rows and tells what changed meanwhile', async () => {
    const stream = await apps.stream('/api/events/company-trips', { as: office });
    const { id } = await stream.next();
    const { availableSlots } = await trip('nw-305');
    await stream.close();
    await apps.stop();
    pg.sql("insert into bookings (trip_id, name) values ('nw-305', 'Meanwhile')");
    await apps.run();
    const again = await apps.stream('/api/events/company-trips', { as: office, headers: { 'Last-Event-ID': id } });
    const { data } = await again.next(changeOf('nw-305'));
    assert.equal(data.changes[0].changes.availableSlots, availableSlots - 1);
    await again.close();
  });
});
