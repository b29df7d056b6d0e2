// The rental application over HTTP: its stream, broadcasts, and every rule that causes an event.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Apps, until } from '../../tests/lib.mjs';

let apps, manager, dispatcher, hr, viewer, fjord, quiet, quietSince;
const day = (days) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
const get = async (where, as = manager) => (await apps.request(where, { as })).body;
const post = (where, body, as = manager) => apps.request(where, { as, body });
const TYPES = ['rental_status_updated', 'payment_received', 'maintenance_required', 'rental_overdue', 'equipment_location_updated',
  'timesheet_updated', 'payroll_processed', 'leave_request_updated', 'system_notification', 'sync_progress'];

before(async () => {
  apps = await Apps.start({ apps: ['rental'] });
  [manager, dispatcher, hr, viewer] = await Promise.all(['manager', 'dispatch', 'people', 'viewer'].map((id) => apps.login('rental', `dune-${id}`)));
  fjord = await apps.login('rental', 'fjord-manager');
  await post('/api/rental/world', { running: false, perSecond: 1 });
  // Of this type nothing is ever published there: a silent stream for the last test.
  quiet = await apps.stream('/api/sse?type=payroll_processed', { as: fjord });
  quietSince = Date.now();
});
after(() => apps.end());

/** Does something, and gives the first event of a type that a stream of the company got from it. */
async function event(type, act, { as = manager, test = () => true } = {}) {
  const stream = await apps.stream('/api/sse', { as });
  await stream.next(({ data }) => data?.type === 'connected');
  const answer = await act();
  assert.ok(answer.status < 300, JSON.stringify(answer.body));
  const { data } = await stream.next(({ data: told }) => told?.type === type && test(told.data));
  await stream.close();
  return { answer: answer.body, data: data.data };
}

/** A machine that nobody has asked for: the tower lights of the first day. */
const freeMachine = async () => (await get('/api/rental/equipment')).equipment.find(({ state, code }) => state === 'available' && code.startsWith('TL'));
async function newRental({ from = 0, to = 3, customer = 2, machine } = {}) {
  const answer = await post('/api/rental/rentals', { customer_id: customer, equipment_id: machine ?? (await freeMachine()).id, start_on: day(from), due_on: day(to) });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return answer.body;
}
const step = (id, status, as) => post(`/api/rental/rentals/${id}/status`, { status }, as);

