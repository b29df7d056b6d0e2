// Who may do what, seen from outside.
import assert from 'node:assert/strict';
import http from 'node:http';
import test, { after, before, describe } from 'node:test';
import { Hub } from './lib/hub.mjs';
import { auth, bearer, hash, sign } from './lib/token.mjs';
import { sqlite } from './lib/sqlite.mjs';
import { until } from './lib/wait.mjs';

const seconds = () => Math.floor(Date.now() / 1000);
const acme = { tenant: 'acme', sub: 'ann', subscribe: ['trips', 'news.*'], publish: ['trips'] };
const KEY = 'fpk_0123456789012345678901234567890123456789012';

const config = {
  auth: auth({ cross_tenant_roles: ['SUPER_ADMIN'] }),
  origins: ['https://app.example'],
  hosts: ['hub', '127.0.0.1'],
  test_broadcast: true,
  publishers: [{ name: 'booking', secret_hash: hash(KEY), tenant: 'acme', channels: ['trips'] }],
  routes: [
    { path: '/r/stream', kind: 'stream', channels: ['trips'] },
    { path: '/r/poll', kind: 'poll', channels: ['trips'] },
    { path: '/r/publish', kind: 'publish', channels: ['trips'] },
    { path: '/r/stats', kind: 'stats' },
  ],
};

