// The documented endpoints of the five applications, by configuration alone, with the shapes that
// their documents show.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Hub } from './lib/hub.mjs';
import { request } from './lib/http.mjs';
import { auth, sign } from './lib/token.mjs';

const json = (e) => JSON.parse(e.data);
const ID = /^\d+-\d+-[0-9a-f]{8}$/;
const cockpitStream = { kind: 'stream', tenant: 'param', channel: 'param', channels: ['dashboard-updates', 'evidence-updates', 'report-updates'], params: { tenant: 'companyId' },
  envelope: 'full', control: { open: 'connected', envelope: 'typed', time: 'iso', id_name: 'connectionId' } };
const crowd = (name) => ({ path: `/api/crowd-risk/${name}-stream`, kind: 'stream', channels: [name], envelope: 'typed', heartbeat: 'comment', control: { open: 'connected', envelope: 'flat', time: 'ms' } });
const routes = [
  { path: '/api/events/company-trips', kind: 'stream', tenant: 'token', channels: ['trips'], envelope: 'update', key_name: 'tripId', heartbeat: 'comment', control: { open: 'connected', envelope: 'flat', time: 'ms' } },
  { path: '/sse/stream', ...cockpitStream }, { path: '/api/sse/stream', ...cockpitStream },
  { path: '/sse/stats', kind: 'stats' },
  { path: '/sse/test-broadcast', kind: 'test-broadcast', tenant: 'param', channel: 'param', params: { tenant: 'companyId' } },
  { path: '/sse/poll', kind: 'poll', tenant: 'param', channel: 'param', channels: ['dashboard-updates'], params: { tenant: 'companyId', last_event_id: 'after' } },
  { path: '/api/sse', kind: 'stream', channels: ['rental'], envelope: 'typed', heartbeat: 'comment', control: { open: 'connected', envelope: 'flat' } },
  { path: '/api/sse', kind: 'publish', channels: ['rental'] },
  { path: '/api/sse/dashboard', kind: 'stream', tenant: 'fixed', tenant_value: 'city', channels: ['capacity', 'alerts'], envelope: 'typed', heartbeat: 'ping', heartbeat_every: '300ms', control: { open: 'connected', envelope: 'typed', time: 'iso', id_name: 'clientId' } },
  crowd('density'), crowd('alert'),
  { path: '/snap', kind: 'stream', channels: ['trips'], snapshot: true, since: 'earliest', control: { gap: 'hole', beat: 'pulse', close: 'bye' }, heartbeat_every: '250ms' },
];