describe('the stream', () => {
  it('GET /api/sse opens a stream for a session, and answers 401 without one', async () => {
    const nobody = await apps.request('/api/sse', { headers: { Accept: 'text/event-stream' } });
    assert.equal(nobody.status, 401);
    const stream = await apps.stream('/api/sse', { as: viewer });
    assert.equal(stream.status, 200);
    assert.match(stream.answer.headers.get('content-type'), /^text\/event-stream/);
    assert.equal(stream.answer.headers.get('access-control-allow-origin'), null);
    const { data, id } = await stream.next();
    assert.equal(data.type, 'connected');
    assert.ok(data.data.clientId);
    assert.match(data.data.timestamp, /^\d{4}-\d\d-\d\dT.*Z$/);
    assert.match(id, /^\d+-\d+-[0-9a-f]{8}$/);
    await stream.close();
  });

  it('POST /api/sse reaches every open stream of the company, and none of another', async () => {
    const streams = await Promise.all([manager, viewer, hr].map((as) => apps.stream('/api/sse', { as })));
    const other = await apps.stream('/api/sse', { as: fjord });
    for (const one of [...streams, other]) await one.next();
    const sent = await post('/api/sse', { type: 'system_notification', data: { message: 'For all of us', level: 'info' } });
    assert.equal(sent.status, 200);
    for (const one of streams) {
      const { data } = await one.next((it) => it.data.type === 'system_notification', { ms: 2000 });
      assert.deepEqual(data.data, { message: 'For all of us', level: 'info' });
      assert.equal(data.id, sent.body.id);
      assert.ok(Math.abs(data.time - Date.now()) < 60_000);
    }
    // The other company's stream is in order: what comes after the broadcast there came first.
    await post('/api/sse', { type: 'system_notification', data: { message: 'Over here' } }, fjord);
    const { data } = await other.next((it) => it.data.type === 'system_notification');
    assert.equal(data.data.message, 'Over here');
    for (const one of [...streams, other]) await one.close();
  });

  it('the broadcasts of the document are taken as they are', async () => {
    const bodies = [
      ['rental_status_updated', { rental_id: 123, status: 'active', updated_by: 'John Doe' }],
      ['payment_received', { rental_id: 123, amount: 1500, method: 'credit_card' }],
      ['maintenance_required', { equipment: 'Excavator XC-200', description: 'Engine maintenance due' }],
      ['rental_status_updated', { rental_id: 123, status: 'completed', notes: 'Equipment returned in good condition' }],
      ['rental_status_updated', { rental_id: 123, status: 'completed' }],
    ];
    const stream = await apps.stream('/api/sse', { as: viewer });
    await stream.next();
    for (const [type, data] of bodies) assert.equal((await post('/api/sse', { type, data })).status, 200);
    await until(() => stream.events.length > bodies.length, 'all broadcasts');
    assert.deepEqual(stream.events.slice(1).map(({ data }) => [data.type, data.data]), bodies);
    await stream.close();
  });

  it('broadcasting needs a role: 403 for a viewer, 401 for nobody', async () => {
    const body = { type: 'system_notification', data: { message: 'x' } };
    assert.equal((await post('/api/sse', body, viewer)).status, 403);
    assert.equal((await apps.request('/api/sse', { body })).status, 401);
    for (const as of [manager, dispatcher, hr]) assert.equal((await post('/api/sse', body, as)).status, 200);
  });

  it('a broadcast from another site with the session\'s cookie is refused', async () => {
    const answer = await apps.request('/api/sse', { as: manager, body: { type: 'system_notification', data: { message: 'x' } }, headers: { Origin: 'https://elsewhere.example' } });
    assert.equal(answer.status, 403);
  });

  it('data that differs from its schema is refused with 422 and reaches nobody', async () => {
    const stream = await apps.stream('/api/sse', { as: manager });
    await stream.next();
    const wrong = [
      ['rental_status_updated', { rental_id: 123, status: 'flying' }],
      ['rental_status_updated', { status: 'active' }],
      ['payment_received', { rental_id: 1, amount: -5 }],
      ['payment_received', { rental_id: 1, amount: 5, method: 'pebbles' }],
      ['system_notification', { message: '' }],
      ['system_notification', { message: 'x', markup: '<b>' }],
      ['equipment_location_updated', { equipment: 'x', location: { lat: 91, lon: 0 } }],
      ['sync_progress', { task: 'x', progress: -1 }],
      ['rental_deleted', { rental_id: 1 }],
      ['rental_overdue', 'three days'],
    ];
    for (const [type, data] of wrong) {
      const answer = await post('/api/sse', { type, data });
      assert.equal(answer.status, 422, `${type} ${JSON.stringify(data)}: ${JSON.stringify(answer.body)}`);
      assert.equal(answer.body.error, 'SCHEMA_MISMATCH');
    }
    assert.equal((await post('/api/sse', '{"type":')).status, 400);
    await post('/api/sse', { type: 'sync_progress', data: { task: 'after', progress: 1 } });
    await stream.next(({ data }) => data.data?.task === 'after');
    assert.equal(stream.events.length, 2);
    await stream.close();
    await until(() => apps.log.split('error=SCHEMA_MISMATCH').length > wrong.length, 'the lines of the log');
    assert.ok(!apps.log.includes('flying'), 'no payload is logged');
  });

  it('a stream may ask for some of the types only', async () => {
    const some = await apps.stream('/api/sse?type=payment_received,rental_overdue', { as: viewer });
    await some.next();
    await post('/api/sse', { type: 'sync_progress', data: { task: 'not wanted', progress: 1 } });
    await post('/api/sse', { type: 'payment_received', data: { rental_id: 1, amount: 2 } });
    const { data } = await some.next(({ data: told }) => told.type !== 'connected');
    assert.equal(data.type, 'payment_received');
    await some.close();
  });

  it('a stream that comes back with its last id gets what it missed', async () => {
    const stream = await apps.stream('/api/sse', { as: viewer });
    const { id } = await stream.next();
    await stream.close();
    for (const n of [1, 2, 3]) await post('/api/sse', { type: 'sync_progress', data: { task: `missed ${n}`, progress: n } });
    const again = await apps.stream('/api/sse', { as: viewer, headers: { 'Last-Event-ID': id } });
    await until(() => again.events.length >= 4, 'what was missed');
    assert.deepEqual(again.events.slice(1).map(({ data }) => data.data.task), ['missed 1', 'missed 2', 'missed 3']);
    await again.close();
  });

  it('polling reads the same events, from the past on', async () => {
    const first = await get('/api/rental/events?limit=1', viewer);
    await post('/api/sse', { type: 'sync_progress', data: { task: 'polled', progress: 7 } });
    const next = await get(`/api/rental/events?lastEventId=${first.cursor}`, viewer);
    assert.deepEqual(next.events.map(({ type, data }) => [type, data.task]), [['sync_progress', 'polled']]);
    assert.ok((await get('/api/rental/events?since=earliest', viewer)).events.length > 5);
    assert.equal((await apps.request('/api/rental/events')).status, 401);
  });

  it('fifty connections get an event within two seconds, and are gone from the figures once closed', async () => {
    const before = (await get('/api/rental/stats')).totalConnections;
    const streams = await Promise.all(Array.from({ length: 50 }, () => apps.stream('/api/sse', { as: viewer })));
    for (const one of streams) await one.next();
    assert.equal((await get('/api/rental/stats')).totalConnections, before + 50);
    await post('/api/sse', { type: 'sync_progress', data: { task: 'fifty', progress: 50 } });
    await Promise.all(streams.map((one) => one.next(({ data }) => data.data?.task === 'fifty', { ms: 2000 })));
    await Promise.all(streams.map((one) => one.close()));
    await until(async () => (await get('/api/rental/stats')).totalConnections === before, 'the closed ones to be cleaned up');
  });

  it('an administrator reads connections, published and refused events of the company; others may not', async () => {
    const before = await get('/api/rental/stats');
    await post('/api/sse', { type: 'sync_progress', data: { task: 'counted', progress: 1 } });
    const now = await get('/api/rental/stats');
    assert.equal(now.eventsPublished, before.eventsPublished + 1);
    for (const name of ['totalConnections', 'eventsRefused', 'eventsFailed', 'publishRate', 'historySize']) assert.equal(typeof now[name], 'number', name);
    assert.deepEqual(Object.keys(now.connectionsByTenant).filter((one) => one !== 'dune-rental'), []);
    assert.equal((await apps.request('/api/rental/stats', { as: viewer })).status, 403);
  });

  it('the hub\'s operator reads memory, rates, latency and types of the whole hub', async () => {
    const operator = await apps.login('operator', 'operator');
    const { status, body } = await apps.request('/v1/stats', { as: operator });
    assert.equal(status, 200, JSON.stringify(body));
    const names = JSON.stringify(body);
    for (const name of ['totalConnections', 'memoryBytes', 'bytesPerConnection', 'publishRate', 'eventsFailed', 'reconnectRate']) assert.ok(names.includes(`"${name}"`), `${name}: ${names}`);
    assert.ok(body.eventsByType.sync_progress >= 1, names);
    assert.match(names, /latency/i);
    assert.equal(typeof body.maxConnections, 'number');
  });
});

