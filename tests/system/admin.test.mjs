// What an administrator may look at: configuration, tenants, schemas, rates, a tenant's own totals.
import assert from 'node:assert/strict';
import test, { after, before, describe } from 'node:test';
import { Hub } from './lib/hub.mjs';
import { auth, bearer, hash, SECRET } from './lib/token.mjs';
import { until } from './lib/wait.mjs';

const KEY = 'fpk_0123456789012345678901234567890123456789012';
const trip = { type: 'object', properties: { id: { type: 'string', description: 'which' } }, required: ['id'] };
const config = {
  auth: auth({ webhook: { url: 'http://user:password-in-url@127.0.0.1:9/who?key=key-in-url' } }),
  channels: [
    { name: 'trips', history: { events: 7 }, events: { 'trip-updated': { schema: 'trip.json' }, note: {} } },
    { name: 'lots.*', keyed: true, events: { lot: {} } },
    { name: 'rows', keyed: true },
  ],
  limits: { keep_alive: '90s', event_bytes: '128KiB' },
  publishers: [{ name: 'booking', secret_hash: hash(KEY), tenant: 'booked', channels: ['trips'] }],
  sources: [{ name: 'db', type: 'sqlite', database: 'rows.db', query: 'select 1 as id', key: 'id', tenant_value: 'fed', channel: 'rows' }],
  routes: [{ path: '/r', kind: 'stream', tenant: 'fixed', tenant_value: 'routed', channels: ['trips'] }],
};
const files = { 'trip.json': JSON.stringify(trip, null, 2), 'rows.db': '' };
const root = bearer({ sub: 'root', admin: true });
const cross = bearer({ sub: 'root', role: 'SUPER', admin: true, publish: ['*'], subscribe: ['*'] });
const acme = bearer({ tenant: 'acme', sub: 'eve', admin: true, publish: ['trips'], subscribe: ['*'] });