describe('routes of the five applications', () => {
  let hub;
  before(async () => {
    hub = await Hub.start({ config: { heartbeat: '300ms', tenant: 'acme', channels: [{ name: 'trips', keyed: true }], routes } });
  });
  after(() => hub.stop());

  // An unnamed event with the exact members of the documents.
  const unnamed = (e, keys) => {
    assert.equal(e.event, 'message');
    const d = json(e);
    if (keys) assert.deepEqual(Object.keys(d).sort(), [...keys].sort());
    return d;
  };

  test('trips: connected, update with only the changes, added and removed, heartbeats as comments', async () => {
    const s = await hub.stream('/api/events/company-trips');
    const open = await s.next();
    const c = unnamed(open, ['type', 'timestamp']);
    assert.equal(c.type, 'connected');
    assert.ok(Math.abs(c.timestamp - Date.now()) < 5000);
    assert.match(open.id, ID);
    const id = await hub.publish({ channel: 'trips', type: 'trip-updated', key: 'cm1', data: { availableSlots: 45, bookingHalted: false }, state: { id: 'cm1' } });
    const u = await s.next();
    assert.equal(u.id, id);
    assert.deepEqual(unnamed(u), { type: 'update', changes: [{ type: 'trip-updated', tripId: 'cm1', changes: { availableSlots: 45, bookingHalted: false } }], timestamp: Number(id.split('-')[0]) });
    await hub.publish({ channel: 'trips', type: 'trip-removed', key: 'cm1', deleted: true });
    assert.deepEqual(json(await s.next()).changes, [{ type: 'trip-removed', tripId: 'cm1' }]);
    await s.until(() => s.comments.length > 0, 'a comment');
    assert.match(s.comments[0], /^heartbeat \d{13}$/);
    s.close();
  });

  for (const path of ['/sse/stream', '/api/sse/stream'])
    test(`cockpit: ${path}`, async () => {
      const s = await hub.stream(`${path}?companyId=acme-corp&channel=dashboard-updates`);
      const open = await s.next();
      const c = unnamed(open);
      assert.equal(c.type, 'connected');
      assert.ok(c.data.connectionId);
      const sent = await hub.post('/sse/test-broadcast', { companyId: 'acme-corp', channel: 'dashboard-updates', type: 'dashboard-update', data: { metric: 'SROI', value: 2.5 } });
      assert.equal(sent.status, 200, sent.text);
      const e = (await s.take(1))[0];
      const d = unnamed(e);
      assert.deepEqual([d.type, d.channel, d.data, d.id], ['dashboard-update', 'dashboard-updates', { metric: 'SROI', value: 2.5 }, sent.json.id]);
      s.close();
      const t = await hub.stream(`${path}?companyId=acme-corp&channel=dashboard-updates&lastEventId=${open.id}`);
      const [o, again] = await t.take(2);
      assert.equal(o.id, open.id);
      assert.equal(again.id, sent.json.id);
      t.close();
      const wall = await hub.stream(`${path}?companyId=other&channel=dashboard-updates&since=earliest`);
      await wall.next();
      assert.equal(json(await wall.next()).type, 'freshet.beat');
      wall.close();
      assert.equal((await hub.get(`${path}?companyId=acme-corp&channel=secret`)).status, 403);
      assert.equal((await hub.get(`${path}?companyId=acme%20corp&channel=dashboard-updates`)).status, 400);
      assert.equal((await hub.get(`${path}?companyId=acme-corp`)).status, 400);
      assert.equal((await hub.get(`${path}?companyId=acme-corp&channel=dashboard-updates`, { Accept: 'text/html' })).status, 406);
      assert.equal((await request(hub.port, 'POST', path)).status, 405);
    });

  test('cockpit: statistics, polling fallback', async () => {
    const s = await hub.stream('/sse/stream?companyId=counted&channel=dashboard-updates');
    await s.next();
    const stats = (await hub.get('/sse/stats')).json;
    assert.equal(stats.connectionsByCompany.counted, 1);
    for (const k of ['totalConnections', 'connectionsByChannel', 'historySize']) assert.ok(k in stats, k);
    s.close();
    const first = (await hub.get('/sse/poll?companyId=polled&channel=dashboard-updates')).json;
    await hub.post('/sse/test-broadcast', { companyId: 'polled', channel: 'dashboard-updates', type: 'x', data: 1 });
    const p = (await hub.get(`/sse/poll?companyId=polled&channel=dashboard-updates&after=${first.cursor}`)).json;
    assert.deepEqual(p.events.map((e) => e.type), ['x']);
    assert.equal((await hub.get('/sse/poll?companyId=polled&channel=other')).status, 403);
  });

  test('rental: GET streams and POST broadcasts on one path', async () => {
    const s = await hub.stream('/api/sse');
    assert.deepEqual(Object.keys(unnamed(await s.next())).sort(), ['timestamp', 'type']);
    const r = await hub.post('/api/sse', { type: 'rental_status_updated', data: { rental_id: 123, status: 'completed' } });
    assert.equal(r.status, 200, r.text);
    assert.deepEqual(unnamed(await s.next()), { type: 'rental_status_updated', data: { rental_id: 123, status: 'completed' } });
    s.close();
    const no = await request(hub.port, 'PUT', '/api/sse');
    assert.deepEqual([no.status, no.headers.allow], [405, 'GET, HEAD, POST, OPTIONS']);
  });

  test('parking: connected with clientId and an ISO time, typed events, pings', async () => {
    const s = await hub.stream('/api/sse/dashboard');
    const c = unnamed(await s.next(), ['type', 'data']);
    assert.equal(c.type, 'connected');
    assert.deepEqual(Object.keys(c.data).sort(), ['clientId', 'timestamp']);
    assert.equal(new Date(c.data.timestamp).toISOString(), c.data.timestamp);
    const data = { parkingLotId: 'lot_123', totalSlots: 100, occupancyRate: 0.75 };
    await hub.publish({ tenant: 'city', channel: 'capacity', type: 'capacity_update', data });
    assert.deepEqual(unnamed(await s.next()), { type: 'capacity_update', data });
    const ping = await s.next();
    const p = unnamed(ping, ['type', 'data']);
    assert.deepEqual([p.type, Object.keys(p.data), ping.id], ['ping', ['timestamp'], undefined]);
    assert.equal(new Date(p.data.timestamp).toISOString(), p.data.timestamp);
    s.close();
  });

  test('crowd: density and alerts, the end of an emergency as null, heartbeats as comments', async () => {
    const d = await hub.stream('/api/crowd-risk/density-stream');
    const a = await hub.stream('/api/crowd-risk/alert-stream');
    for (const s of [d, a]) {
      const c = unnamed(await s.next(), ['type', 'timestamp']);
      assert.deepEqual([c.type, typeof c.timestamp], ['connected', 'number']);
    }
    await hub.publish([{ channel: 'density', type: 'density', data: { areaId: 'n', densityValue: 4.2 } }, { channel: 'alert', type: 'alert', data: { id: 1 } }, { channel: 'alert', type: 'emergency', data: null }]);
    assert.deepEqual(unnamed(await d.next()), { type: 'density', data: { areaId: 'n', densityValue: 4.2 } });
    assert.deepEqual(unnamed(await a.next()), { type: 'alert', data: { id: 1 } });
    assert.deepEqual(unnamed(await a.next()), { type: 'emergency', data: null });
    await d.until(() => d.comments.length > 0, 'a comment');
    d.close();
    a.close();
  });

  test('names of control events, a start and a snapshot that the route says', async () => {
    await hub.publish({ channel: 'trips', type: 'trip-added', key: 'z', data: { id: 'z' } });
    const s = await hub.stream('/snap');
    const o = await s.next();
    assert.equal(o.event, 'freshet.open');
    assert.ok((await s.take(1))[0].data.includes('"z"'));
    await s.until(() => s.events.some((e) => e.event === 'pulse'), 'a beat by its name');
    s.close();
    const g = await hub.stream('/snap', { headers: { 'Last-Event-ID': 'zzz' } });
    await g.next();
    assert.equal((await g.next()).event, 'hole');
    g.close();
  });

  test('a route fixes what the query can not change', async () => {
    const s = await hub.stream('/api/sse/dashboard?tenant=other&channel=secret');
    await s.next();
    await hub.publish({ tenant: 'city', channel: 'alerts', type: 'alert', data: {} });
    assert.equal(json((await s.take(1))[0]).type, 'alert');
    s.close();
  });
});