describe('rentals and payments', () => {
  it('a rental is asked for, confirmed, handed over and taken back, each told to everybody', async () => {
    const machine = await freeMachine();
    const made = await event('rental_status_updated', () => post('/api/rental/rentals', { customer_id: 2, equipment_id: machine.id, start_on: day(0), due_on: day(3) }), { as: viewer });
    assert.equal(made.data.status, 'pending');
    assert.equal(made.data.customer, 'Eastern Pipeline Works');
    const id = made.answer.id;
    assert.equal(made.answer.owed, 0);
    for (const [status, previous] of [['confirmed', 'pending'], ['active', 'confirmed'], ['completed', 'active']]) {
      const { data, answer } = await event('rental_status_updated', () => step(id, status, dispatcher), { test: (told) => told.status === status });
      assert.deepEqual([data.rental_id, data.status, data.previous, data.updated_by], [id, status, previous, 'Omar Haddad']);
      assert.equal(answer.status, status);
      if (status === 'active') assert.equal((await get('/api/rental/equipment')).equipment.find((one) => one.id === machine.id).state, 'rented');
    }
    const { rentals } = await get('/api/rental/rentals');
    const rental = rentals.find((one) => one.id === id);
    assert.equal(rental.returned_on, day(0));
    assert.equal(rental.owed, rental.day_rate); // back on its first day: one day
  });

  it('a rental takes no step out of its way, and only those who may move it', async () => {
    const { id } = await newRental({ from: 30, to: 31 });
    for (const status of ['active', 'completed', 'overdue', 'pending']) assert.equal((await step(id, status)).status, 409, status);
    assert.equal((await step(id, 'flying')).status, 400);
    assert.equal((await step(id, 'confirmed', viewer)).status, 403);
    assert.equal((await step(id, 'confirmed', hr)).status, 403);
    assert.equal((await step(999_999, 'confirmed')).status, 404);
    assert.equal((await step(id, 'cancelled')).status, 200);
    assert.equal((await step(id, 'confirmed')).status, 409);
  });

  it('of two who want the same machine on the same days one gets it and one a conflict', async () => {
    const machine = (await freeMachine()).id;
    const wish = { customer_id: 2, equipment_id: machine, start_on: day(40), due_on: day(45) };
    const answers = await Promise.all([post('/api/rental/rentals', wish), post('/api/rental/rentals', { ...wish, start_on: day(45), due_on: day(50) }, dispatcher)]);
    assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 409]);
    assert.equal(answers.find(({ status }) => status === 409).body.error, 'TAKEN');
    assert.equal((await post('/api/rental/rentals', { ...wish, start_on: day(51), due_on: day(52) })).status, 201);
  });

  it('a rental that could not be is refused: past days, unknown customer, a year too long', async () => {
    const machine = (await freeMachine()).id;
    const wish = { customer_id: 2, equipment_id: machine, start_on: day(60), due_on: day(62) };
    for (const [change, status] of [[{ start_on: day(-1) }, 400], [{ due_on: day(59) }, 400], [{ due_on: day(500) }, 400], [{ due_on: '2026-02-30' }, 400],
      [{ customer_id: 'x' }, 400], [{ customer_id: 9999 }, 404], [{ equipment_id: 9999 }, 404]])
      assert.equal((await post('/api/rental/rentals', { ...wish, ...change })).status, status, JSON.stringify(change));
  });

  it('a due day that passes makes a rental overdue by itself, within two seconds', async () => {
    const { rentals } = await get('/api/rental/rentals');
    const { id } = rentals.find(({ status }) => status === 'active');
    const { data } = await event('rental_overdue', () => (apps.sql('rental', `update rentals set due_on = date('now', '-3 days'), start_on = date('now', '-9 days') where id = ${id};`), { status: 200 }), { test: (told) => told.rental_id === id });
    assert.equal(data.days_overdue, 3);
    assert.match(data.message, /3 days overdue/);
    const rental = (await get('/api/rental/rentals')).rentals.find((one) => one.id === id);
    assert.equal(rental.status, 'overdue');
    assert.equal(rental.owed, 7 * rental.day_rate + (3 * 3 * rental.day_rate) / 2);
  });

  it('a due day set to the past makes a rental overdue, set to the future active again', async () => {
    const { id, due_on: due } = (await get('/api/rental/rentals')).rentals.find(({ status, start_on: from }) => status === 'active' && from < day(-1));
    const late = await event('rental_overdue', () => post(`/api/rental/rentals/${id}/due`, { due_on: day(-1) }), { test: (told) => told.rental_id === id });
    assert.equal(late.data.days_overdue, 1);
    assert.equal(late.answer.status, 'overdue');
    const back = await event('rental_status_updated', () => post(`/api/rental/rentals/${id}/due`, { due_on: due }), { test: (told) => told.status === 'active' });
    assert.equal(back.answer.status, 'active');
    assert.equal((await post(`/api/rental/rentals/${id}/due`, { due_on: day(-400) })).status, 409);
  });

  it('a payment is told with what is left; more than is open is refused', async () => {
    const { id, balance } = (await get('/api/rental/rentals')).rentals.find((one) => one.balance > 100_000);
    const { data, answer } = await event('payment_received', () => post(`/api/rental/rentals/${id}/payments`, { amount: 12_345, method: 'cash' }), { as: viewer });
    assert.deepEqual([data.rental_id, data.amount, data.method, data.currency], [id, 123.45, 'cash', 'SAR']);
    assert.equal(Math.round(data.balance * 100), balance - 12_345);
    assert.equal(answer.balance, balance - 12_345);
    assert.equal((await get('/api/rental/overview')).metrics.paid_today >= 12_345, true);
    const { payments } = await get(`/api/rental/rentals/${id}/payments`);
    assert.equal(payments.at(-1).received_by, 'Amina Saleh');
    assert.equal((await post(`/api/rental/rentals/${id}/payments`, { amount: balance, method: 'cash' })).status, 409);
    assert.equal((await post(`/api/rental/rentals/${id}/payments`, { amount: 0, method: 'cash' })).status, 400);
    assert.equal((await post(`/api/rental/rentals/${id}/payments`, { amount: 5, method: 'pebbles' })).status, 400);
    assert.equal((await post(`/api/rental/rentals/${id}/payments`, { amount: 5, method: 'cash' }, viewer)).status, 403);
  });

  it('a customer beyond the credit limit is suspended, gets nothing more, and may rent again', async () => {
    const { customers } = await get('/api/rental/customers');
    const one = customers.find(({ open }) => open > 500_000);
    const { data } = await event('system_notification', () => post(`/api/rental/customers/${one.id}/credit`, { credit_limit: 100_000 }), { test: (told) => /suspended/.test(told.message) });
    assert.deepEqual([data.level, data.scope], ['warning', 'customers']);
    const machine = (await freeMachine()).id;
    const refused = await post('/api/rental/rentals', { customer_id: one.id, equipment_id: machine, start_on: day(80), due_on: day(81) });
    assert.deepEqual([refused.status, refused.body.error], [409, 'CREDIT_LIMIT']);
    assert.equal((await get('/api/rental/customers')).customers.find(({ id }) => id === one.id).status, 'suspended');
    await event('system_notification', () => post(`/api/rental/customers/${one.id}/credit`, { credit_limit: one.credit_limit }), { test: (told) => /may rent again/.test(told.message) });
    assert.equal((await post('/api/rental/rentals', { customer_id: one.id, equipment_id: machine, start_on: day(80), due_on: day(81) })).status, 201);
  });
});

