// The trips application over HTTP: its stream, its desk, the wall between its companies.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Apps, figures, until } from '../../tests/lib.mjs';

const STREAM = '/api/events/company-trips';

describe('trips over HTTP', () => {
  let apps, office, cashier, other;

  before(async () => {
    apps = await Apps.start({ apps: ['trips'], world: false });
    [office, cashier, other] = await Promise.all(['northway-admin', 'northway-cashier', 'lakeline-admin'].map((id) => apps.login('trips', id)));
  });
  after(() => apps?.end());

  const sell = (id, seats = 1, as = cashier, more = {}) => apps.request(`/api/trips/${id}/bookings`, { as, body: { name: 'A. Test', seats, ...more } });
  const trip = async (id, as = office) => (await apps.request(`/api/trips/${id}`, { as })).body.trip;
  const listen = async (as = office, query = '') => {
    const stream = await apps.stream(STREAM + query, { as });
    await stream.next(({ data }) => data.type === 'connected');
    return stream;
  };
  const changeOf = (id) => ({ data }) => data.changes?.some(({ tripId }) => tripId === id);

  test('the stream opens at once with connected and its time', async () => {
    const stream = await apps.stream(STREAM, { as: office });
    assert.equal(stream.status, 200);
    assert.match(stream.answer.headers.get('content-type'), /^text\/event-stream/);
    const { data, event } = await stream.next(undefined, { ms: 1000 });
    assert.equal(event, null, 'without a name, for onmessage');
    assert.deepEqual(Object.keys(data), ['type', 'timestamp']);
    assert.equal(data.type, 'connected');
    assert.ok(Math.abs(data.timestamp - Date.now()) < 5000);
    await stream.close();
  });

  test('without a session there is no stream, and no data', async () => {
    for (const path of [STREAM, '/api/trips/dashboard', '/api/trips/nw-201']) {
      const { status, body } = await apps.request(path);
      assert.equal(status, 401, path);
      assert.ok(!JSON.stringify(body).includes('nw-201'));
    }
    assert.equal((await apps.request('/api/trips/nw-201/bookings', { body: { name: 'A', seats: 1 } })).status, 401);
  });

  test('an update has only the fields that changed, as booleans and numbers', async () => {
    const stream = await listen();
    const { availableSlots, bookingsCount } = await trip('nw-301');
    assert.equal((await sell('nw-301', 2)).status, 201);
    const sold = (await stream.next(changeOf('nw-301'))).data;
    assert.equal(sold.type, 'update');
    assert.equal(typeof sold.timestamp, 'number');
    assert.deepEqual(sold.changes, [{ type: 'trip-updated', tripId: 'nw-301', changes: { availableSlots: availableSlots - 2, bookingsCount: bookingsCount + 1 } }]);
    const from = stream.events.length;
    await apps.request('/api/trips/nw-301/halt', { as: cashier, body: { halted: true } });
    const halted = (await stream.next(changeOf('nw-301'), { from })).data;
    assert.deepEqual(halted.changes, [{ type: 'trip-updated', tripId: 'nw-301', changes: { bookingHalted: true } }]);
    await apps.request('/api/trips/nw-301/halt', { as: cashier, body: { halted: false } });
    await stream.close();
  });

  test('trips that come and go are told as trip-added and trip-removed', async () => {
    const stream = await listen();
    const departure = (await trip('nw-307')).departure.replace(/T.*/, 'T22:15');
    const added = await apps.request('/api/trips', { as: office, body: { origin: 'Aldbrook', destination: 'Far Hollow', departure, capacity: 20, priceCents: 900 } });
    assert.equal(added.status, 201, JSON.stringify(added.body));
    const { id } = added.body.trip;
    const told = (await stream.next(changeOf(id))).data.changes[0];
    assert.equal(told.type, 'trip-added');
    const from = stream.events.length;
    assert.equal((await apps.request(`/api/trips/${id}`, { as: office, method: 'DELETE' })).status, 204);
    assert.equal((await stream.next(changeOf(id), { from })).data.changes[0].type, 'trip-removed');
    assert.equal((await apps.request(`/api/trips/${id}`, { as: office })).status, 404);
    await stream.close();
  });

  test('events carry ids and counts, no names of places or people', async () => {
    const stream = await listen();
    await sell('nw-302', 1, cashier, { name: 'Very Private' });
    await stream.next(changeOf('nw-302'));
    apps.sql('trips', "insert into bookings (trip_id, name) values ('nw-303', 'Also Private');");
    await stream.next(changeOf('nw-303'));
    assert.ok(!/Private|Aldbrook|Ellery|cents/i.test(stream.text), stream.text);
    await stream.close();
  });

  test('counter sales, online bookings, refunds and changes by another program are all told', async () => {
    const stream = await listen();
    const free = async () => (await trip('nw-304')).availableSlots;
    const before = await free();
    const acts = [
      [async () => sell('nw-304', 1), before - 1],
      [async () => sell('nw-304', 2, cashier, { soldAt: 'online' }), before - 3],
      [async () => {
        const { body } = await apps.request('/api/trips/nw-304', { as: cashier });
        assert.deepEqual(body.bookings.slice(0, 2).map(({ soldAt, status }) => [soldAt, status]), [['online', 'paid'], ['counter', 'paid']]);
        return apps.request(`/api/trips/bookings/${body.bookings[0].id}/refund`, { as: cashier, body: {} });
      }, before - 1],
      [async () => apps.sql('trips', "update trips set available_slots = available_slots - 1 where id = 'nw-304';"), before - 2],
    ];
    for (const [act, left] of acts) {
      const from = stream.events.length;
      await act();
      const { data } = await stream.next(changeOf('nw-304'), { from });
      assert.equal(data.changes[0].changes.availableSlots, left);
    }
    await stream.close();
  });

  test('a silent stream gets a heartbeat that scripts do not see', async () => {
    const quick = await Apps.start({ apps: ['trips'], world: false, args: ['--heartbeat', '1s'] });
    try {
      const as = await quick.login('trips', 'northway-admin');
      const stream = await quick.stream(STREAM, { as });
      await until(() => /^:/m.test(stream.text), 'a comment', 8000);
      assert.ok(stream.events.every(({ data }) => ['connected', 'update'].includes(data.type)), 'nothing else is an event');
      await stream.close();
    } finally {
      await quick.end();
    }
  });

  test('two companies never see each other', async () => {
    const [mine, theirs] = [await listen(office), await listen(other)];
    await sell('nw-305');
    await apps.request('/api/trips/ll-201/bookings', { as: other, body: { name: 'B. Test', seats: 1 } });
    await mine.next(changeOf('nw-305'));
    await theirs.next(changeOf('ll-201'));
    assert.ok(!mine.text.includes('ll-') && !theirs.text.includes('nw-'));
    const list = async (as) => (await apps.request('/api/trips/dashboard', { as })).body.trips.map(({ id }) => id.slice(0, 2));
    assert.deepEqual([new Set(await list(office)), new Set(await list(other))], [new Set(['nw']), new Set(['ll'])]);
    // a trip of the other company isn't there, whatever is asked of it
    for (const [path, options] of [['', {}], ['/bookings', { body: { name: 'A', seats: 1 } }], ['/halt', { body: { halted: true } }], ['', { method: 'DELETE' }]])
      assert.equal((await apps.request(`/api/trips/ll-201${path}`, { as: office, ...options })).status, 404, `${options.method ?? 'as is'} ${path}`);
    const { body } = await apps.request('/api/trips/ll-201', { as: other });
    assert.equal((await apps.request(`/api/trips/bookings/${body.bookings[0].id}/refund`, { as: office, body: {} })).status, 404);
    const stream = await apps.stream(`${STREAM}?tenant=lakeline`, { as: office });
    await stream.next();
    await apps.request('/api/trips/ll-201/bookings', { as: other, body: { name: 'B. Test', seats: 1 } });
    await sell('nw-305');
    await stream.next(changeOf('nw-305'));
    assert.ok(!stream.text.includes('ll-'), 'the parameter gives nobody another company');
    await Promise.all([mine, theirs, stream].map((one) => one.close()));
  });

  test('the last seat sold twice at once: one sale and one clear conflict', async () => {
    for (let round = 0; round < 10; round++) {
      apps.sql('trips', "delete from bookings where trip_id = 'nw-206' and name = 'A. Test'; update trips set available_slots = 1, booking_halted = 0 where id = 'nw-206';");
      const answers = await Promise.all([sell('nw-206'), sell('nw-206', 1, office)]);
      assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 409]);
      const { body } = answers.find(({ status }) => status === 409);
      assert.equal(body.error, 'SOLD_OUT');
      assert.match(body.detail, /last seat/);
      assert.equal((await trip('nw-206')).availableSlots, 0);
      assert.equal(apps.sql('trips', "select count(*) from bookings where trip_id = 'nw-206' and name = 'A. Test' and status = 'paid';"), '1');
    }
  });

  test('what the rules forbid is refused with its reason, and changes nothing', async () => {
    const before = await trip('nw-207');
    const refused = async (answer, status, error) => {
      const { status: got, body } = await answer;
      assert.deepEqual([got, body.error], [status, error]);
      assert.ok(body.detail.length > 10);
    };
    await refused(sell('nw-207', 0), 400, 'BAD_SEATS');
    await refused(sell('nw-207', 10), 400, 'BAD_SEATS');
    await refused(sell('nw-207', 1.5), 400, 'BAD_SEATS');
    await refused(sell('nw-207', 1, cashier, { name: ' ' }), 400, 'BAD_NAME');
    await refused(sell('nw-207', 1, cashier, { soldAt: 'elsewhere' }), 400, 'BAD_REQUEST');
    apps.sql('trips', "update trips set available_slots = 3 where id = 'nw-207';");
    await refused(sell('nw-207', 4), 409, 'TOO_FEW_SEATS');
    apps.sql('trips', `update trips set available_slots = ${before.availableSlots} where id = 'nw-207';`);
    await refused(sell('nw-205', 1), 409, 'HALTED');
    await refused(apps.request('/api/trips/nw-207', { as: office, method: 'DELETE' }), 409, 'HAS_BOOKINGS');
    await refused(apps.request('/api/trips', { as: office, body: { origin: 'A', destination: 'B', departure: '2020-01-01T10:00' } }), 400, 'BAD_DEPARTURE');
    const { body } = await apps.request('/api/trips/nw-207', { as: cashier });
    const refund = () => apps.request(`/api/trips/bookings/${body.bookings[0].id}/refund`, { as: cashier, body: {} });
    assert.equal((await refund()).status, 200);
    await refused(refund(), 409, 'ALREADY_REFUNDED');
    assert.equal((await trip('nw-207')).availableSlots, before.availableSlots + body.bookings[0].seats, 'given back once');
  });

  test('only administrators add and take off trips, and nobody without this site’s Origin changes anything', async () => {
    assert.equal((await apps.request('/api/trips', { as: cashier, body: { origin: 'A', destination: 'B' } })).status, 403);
    assert.equal((await apps.request('/api/trips/nw-207', { as: cashier, method: 'DELETE' })).status, 403);
    const foreign = await apps.request('/api/trips/nw-207/bookings', { as: cashier, body: { name: 'A', seats: 1 }, headers: { Origin: 'http://elsewhere.example' } });
    assert.equal(foreign.status, 403);
    const taken = await apps.request('/api/trips/nw-207', { as: office, method: 'DELETE', headers: { Origin: 'http://elsewhere.example' } });
    assert.equal(taken.status, 403);
    const form = await apps.request('/api/trips/nw-207/bookings', { as: cashier, body: 'name=A&seats=1', headers: { 'Content-Type': 'text/plain' } });
    assert.equal(form.status, 415);
  });

  test('a stream of chosen trips has those and no others', async () => {
    const stream = await listen(office, '?key=nw-302,nw-303');
    await sell('nw-301');
    await sell('nw-302');
    await sell('nw-304');
    await sell('nw-303');
    await stream.next(changeOf('nw-303'));
    assert.deepEqual(stream.events.slice(1).map(({ data }) => data.changes[0].tripId), ['nw-302', 'nw-303']);
    await stream.close();
    const { body } = await apps.request('/api/trips/dashboard?trips=nw-302,nw-303,ll-201', { as: office });
    assert.deepEqual(body.trips.map(({ id }) => id), ['nw-302', 'nw-303']);
  });

  test('who comes back with the last id gets what was missed', async () => {
    const stream = await listen();
    await sell('nw-306');
    const { id } = await stream.next(changeOf('nw-306'));
    await stream.close();
    const { body } = await sell('nw-306', 2);
    await until(async () => (await trip('nw-306')).availableSlots === body.trip.availableSlots);
    const again = await apps.stream(STREAM, { as: office, headers: { 'Last-Event-ID': id } });
    const missed = await again.next(changeOf('nw-306'));
    assert.equal(missed.data.changes[0].changes.availableSlots, body.trip.availableSlots);
    await again.close();
  });

  test('from the sale to the event it is far below the three seconds of polling', async (t) => {
    const stream = await listen();
    const times = [];
    for (let i = 0; i < 20; i++) {
      const from = stream.events.length;
      const began = Date.now();
      await sell('nw-307');
      const { at } = await stream.next(changeOf('nw-307'), { from });
      times.push(at - began);
    }
    const { median, longest } = figures(times);
    t.diagnostic(`sale to event: median ${median} ms, longest ${longest} ms`);
    assert.ok(longest < 3000 && median < 300, `median ${median}, longest ${longest}`);
    await stream.close();
  });

  test('many admins cost the database what one does', async () => {
    const stats = async () => (await apps.request('/v1/stats', { as: await operator() })).body;
    const operator = async () => apps.login('operator', 'operator');
    const streams = await Promise.all(Array.from({ length: 200 }, () => listen()));
    await sell('nw-303');
    await Promise.all(streams.map((one) => one.next(changeOf('nw-303'))));
    const told = JSON.stringify((await stats()).sources ?? {});
    assert.match(told, /trips/, 'one source, watched once for all');
    await Promise.all(streams.map((one) => one.close()));
  });

  test('a company has a cap of streams of its own, and a user may be given one', async () => {
    const capped = await Apps.start({ apps: ['trips'], world: false, args: ['--limits-connections-per-user', '3'] });
    try {
      const [one, two] = [await capped.login('trips', 'northway-admin'), await capped.login('trips', 'northway-cashier')];
      const open = await Promise.all([1, 2, 3].map(() => capped.stream(STREAM, { as: one })));
      assert.deepEqual(open.map(({ status }) => status), [200, 200, 200]);
      const more = await capped.stream(STREAM, { as: one });
      assert.equal(more.status, 429);
      assert.equal((await capped.stream(STREAM, { as: two })).status, 200, 'others are let in');
    } finally {
      await capped.end();
    }
  });

  test('an event has a limit of size', async () => {
    const as = await apps.login('operator', 'operator');
    const { body } = await apps.request('/v1/config', { as });
    assert.equal(body.options.find(({ name }) => name === 'limits.event_bytes').value, '64KiB');
    const big = { channel: 'trips', type: 'trip-updated', key: 'nw-301', data: { text: 'x'.repeat(100_000) } };
    const { status } = await apps.request('/v1/publish?tenant=northway', { as, body: big });
    assert.ok(status === 413 || status === 403, `${status}: too large, and the channel is the database's`);
  });

  test('who goes away is cleaned up after, and the count of connections is in the metrics', async () => {
    const as = await apps.login('operator', 'operator');
    const open = async () => (await apps.request('/v1/stats', { as })).body.connectionsByTenant.northway ?? 0;
    const before = await until(async () => String(await open()));
    const streams = await Promise.all(Array.from({ length: 20 }, () => listen()));
    await until(async () => (await open()) === Number(before) + 20, 'twenty more');
    await Promise.all(streams.map((one) => one.close()));
    await until(async () => (await open()) === Number(before), 'as many as before');
  });

  test('a database that fails is a line of the log, and the desk says so', async () => {
    const broken = await Apps.start({ apps: ['trips'], world: false });
    try {
      const as = await broken.login('trips', 'northway-admin');
      broken.sql('trips', 'alter table bookings rename to gone;');
      await until(() => /source failing|no such table/.test(broken.log), () => `a line about the query: ${broken.log}`);
      const { status, body } = await broken.request('/api/trips/dashboard', { as });
      assert.deepEqual([status, body.error], [500, 'INTERNAL']);
      broken.sql('trips', 'alter table gone rename to bookings;');
      await until(async () => (await broken.request('/api/trips/dashboard', { as })).status === 200);
      const stream = await broken.stream(STREAM, { as });
      await broken.request('/api/trips/nw-301/bookings', { as, body: { name: 'A', seats: 1 } });
      await stream.next(changeOf('nw-301'), { ms: 10_000 });
    } finally {
      await broken.end();
    }
  });

  test('the world books through the same endpoints, at the rate that is set, and rests when it is off', async () => {
    const set = (body) => apps.request('/api/trips/world', { as: office, body });
    const bookings = () => Number(apps.sql('trips', "select count(*) from bookings where name in ('L. Archer', 'M. Bello', 'N. Costa', 'O. Dahl', 'P. Ekman', 'Q. Farah', 'R. Grant', 'S. Haddad', 'T. Ito', 'U. Jansen', 'V. Kumar', 'W. Lopes', 'X. Meyer', 'Y. Nagy', 'Z. Okafor');"));
    const before = bookings();
    assert.deepEqual((await set({ running: true, perSecond: 50 })).body, { running: true, perSecond: 50 });
    await until(() => bookings() >= before + 10, 'ten bookings');
    await set({ running: false });
    await apps.request('/api/trips/dashboard', { as: office });
    const resting = await until(async () => {
      const now = bookings();
      await new Promise((resolve) => setTimeout(resolve, 300));
      return bookings() === now ? now : null;
    }, 'rest');
    const stream = await listen();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    assert.equal(bookings(), resting);
    assert.equal(stream.events.length, 1, 'nothing but connected');
    await stream.close();
  });
});