test('the test broadcast of a route is not there without --dev or test_broadcast', async () => {
  const hub = await Hub.start({ dev: false, config: { routes: routes.slice(0, 5) } });
  try {
    assert.equal((await hub.post('/sse/test-broadcast', {})).status, 404);
    assert.equal((await hub.get('/api/events/company-trips')).status, 401);
    assert.equal((await hub.get('/sse/stats')).status, 401);
  } finally {
    await hub.stop();
  }
});

describe('what a route says for itself', () => {
  let hub;
  before(async () => {
    const own = (app, more) => ({ path: `/${app}`, kind: 'stream', channels: ['news'], cookie: `${app}_session`, ...more });
    hub = await Hub.start({
      dev: false, files: { 'www/pages/index.html': '<p>here', 'www/plain.txt': 'x' },
      config: { static: 'www', auth: auth(), routes: [own('one', { connections_per_tenant: 2 }), own('two')] },
    });
  });
  after(() => hub.stop());
  const who = (tenant) => sign({ tenant, sub: 'ann', subscribe: ['*'] });
  const status = async (path, cookie) => (await hub.get(path, { Cookie: cookie, Accept: 'application/json' })).status;

  test('the token is in the cookie of the route, and in no other', async () => {
    // 406 comes after the token has been taken: nothing is left open
    assert.equal(await status('/one', `one_session=${who('acme')}`), 406);
    assert.equal(await status('/one', `two_session=${who('acme')}`), 401);
    assert.equal(await status('/one', `freshet_token=${who('acme')}`), 401);
    assert.equal(await status('/two', `one_session=${who('a')}; two_session=${who('b')}`), 406);
    assert.equal(await status('/v1/stream?channel=news', `one_session=${who('acme')}`), 401);
  });

  test('a tenant with as many streams as the route allows gets no more of it, another does', async () => {
    const open = (route, tenant) => hub.stream(`/${route}`, { headers: { Cookie: `${route}_session=${who(tenant)}` } });
    const streams = [await open('one', 'acme'), await open('one', 'acme')];
    await Promise.all(streams.map((s) => s.next()));
    const refused = await hub.get('/one', { Cookie: `one_session=${who('acme')}` });
    assert.equal(refused.status, 429);
    assert.equal(refused.json.error, 'TOO_MANY_CONNECTIONS');
    streams.push(await open('two', 'acme'), await open('one', 'other'));
    await Promise.all(streams.slice(2).map((s) => s.next()));
    for (const s of streams) s.close();
  });

  test('a folder asked for without its slash is found', async () => {
    const moved = await hub.get('/pages?a=b');
    assert.equal(moved.status, 301);
    assert.equal(moved.headers.location, '/pages/?a=b');
    assert.match((await hub.get('/pages/?a=b')).text, /here/);
    assert.equal((await hub.get('//pages')).status, 404);
    assert.equal((await hub.get('/plain.txt/')).status, 404);
  });
});