describe('equipment and maintenance', () => {
  const locate = (id, body, as) => post(`/api/rental/equipment/${id}/location`, body, as);

  it('a machine that moved is told with its place; one that only wanders is not', async () => {
    const { id, lat, lon, hours } = (await get('/api/rental/equipment')).equipment[0];
    const { data, answer } = await event('equipment_location_updated', () => locate(id, { lat: lat + 0.01, lon, site: 'Site 7', hours: hours / 10 + 0.2 }, dispatcher));
    assert.deepEqual([data.equipment_id, data.location.site, data.hours], [id, 'Site 7', hours / 10 + 0.2]);
    assert.ok(Math.abs(data.location.lat - lat - 0.01) < 1e-9);
    assert.equal(answer.changed, true);
    const still = await locate(id, { lat: lat + 0.01005, lon });
    assert.deepEqual([still.status, still.body.changed], [200, false]);
    assert.equal((await locate(id, { lat: 91, lon })).status, 400);
    assert.equal((await locate(id, { lat, lon, hours: hours / 10 - 1 })).status, 409);
    assert.equal((await locate(id, { lat, lon, hours: hours / 10 + 100 })).status, 409);
    assert.equal((await locate(id, { lat, lon }, hr)).status, 403);
  });

  it('engine hours that use up the interval open one service order, told once', async () => {
    const one = (await get('/api/rental/equipment')).equipment.filter((it) => !it.order_open).sort((a, b) => a.hours_left - b.hours_left)[0];
    apps.sql('rental', `update equipment set serviced_at = hours - service_every + 5 where id = ${one.id};`);
    const place = { lat: one.lat, lon: one.lon };
    const { data, answer } = await event('maintenance_required', () => locate(one.id, { ...place, hours: (one.hours + 5) / 10 }));
    assert.deepEqual([data.equipment_id, data.kind, data.status], [one.id, 'service', 'open']);
    assert.equal(answer.service_due, true);
    assert.equal((await locate(one.id, { ...place, hours: (one.hours + 7) / 10 })).body.service_due, false);
    const done = await event('maintenance_required', () => post(`/api/rental/orders/${data.order_id}/done`, {}), { test: (told) => told.status === 'done' });
    assert.equal(done.data.status, 'done');
    const now = (await get('/api/rental/equipment')).equipment.find(({ id }) => id === one.id);
    assert.equal(now.hours_left, now.service_every);
    assert.equal((await post(`/api/rental/orders/${data.order_id}/done`, {})).status, 409);
  });

  it('a defect sends a machine to the workshop, and nobody gets it before it is done', async () => {
    const machine = await freeMachine();
    const { id } = await newRental({ machine: machine.id });
    await step(id, 'confirmed');
    const { data } = await event('maintenance_required', () => post(`/api/rental/equipment/${machine.id}/orders`, { description: 'Leaks\n <b>oil</b>' }));
    assert.deepEqual([data.kind, data.description], ['defect', 'Leaks <b>oil</b>']); // one line, and text
    assert.equal((await get('/api/rental/equipment')).equipment.find((one) => one.id === machine.id).state, 'maintenance');
    const refused = await step(id, 'active');
    assert.deepEqual([refused.status, refused.body.detail], [409, 'the equipment is in the workshop']);
    assert.equal((await post(`/api/rental/orders/${data.order_id}/done`, {}, dispatcher)).status, 200);
    assert.equal((await step(id, 'active')).status, 200);
    assert.equal((await post(`/api/rental/equipment/${machine.id}/orders`, { description: ' \n ' })).status, 400);
  });
});