describe('what an administrator may look at', () => {
  let hub;
  before(async () => {
    hub = await Hub.start({ config: { ...config, auth: { ...config.auth, cross_tenant_roles: ['SUPER'] } }, files, dev: false, args: ['--tenant', 'main'], env: { FRESHET_HEARTBEAT: '20s' } });
  });
  after(() => hub.stop());
  const options = async () => Object.fromEntries((await hub.get('/v1/config', cross)).json.options.map((o) => [o.name, o]));

  test('the options in force, each with where it was set', async () => {
    const o = await options();
    assert.equal((await hub.get('/v1/config', cross)).json.file, hub.path('hub.yaml'));
    assert.deepEqual([o.tenant.value, o.tenant.origin], ['main', 'flag']);
    assert.deepEqual([o.heartbeat.value, o.heartbeat.origin], ['20s', 'env']);
    assert.deepEqual([o['limits.keep_alive'].value, o['limits.keep_alive'].origin], ['90s', 'file']);
    assert.deepEqual([o['limits.event_bytes'].value, o['limits.body_bytes'].value, o['limits.body_bytes'].origin], ['128KiB', '1MiB', 'default']);
    assert.deepEqual([o.store.value, o.dev.value, o['log.level'].value, o.channels_max.value], ['memory', false, 'debug', 10000]);
    assert.deepEqual(o.listen.value, ['127.0.0.1:0']);
    assert.equal(o.static.value, null);
    const [trips, lots] = o.channels.value;
    assert.deepEqual([trips.name, trips['history.events'], trips.events[0].type, lots.keyed], ['trips', 7, 'trip-updated', true]);
    for (const each of Object.values(o)) assert.equal(typeof each.help, 'string');
  });

  test('no secret is in it', async () => {
    const { text } = await hub.get('/v1/config', cross);
    for (const secret of [SECRET, hash(KEY), KEY, 'password-in-url', 'key-in-url', 'rows.db']) assert.ok(!text.includes(secret), secret);
    const o = await options();
    assert.equal(o['auth.keys'].value[0].secret, '(hidden)');
    assert.equal(o.publishers.value[0].secret_hash, '(hidden)');
    assert.equal(o.sources.value[0].database, '(hidden)');
    assert.equal(o['auth.webhook.url'].value, 'http://(hidden)@127.0.0.1:9/who?(hidden)');
  });

  test('channels tell how many events were published, and how many a second', async () => {
    for (let i = 0; i < 3; i++) await hub.publish(Array.from({ length: 10 }, () => ({ channel: 'busy', data: i })), { ...cross });
    const { channels } = (await hub.get('/v1/channels', cross)).json;
    const busy = channels.find((c) => c.channel === 'busy');
    assert.equal(busy.published, 30);
    assert.ok(busy.rate > 0 && busy.rate <= 6, `${busy.rate} a second`);
    await until(async () => (await hub.get('/v1/channels', cross)).json.channels.find((c) => c.channel === 'busy').rate === 0, 'the rate falls to nothing', 15000);
  });

  test('tenants: connected, with history, or configured; by name, in pages', async () => {
    await hub.publish({ tenant: 'with-history', channel: 'lots.a', type: 'lot', key: 'k', data: 1 }, cross);
    const s = await hub.stream('tenant=connected&channel=trips', { headers: cross });
    await s.opening();
    const all = (await hub.get('/v1/tenants', cross)).json;
    const of = Object.fromEntries(all.tenants.map((t) => [t.tenant, t]));
    assert.deepEqual(Object.keys(of), ['booked', 'connected', 'fed', 'main', 'routed', 'with-history']);
    assert.equal(all.next, null);
    assert.deepEqual([of.connected.connections, of.connected.channels, of.connected.configured], [1, 1, false]);
    assert.deepEqual([of['with-history'].events, of['with-history'].published, of['with-history'].channels], [1, 1, 1]);
    assert.ok(of['with-history'].bytes > 0 && of['with-history'].rate > 0);
    for (const name of ['booked', 'routed', 'main', 'fed']) assert.equal(of[name].configured, true, name);
    const names = [];
    for (let after = ''; after !== null;) {
      const page = (await hub.get(`/v1/tenants?limit=2&after=${after}`, cross)).json;
      assert.ok(page.tenants.length <= 2);
      names.push(...page.tenants.map((t) => t.tenant));
      after = page.next;
    }
    assert.deepEqual(names, Object.keys(of));
    assert.deepEqual((await hub.get('/v1/tenants?tenant=fed', cross)).json.tenants.map((t) => t.tenant), ['fed']);
    assert.deepEqual((await hub.get('/v1/tenants?tenant=nobody', cross)).json, { tenants: [], next: null });
    for (const bad of ['limit=0', 'limit=1001', 'after=a.b', 'tenant=a.b']) assert.equal((await hub.get(`/v1/tenants?${bad}`, cross)).status, 400, bad);
    s.close();
  });

  test("a tenant's administrator sees its own tenant, and the schemas of what it may publish to", async () => {
    await hub.publish({ channel: 'trips', type: 'note', data: 1 }, acme);
    assert.deepEqual((await hub.get('/v1/tenants', acme)).json.tenants.map((t) => [t.tenant, t.published]), [['acme', 1]]);
    assert.equal((await hub.get('/v1/tenants?tenant=main', acme)).status, 403);
    assert.equal((await hub.get('/v1/config', acme)).status, 403);
    assert.deepEqual((await hub.get('/v1/schemas', acme)).json.schemas.map((x) => x.channel), ['trips', 'trips']);
    assert.deepEqual((await hub.get('/v1/schemas?channel=lots.a', acme)).json, { schemas: [] });
  });

  test('schemas by channel and type, as they were written', async () => {
    const { schemas } = (await hub.get('/v1/schemas', cross)).json;
    assert.deepEqual(schemas, [
      { channel: 'trips', type: 'trip-updated', schema: trip },
      { channel: 'trips', type: 'note', schema: null },
      { channel: 'lots.*', type: 'lot', schema: null },
    ]);
    assert.deepEqual((await hub.get('/v1/schemas?channel=lots.b', cross)).json.schemas.map((x) => x.type), ['lot']);
    assert.deepEqual((await hub.get('/v1/schemas?channel=free', cross)).json.schemas, []);
    assert.equal((await hub.get('/v1/schemas?channel=%2F', cross)).status, 400);
  });

  test("a tenant's totals are its own", async () => {
    const event = { tenant: 'counted', channel: 'c', data: 1 };
    const s = await hub.stream('tenant=counted&channel=c', { headers: cross });
    await s.opening();
    await hub.publish([event, event, event], cross);
    await hub.publish({ tenant: 'other', channel: 'c', data: 1 }, cross);
    await hub.publish({ ...event, idempotencyKey: 'one' }, cross);
    await hub.publish({ ...event, idempotencyKey: 'one' }, cross);
    assert.equal((await hub.post('/v1/publish', { tenant: 'counted', channel: 'rows', key: 'k', data: 1 }, cross)).status, 403);
    await s.take(4);
    const totals = async () => {
      const x = (await hub.get('/v1/stats?tenant=counted', cross)).json;
      return [x.eventsPublished, x.eventsDelivered, x.eventsRefused, x.eventsRepeated, x.eventsFailed];
    };
    const hubs = (await hub.get('/v1/stats', cross)).json;
    assert.deepEqual(await totals(), [5, 4, 1, 1, 0]);
    assert.ok(hubs.eventsPublished > 5);
    s.close();
    assert.equal((await hub.get('/v1/stats', root)).status, 403, 'an administrator of nothing');
  });
});