describe('access', () => {
  let hub;
  before(async () => {
    hub = await Hub.start({ config, dev: false });
    await hub.publish({ channel: 'trips', data: 1 }, bearer(acme));
  });
  after(() => hub.stop());

  // who -> headers; endpoint -> what to ask; the table -> what is answered
  const who = {
    none: {},
    garbage: { Authorization: 'Bearer abc' },
    expired: bearer({ ...acme, iat: seconds() - 100, exp: seconds() - 60 }),
    noexp: bearer({ ...acme, exp: undefined }),
    audience: bearer({ ...acme, aud: 'somebody else' }),
    wrong: bearer({ ...acme, tenant: 'other' }),
    nogrant: bearer({ tenant: 'acme', sub: 'bob' }),
    right: bearer(acme),
    admin: bearer({ tenant: 'acme', sub: 'eve', admin: true }),
    cross: bearer({ sub: 'root', role: 'SUPER_ADMIN', admin: true, publish: ['*'] }),
    key: { Authorization: `Bearer ${KEY}` },
  };
  const event = (more) => JSON.stringify({ channel: 'trips', data: 1, ...more });
  const json = { 'Content-Type': 'application/json' };
  const unknown = [401, 401, 401, 401, 401];
  // none garbage expired noexp audience | wrong nogrant right admin cross key
  // a route without a tenant rule takes the token's own tenant: so does the `wrong` one, its own
  const table = [
    ['GET', '/v1/stream?tenant=acme&channel=trips', '', [...unknown, 403, 403, 200, 403, 200, 403]],
    ['GET', '/v1/events?tenant=acme&channel=trips', '', [...unknown, 403, 403, 200, 403, 200, 403]],
    ['GET', '/v1/events?channel=trips&channel=secret', '', [...unknown, 403, 403, 403, 403, 200, 403]],
    ['POST', '/v1/publish', event({ tenant: 'acme' }), [...unknown, 403, 403, 200, 403, 200, 200]],
    ['POST', '/v1/publish', event({ channel: 'news.x' }), [...unknown, 403, 403, 403, 403, 200, 403]],
    ['POST', '/v1/test-broadcast', event(), [...unknown, 200, 403, 200, 403, 200, 200]],
    ['GET', '/v1/stats', '', [...unknown, 403, 403, 403, 200, 200, 403]],
    ['GET', '/v1/stats?tenant=acme', '', [...unknown, 403, 403, 403, 200, 200, 403]],
    ['GET', '/v1/stats?tenant=other', '', [...unknown, 403, 403, 403, 403, 200, 403]],
    ['GET', '/v1/channels?tenant=acme', '', [...unknown, 403, 403, 403, 200, 200, 403]],
    ['GET', '/v1/tenants', '', [...unknown, 403, 403, 403, 200, 200, 403]],
    ['GET', '/v1/tenants?tenant=other', '', [...unknown, 403, 403, 403, 403, 200, 403]],
    ['GET', '/v1/schemas?tenant=acme', '', [...unknown, 403, 403, 403, 200, 200, 403]],
    ['GET', '/v1/config', '', [...unknown, 403, 403, 403, 403, 200, 403]],
    ['GET', '/metrics', '', [...unknown, 403, 403, 403, 403, 200, 403]],
    ['GET', '/v1/connections?tenant=acme', '', [...unknown, 403, 403, 403, 200, 200, 403]],
    ['POST', '/v1/revoke', '{"jti":"nobody","tenant":"acme"}', [...unknown, 403, 403, 403, 200, 200, 403]],
    ['DELETE', '/v1/connections/0000000000000000', '', [...unknown, 403, 403, 403, 404, 404, 403]],
    ['POST', '/v1/connections/0000000000000000', '{}', [...unknown, 403, 403, 403, 403, 403, 403]],
    ['GET', '/r/stream', '', [...unknown, 200, 403, 200, 403, 200, 403]],
    ['GET', '/r/poll', '', [...unknown, 200, 403, 200, 403, 200, 403]],
    ['POST', '/r/publish', event(), [...unknown, 200, 403, 200, 403, 200, 200]],
    ['GET', '/r/stats', '', [...unknown, 403, 403, 403, 200, 200, 403]],
    ['GET', '/healthz', '', Array(11).fill(200)],
    ['GET', '/readyz', '', Array(11).fill(200)],
  ];
  const order = Object.keys(who);

  async function status(method, target, headers, body) {
    if (/stream/.test(target)) {
      const s = await hub.stream(target, { headers });
      await s.until(() => s.status !== undefined);
      s.close();
      return { status: s.status, headers: s.headers };
    }
    return hub.send(
      `${method} ${target} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n${Object.entries(headers).map(([k, v]) => `${k}: ${v}\r\n`).join('')}` +
        `${body ? `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n` : ''}\r\n${body}`, { methods: [method] },
    ).then((a) => a.at(-1));
  }

  for (const [method, target, body, expected] of table)
    test(`${method} ${target} is for those to whom it was granted`, async () => {
      const got = {};
      for (const name of order) {
        const r = await status(method, target, who[name], body);
        got[name] = r.status;
        if (r.status === 401) assert.match(r.headers['www-authenticate'], /^Bearer/);
      }
      assert.deepEqual(got, Object.fromEntries(order.map((name, i) => [name, expected[i]])));
    });

  test('what is forbidden and what does not exist get the same answer', async () => {
    const answers = [];
    for (const target of ['tenant=other&channel=trips', 'tenant=nobody&channel=trips', 'tenant=acme&channel=nothing',
      'tenant=other&channel=nothing&since=1-0-00000000']) {
      const r = await hub.get(`/v1/events?${target}`, who.right);
      answers.push(`${r.status} ${r.text} ${Object.keys(r.headers).join()}`);
    }
    assert.equal(new Set(answers).size, 1, answers.join('\n'));
  });

  test("a tenant's administrator sees nothing of the others in the statistics", async () => {
    await hub.publish({ tenant: 'hidden', channel: 'very-secret', data: 1 }, who.cross);
    const s = await hub.stream('tenant=hidden&channel=very-secret', { headers: who.cross });
    await s.until(() => s.events.length > 0);
    const mine = (await hub.get('/v1/stats', who.admin)).json;
    assert.equal(mine.totalConnections, 0);
    assert.deepEqual(mine.connectionsByTenant, {});
    assert.doesNotMatch(JSON.stringify(mine), /hidden|very-secret/);
    for (const name of ['memoryBytes', 'bytesSent', 'requests', 'tenants', 'sources', 'storeBytes'])
      assert.equal(mine[name], undefined, name);
    const all = (await hub.get('/v1/stats', who.cross)).json;
    assert.equal(all.totalConnections, 1);
    assert.doesNotMatch((await hub.get('/v1/channels', who.admin)).text, /hidden|very-secret/);
    s.close();
  });

  test('a cookie reads, but changes only from a listed or the own origin, as JSON', async () => {
    const cookie = { Cookie: `a=b; freshet_token=${sign(acme)}` };
    assert.equal((await hub.get('/v1/events?channel=trips', cookie)).status, 200);
    const post = async (more) => (await hub.post('/v1/publish', event(), { ...cookie, ...more })).status;
    assert.equal(await post({}), 403);
    assert.equal(await post({ Origin: 'https://evil.example' }), 403);
    assert.equal(await post({ Origin: 'null' }), 403);
    assert.equal(await post({ Origin: 'https://app.example' }), 200);
    assert.equal(await post({ Origin: 'https://hub' }), 200);
    assert.equal(await post({ Origin: 'https://app.example', 'Content-Type': 'text/plain' }), 415);
    const key = { Cookie: `freshet_token=${KEY}`, Origin: 'https://app.example' };
    assert.equal((await hub.post('/v1/publish', event(), key)).status, 401, 'a publishing key is no cookie');
  });

  test('an origin that is not listed is never reflected, and Vary says that it matters', async () => {
    for (const [origin, allowed] of [['https://app.example', true], ['https://evil.example', false], ['https://app.example.evil', false]]) {
      const r = await hub.get('/v1/events?channel=trips', { ...who.right, Origin: origin });
      assert.equal(r.headers['access-control-allow-origin'], allowed ? origin : undefined);
      assert.equal(r.headers.vary, 'Origin');
    }
  });

  test('other host names are not answered', async () => {
    assert.equal((await hub.get('/v1/events?channel=trips', { ...who.right, Host: 'evil.example' })).status, 403);
    assert.equal((await hub.get('/v1/events?channel=trips', { ...who.right, Host: 'HUB:4000' })).status, 200);
  });

  test('a token in the query is not taken unless that is switched on', async () => {
    assert.equal((await hub.get(`/v1/events?channel=trips&access_token=${sign(acme)}`)).status, 401);
  });

  test('refusals are logged with tenant, subject and reason, tokens never are', async () => {
    const token = sign({ ...acme, sub: 'log "ged' });
    await hub.post('/v1/publish', event({ channel: 'news.x' }), { Authorization: `Bearer ${token}` });
    await hub.logged(/refused error=FORBIDDEN path=\/v1\/publish tenant=acme subject=log__ged reason="/);
    await hub.get('/v1/stats', who.expired);
    await hub.logged(/refused error=UNAUTHORIZED path=\/v1\/stats .*reason=".*expired/);
    for (const h of [...Object.values(who), { Authorization: token }])
      if (h.Authorization) assert.ok(!hub.log.includes(h.Authorization.split(' ').at(-1)), 'a token in the log');
  });

  test('the clock of an issuer may be off by five seconds, not by ten', async () => {
    const at = (claims) => hub.get('/v1/events?channel=trips', bearer({ ...acme, ...claims })).then((r) => r.status);
    assert.equal(await at({ exp: seconds() - 2 }), 200);
    assert.equal(await at({ exp: seconds() - 10 }), 401);
    assert.equal(await at({ nbf: seconds() + 2 }), 200);
    assert.equal(await at({ nbf: seconds() + 10 }), 401);
  });

  test("a stream ends within five seconds of its token's expiry, a poll gives nothing later", async () => {
    const exp = seconds() + 2;
    const s = await hub.stream('channel=trips', { headers: bearer({ ...acme, exp }) });
    const poll = hub.get('/v1/events?channel=trips&since=latest&wait=30', bearer({ ...acme, exp }));
    await s.until(() => s.events.some((e) => e.event === 'freshet.close'), 9000);
    assert.equal(JSON.parse(s.events.at(-1).data).reason, 'token-expired');
    assert.ok(Date.now() < (exp + 5) * 1000, 'too late');
    assert.deepEqual((await poll).json.events, []);
    assert.ok(Date.now() < (exp + 5) * 1000, 'too late');
  });
});

describe('revocation', () => {
  const start = (more = {}) => Hub.start({ config: { auth: auth(), ...more }, dev: false });
  const admin = bearer({ tenant: 'acme', sub: 'root', admin: true });
  const reason = (s) => JSON.parse(s.events.find((e) => e.event === 'freshet.close')?.data ?? '{}').reason;

  test('by token id and by subject: streams end, tokens are refused, also after a restart', async () => {
    const hub = await start({ store: 'sqlite:hub.db' });
    try {
      const before = seconds() - 5;
      const byId = bearer({ ...acme, jti: 'one', iat: before }), other = bearer({ ...acme, jti: 'two', iat: before });
      const bob = bearer({ ...acme, sub: 'bob', iat: before });
      const streams = await Promise.all([byId, other, bob].map((headers) => hub.stream('channel=trips', { headers })));
      for (const s of streams) await s.until(() => s.events.length > 0);
      assert.equal((await hub.post('/v1/revoke', { jti: 'one' }, admin)).status, 200);
      await streams[0].until(() => streams[0].closed);
      assert.equal(reason(streams[0]), 'revoked');
      assert.equal((await hub.post('/v1/revoke', { subject: 'bob' }, admin)).status, 200);
      await streams[2].until(() => streams[2].closed);
      assert.equal(reason(streams[2]), 'revoked');
      assert.equal(streams[1].closed, false, 'the other token of the same subject lives on');
      const check = async () => {
        const get = (headers) => hub.get('/v1/events?channel=trips', headers).then((r) => r.status);
        assert.equal(await get(byId), 401);
        assert.equal(await get(bob), 401);
        assert.equal(await get(other), 200);
        assert.equal(await get(bearer({ ...acme, sub: 'bob', iat: undefined })), 401, 'nobody knows when it was issued');
        assert.equal(await get(bearer({ ...acme, sub: 'bob', iat: seconds() + 2 })), 200, 'issued later');
      };
      await check();
      await hub.restart();
      await check();
    } finally {
      await hub.stop();
    }
  });

  test('the store forgets what was over a day ago, and nothing else', async () => {
    const hub = await start({ store: 'sqlite:hub.db' });
    try {
      assert.equal((await hub.post('/v1/revoke', { jti: 'young', until: Date.now() + 86400000 }, admin)).status, 200);
      await hub.process.stop('SIGTERM');
      const day = 86400000, row = (name, until) => `insert into revoked(tenant, name, time_ms) values ('acme', '${name}', ${Math.round(until)});`;
      sqlite(hub.path('hub.db'), row('jti:old', Date.now() - 2 * day) + row('sub:1:ann', Date.now() - 30 * day) + row('jti:yesterday', Date.now() - day / 2));
      await hub.run();
      const names = () => sqlite(hub.path('hub.db'), 'select name from revoked order by name').trim().split('\n');
      await until(() => names().length === 2, 'two are left');
      assert.deepEqual(names(), ['jti:yesterday', 'jti:young']);
      assert.equal((await hub.get('/v1/events?channel=trips', bearer({ ...acme, jti: 'young' }))).status, 401);
    } finally {
      await hub.stop();
    }
  });

  test('a later revocation leaves streams alone whose subject has logged in anew', async () => {
    const hub = await start();
    try {
      assert.equal((await hub.post('/v1/revoke', { subject: 'bob' }, admin)).status, 200);
      const s = await hub.stream('channel=trips', { headers: bearer({ ...acme, sub: 'bob', iat: seconds() + 1 }) });
      await s.until(() => s.events.length > 0);
      const t = await hub.stream('channel=trips', { headers: bearer({ ...acme, jti: 'x' }) });
      await t.until(() => t.events.length > 0);
      assert.equal((await hub.post('/v1/revoke', { jti: 'x' }, admin)).status, 200);
      await t.until(() => t.closed);
      assert.equal(s.closed, false);
      s.close();
    } finally {
      await hub.stop();
    }
  });

  test("another tenant's administrator revokes nothing here", async () => {
    const hub = await start();
    try {
      const eve = bearer({ tenant: 'other', sub: 'eve', admin: true });
      assert.equal((await hub.post('/v1/revoke', { subject: 'ann', tenant: 'acme' }, eve)).status, 403);
      assert.equal((await hub.post('/v1/revoke', { subject: 'ann' }, eve)).status, 200);
      assert.equal((await hub.get('/v1/events?channel=trips', bearer({ ...acme, iat: seconds() - 5 }))).status, 200);
    } finally {
      await hub.stop();
    }
  });
});

describe('sessions of an application (webhook)', () => {
  let app, hub, asked, answer;
  before(async () => {
    app = http.createServer((req, res) => {
      asked.push(req.headers.cookie);
      const a = answer(req.headers.cookie ?? '');
      res.writeHead(a.status ?? 200, { 'Content-Type': 'application/json' });
      res.end(JSON.stringify(a.body ?? {}));
    });
    await new Promise((done) => app.listen(0, '127.0.0.1', done));
    const url = `http://127.0.0.1:${app.address().port}/whoami`;
    hub = await Hub.start({ config: { auth: { webhook: { url } }, origins: ['https://app.example'] }, dev: false });
  });
  after(async () => {
    await hub.stop();
    app.close();
  });
  const grants = (more) => ({ body: { tenant: 'acme', subject: 'ann', subscribe: ['trips'], publish: ['trips'], ttl: 1, ...more } });

  test('the application says who it is, fails closed, and is asked again on open streams', async () => {
    asked = [];
    answer = (cookie) => (cookie === 's=ann' ? grants() : { status: 401 });
    assert.equal((await hub.get('/v1/events?channel=trips', { Cookie: 's=ann' })).status, 200);
    assert.equal((await hub.get('/v1/events?channel=other', { Cookie: 's=ann' })).status, 403);
    assert.equal((await hub.get('/v1/events?channel=trips', { Cookie: 's=eve' })).status, 401);
    const s = await hub.stream('channel=trips', { headers: { Cookie: 's=ann' } });
    await s.until(() => s.events.length > 0);
    const before = asked.length;
    await until(() => asked.length > before + 1, 'asked again');
    assert.equal(s.closed, false);
    answer = () => grants({ subscribe: ['other'] });
    await s.until(() => s.closed, 10000);
    assert.equal(JSON.parse(s.events.at(-1).data).reason, 'revoked');
    answer = () => ({ status: 500 });
    assert.equal((await hub.get('/v1/events?channel=trips', { Cookie: 's=new' })).status, 503);
  });

  test('a page of another site cannot publish with the session, whatever it adds to the address', async () => {
    asked = [];
    answer = () => grants();
    const post = (target, more) => hub.post(target, { channel: 'trips', data: 1 }, { Cookie: 's=csrf', ...more }).then((r) => r.status);
    assert.equal(await post('/v1/publish'), 403);
    assert.equal(await post('/v1/publish?access_token=x'), 403);
    assert.equal(await post('/v1/publish', { Origin: 'https://evil.example' }), 403);
    assert.equal(await post('/v1/publish', { Authorization: 'Basic YTpi' }), 403);
    assert.deepEqual(asked, [], 'it was not even asked');
    assert.equal(await post('/v1/publish', { Origin: 'https://app.example' }), 200);
  });

  test('a client that leaves while the application thinks does no harm', async () => {
    asked = [];
    answer = () => grants();
    for (let i = 0; i < 50; i++) {
      const s = await hub.stream('channel=trips', { headers: { Cookie: `s=${i}` } });
      s.close();
    }
    await until(() => asked.length >= 40, 'asked');
    assert.equal((await hub.get('/healthz')).status, 200);
  });
});