describe('people', () => {
  const worked = (employee, days, minutes, as = hr) => post('/api/rental/timesheets', { employee_id: employee, day: day(days), minutes }, as);

  it('hours are handed in, decided on once, and handed in again when rejected', async () => {
    const { employees } = await get('/api/rental/people');
    const { data, answer } = await event('timesheet_updated', () => worked(employees[0].id, -40, 465));
    assert.deepEqual([data.status, data.employee, data.hours, data.day], ['submitted', employees[0].name, 7.75, day(-40)]);
    const decide = (status) => post(`/api/rental/timesheets/${answer.id}/status`, { status }, hr);
    await event('timesheet_updated', () => decide('rejected'), { test: (told) => told.status === 'rejected' });
    assert.equal((await decide('approved')).status, 409);
    assert.equal((await worked(employees[0].id, -40, 480)).body.id, answer.id);
    await event('timesheet_updated', () => decide('approved'), { test: (told) => told.status === 'approved' });
    assert.equal((await worked(employees[0].id, -40, 480)).status, 409);
    for (const [days, minutes] of [[1, 60], [-1, 1000], [-1, 20]]) assert.equal((await worked(employees[0].id, days, minutes)).status, 400);
    assert.equal((await worked(9999, -1, 60)).status, 404);
    assert.equal((await worked(employees[0].id, -1, 60, dispatcher)).status, 403);
  });

  it('payroll pays approved hours once, hours beyond eight at one and a half', async () => {
    const { employees } = await get('/api/rental/people');
    const [a, b] = employees;
    for (const [who, days, minutes] of [[a, -100, 480], [a, -101, 600], [b, -100, 240]]) {
      const { body } = await worked(who.id, days, minutes);
      if (who === a || days === -100) assert.equal((await post(`/api/rental/timesheets/${body.id}/status`, { status: 'approved' }, hr)).status, 200);
    }
    const periods = [...new Set([day(-100).slice(0, 7), day(-101).slice(0, 7)])];
    let total = 0;
    let minutes = 0;
    for (const period of periods) {
      const preview = (await get(`/api/rental/people?period=${period}`)).preview;
      const { data } = await event('payroll_processed', () => post('/api/rental/payrolls', { period }, hr));
      assert.deepEqual([data.period, Math.round(data.total * 100)], [period, preview.total]);
      assert.equal((await post('/api/rental/payrolls', { period }, hr)).status, 409);
      total += preview.total;
      minutes += preview.minutes;
    }
    assert.equal(minutes, 480 + 600 + 240);
    assert.equal(total, a.hourly * 8 + a.hourly * 8 + a.hourly * 3 + b.hourly * 4);
    assert.equal((await post('/api/rental/payrolls', { period: '2026-13' }, hr)).status, 400);
    assert.equal((await post('/api/rental/payrolls', { period: periods[0] }, dispatcher)).status, 403);
  });

  it('annual leave is taken from the days of the year, working days only, and keeps hours out', async () => {
    const one = (await get('/api/rental/people')).employees.find(({ leave_taken: taken }) => taken === 0);
    const ask = (from, to, kind = 'annual') => post('/api/rental/leaves', { employee_id: one.id, kind, from_on: from, to_on: to }, hr);
    const year = day(0).slice(0, 4);
    // the first Sunday to Saturday of March: five working days, the weekend there is Friday and Saturday
    const first = new Date(`${year}-03-01`);
    const sunday = new Date(first.getTime() + ((7 - first.getUTCDay()) % 7) * 86_400_000);
    const on = (days) => new Date(sunday.getTime() + days * 86_400_000).toISOString().slice(0, 10);
    const { data, answer } = await event('leave_request_updated', () => ask(on(0), on(6)));
    assert.deepEqual([data.status, data.days, data.kind, data.employee], ['requested', 5, 'annual', one.name]);
    assert.equal((await ask(on(5), on(6), 'unpaid')).status, 409); // a weekend
    assert.equal((await ask(on(4), on(8))).status, 409); // some of the days again
    assert.equal((await ask(`${year}-06-01`, `${year}-07-20`)).status, 409); // more than are left
    assert.equal((await ask(on(7), on(6))).status, 400);
    const decided = await event('leave_request_updated', () => post(`/api/rental/leaves/${answer.id}/status`, { status: 'approved' }, hr), { test: (told) => told.status === 'approved' });
    assert.equal(decided.data.status, 'approved');
    assert.equal((await post(`/api/rental/leaves/${answer.id}/status`, { status: 'rejected' }, hr)).status, 409);
    assert.equal((await get('/api/rental/people')).employees.find(({ id }) => id === one.id).leave_taken, 5);
    if (on(1) <= day(0)) {
      const refused = await post('/api/rental/timesheets', { employee_id: one.id, day: on(1), minutes: 480 }, hr);
      assert.deepEqual([refused.status, refused.body.detail], [409, 'the employee is on leave that day']);
    }
    assert.equal((await ask(on(14), on(15), 'sick')).status, 201);
    assert.equal((await post(`/api/rental/leaves/${answer.id}/status`, { status: 'approved' }, dispatcher)).status, 403);
  });
});

describe('customers, notices, companies', () => {
  const record = (n, change = {}) => ({ code: `T-${n}`, name: `Customer ${n}`, city: 'Jubail', email: `c${n}@c.example`, credit_limit: 100_000, revision: 5, ...change });

  it('customers come in batches with progress; an older revision changes nothing', async () => {
    const start = await event('sync_progress', () => post('/api/rental/syncs', { task: 'Customers', total: 4 }, dispatcher));
    assert.deepEqual([start.data.progress, start.data.total], [0, 4]);
    const batch = (...customers) => post(`/api/rental/syncs/${start.answer.id}/customers`, { customers }, dispatcher);
    const half = await event('sync_progress', () => batch(record(1), record(2)), { test: (told) => told.done === 2 });
    assert.deepEqual([half.data.progress, half.data.done, half.data.changed], [50, 2, 2]);
    assert.equal((await batch(record(3), record(4), record(5))).status, 409);
    assert.equal((await batch(record(3, { credit_limit: -1 }))).status, 400);
    const done = await event('sync_progress', () => batch(record(1, { name: 'Older', revision: 4 }), record(2, { name: 'Newer', revision: 6 })), { test: (told) => told.done === 4 });
    assert.deepEqual([done.data.progress, done.data.changed], [100, 3]);
    const { customers, syncs } = await get('/api/rental/customers');
    assert.deepEqual(['T-1', 'T-2', 'T-3'].map((code) => customers.find((one) => one.code === code)?.name), ['Customer 1', 'Newer', undefined]);
    assert.ok(syncs[0].finished_at);
    assert.equal((await post('/api/rental/syncs', { task: 'x', total: 1 }, hr)).status, 403);
  });

  it('a notice is told to everybody as one clean line of text', async () => {
    const { data } = await event('system_notification', () => post('/api/rental/notices', { message: '  <b>Fire\u2028 drill</b>\n\tat ten ', level: 'warning' }, hr), { as: viewer });
    assert.deepEqual([data.message, data.level, data.updated_by], ['<b>Fire drill</b> at ten', 'warning', 'Lina Aziz']);
    assert.equal((await post('/api/rental/notices', { message: 'x', level: 'info' }, viewer)).status, 403);
    assert.equal((await post('/api/rental/notices', { message: 'x', level: 'loud' })).status, 400);
  });

  it('two companies never see each other: lists, numbers, steps', async () => {
    const names = async (where, list, as) => (await get(where, as))[list].map(({ id }) => id);
    for (const [where, list] of [['/api/rental/rentals', 'rentals'], ['/api/rental/equipment', 'equipment'], ['/api/rental/customers', 'customers'], ['/api/rental/people', 'employees']]) {
      const ours = await names(where, list, manager);
      const theirs = await names(where, list, fjord);
      assert.ok(ours.length && theirs.length, where);
      assert.deepEqual(ours.filter((id) => theirs.includes(id)), [], where);
    }
    const rental = (await get('/api/rental/rentals')).rentals.find(({ status }) => status === 'active');
    const machine = (await get('/api/rental/equipment')).equipment[0];
    assert.equal((await step(rental.id, 'completed', fjord)).status, 404);
    assert.equal((await post(`/api/rental/rentals/${rental.id}/payments`, { amount: 1, method: 'cash' }, fjord)).status, 404);
    assert.equal((await post(`/api/rental/equipment/${machine.id}/location`, { lat: 1, lon: 1 }, fjord)).status, 404);
    assert.deepEqual((await get(`/api/rental/rentals/${rental.id}/payments`, fjord)).payments, []);
    const body = { type: 'system_notification', tenant: 'dune-rental', data: { message: 'over the wall' } };
    assert.ok((await post('/api/sse', body, fjord)).status >= 400);
  });

  it('nothing is answered without a session', async () => {
    for (const where of ['overview', 'rentals', 'equipment', 'people', 'customers']) assert.equal((await apps.request(`/api/rental/${where}`)).status, 401, where);
    assert.equal((await apps.request('/api/rental/notices', { body: { message: 'x', level: 'info' } })).status, 401);
  });

  it('the world reports places, hours and customers; switched off, nothing comes any more', async () => {
    const stream = await apps.stream('/api/sse', { as: manager });
    await stream.next();
    const types = () => new Set(stream.events.map(({ data }) => data.type));
    await post('/api/rental/world', { running: true, perSecond: 60 });
    for (const type of ['equipment_location_updated', 'timesheet_updated', 'sync_progress', 'payment_received']) await until(() => types().has(type), type, 20_000);
    await post('/api/rental/world', { running: false, perSecond: 1 });
    let count = -1;
    await until(async () => {
      const same = count === stream.events.length;
      count = stream.events.length;
      await new Promise((resolve) => setTimeout(resolve, 200)); // an act that was under way
      return same;
    }, 'the last act');
    const before = await get('/api/rental/overview');
    await new Promise((resolve) => setTimeout(resolve, 2500)); // more than two looks at the dates
    assert.equal(stream.events.length, count);
    assert.deepEqual(await get('/api/rental/overview'), before);
    await stream.close();
  });

  it('a database that is replaced is told of, and answers are of the new one', async () => {
    const { data } = await event('system_notification', () => (apps.replaceDatabase('rental', "update companies set name = 'Dune Two' where id = 'dune-rental';"), { status: 200 }), { test: (told) => told.scope === 'data' });
    assert.equal(data.level, 'warning');
    assert.equal((await get('/api/rental/overview')).company.name, 'Dune Two');
  });

  it('broadcasts beyond the rate of a user are refused with 429', async () => {
    const many = Array.from({ length: 1000 }, (_, i) => ({ type: 'sync_progress', data: { task: 'flood', progress: i } }));
    const answers = await Promise.all([1, 2, 3].map(() => post('/api/sse', many, fjord)));
    assert.ok(answers.some(({ status }) => status === 429), answers.map(({ status }) => status).join());
    assert.ok(answers.find(({ status }) => status === 429).headers.get('retry-after'));
    assert.equal((await post('/api/sse', { type: 'sync_progress', data: { task: 'ours', progress: 1 } })).status, 200);
  });
});

it('all ten types of the document are configured, and no other', async () => {
  for (const type of TYPES) assert.equal((await post('/api/sse', { type, data: {} })).body.error, 'SCHEMA_MISMATCH', type);
  assert.match((await post('/api/sse', { type: 'other', data: {} })).body.detail, /type/);
});

it('a silent stream gets a heartbeat every 30 seconds', async () => {
  // The first comes within the 30 seconds: streams take turns, so that not all of them beat at once.
  const beats = () => quiet.text.match(/^: heartbeat \d+$/gm)?.length ?? 0;
  await until(() => beats() > 0, 'a heartbeat', Math.max(1000, 35_000 - (Date.now() - quietSince)));
  assert.ok(beats() <= 1 + Math.floor((Date.now() - quietSince) / 29_000), `${beats()} heartbeats`);
  assert.equal(quiet.events.length, 1);
  await quiet.close();
});
