// Limits and slow attacks: what is refused, how, and that everybody else is served meanwhile.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import net from 'node:net';
import test, { describe } from 'node:test';
import { Hub } from './lib/hub.mjs';
import { auth, bearer, hash } from './lib/token.mjs';

const ann = { tenant: 'acme', sub: 'ann', subscribe: ['*'], publish: ['*'] };
const root = bearer({ sub: 'root', role: 'SUPER', admin: true });

async function withHub(limits, work, more = {}) {
  const hub = await Hub.start({ config: { auth: auth({ cross_tenant_roles: ['SUPER'] }), limits, ...more }, dev: false });
  try {
    await work(hub);
  } finally {
    await hub.stop();
  }
}

async function limited(hub, limit) {
  const text = (await hub.get('/metrics', root)).text;
  return Number(text.match(new RegExp(`freshet_limited_total\\{limit="${limit}"\\} (\\d+)`))[1]);
}

async function open(hub, claims) {
  const s = await hub.stream('channel=a', { headers: bearer(claims) });
  await s.until(() => s.status === 429 || s.events.length > 0, 'answer');
  return s;
}

describe('limits', () => {
  test('streams of one user', () =>
    withHub({ connections_per_user: 2 }, async (hub) => {
      const mine = [await open(hub, ann), await open(hub, ann)];
      const third = await open(hub, ann);
      assert.equal(third.status, 429);
      assert.ok(Number(third.headers['retry-after']) > 0);
      for (const other of [{ ...ann, sub: 'bob' }, { ...ann, tenant: 'other' }]) {
        const s = await open(hub, other);
        assert.equal(s.status, 200, 'the others have their own');
        s.close();
      }
      assert.equal(await limited(hub, 'connections_per_user'), 1);
      mine[0].close();
      for (;;) {
        const again = await open(hub, ann);
        again.close();
        if (again.status === 200) break;
      }
    }));

  test('streams of one address', () =>
    withHub({ connections_per_address: 1 }, async (hub) => {
      const one = await open(hub, ann), two = await open(hub, { ...ann, sub: 'bob' });
      assert.deepEqual([one.status, two.status], [200, 429]);
      assert.equal(await limited(hub, 'connections_per_address'), 1);
    }));

  test('events of one publisher, not of the others', () => {
    const key = 'fpk_a_key_that_is_only_for_the_tests_of_limits_0123';
    return withHub({ publisher_per_second: 1, publisher_burst: 3 }, async (hub) => {
      const publish = (headers, count) => hub.post('/v1/publish', Array(count).fill({ channel: 'a', data: 1 }), headers);
      const mine = { Authorization: `Bearer ${key}` };
      assert.equal((await publish(mine, 3)).status, 200);
      const r = await publish(mine, 1);
      assert.deepEqual([r.status, r.json.error], [429, 'RATE_LIMITED']);
      assert.ok(Number(r.headers['retry-after']) > 0);
      assert.equal((await publish(bearer(ann), 3)).status, 200);
      assert.equal((await publish(bearer(ann), 3)).status, 429);
      assert.equal((await publish(bearer({ ...ann, tenant: 'other' }), 3)).status, 200);
      assert.equal(await limited(hub, 'publisher_per_second'), 2);
    }, { publishers: [{ name: 'booking', secret_hash: hash(key), tenant: 'acme', channels: ['*'] }] });
  });

  test('new connections a second: a flood is told so, and is over when it is over', () =>
    withHub({ accepts_per_second: 20 }, async (hub) => {
      const answers = await Promise.all(Array.from({ length: 60 }, () => hub.get('/healthz').then((r) => r.status, () => 'reset')));
      assert.ok(answers.includes(429), answers.join());
      assert.ok(answers.filter((s) => s === 200).length >= 15, answers.join());
      await new Promise((done) => setTimeout(done, 1100));
      assert.equal((await hub.get('/healthz')).status, 200);
    }));

  test('a stream is told to come back when it is old, not all at once', () =>
    withHub({ max_age: '2s' }, async (hub) => {
      const streams = await Promise.all(Array.from({ length: 5 }, () => open(hub, ann)));
      for (const s of streams) {
        await s.until(() => s.closed, 'end', 9000);
        const close = s.events.find((e) => e.event === 'freshet.close');
        assert.equal(JSON.parse(close.data).reason, 'max-age');
        assert.ok(s.retry > 0);
      }
      assert.equal(await limited(hub, 'max_age'), 5);
    }));

  test('streams in all and of a tenant, events of a tenant', () =>
    withHub({ connections: 3, connections_per_tenant: 2, publish_per_second: 1, publish_burst: 2 }, async (hub) => {
      const streams = [await open(hub, ann), await open(hub, ann), await open(hub, ann), await open(hub, { ...ann, tenant: 'other' }), await open(hub, { ...ann, tenant: 'third' })];
      assert.deepEqual(streams.map((s) => s.status), [200, 200, 429, 200, 429]);
      assert.deepEqual([await limited(hub, 'connections_per_tenant'), await limited(hub, 'connections')], [1, 1]);
      const r = await hub.post('/v1/publish', Array(3).fill({ channel: 'a', data: 1 }), bearer(ann));
      assert.deepEqual([r.status, r.json.error], [429, 'RATE_LIMITED']);
      assert.ok(Number(r.headers['retry-after']) > 0);
      assert.equal(await limited(hub, 'publish_per_second'), 1);
    }));

  test('sizes of events, bodies, batches, heads and targets; channels and filters: each is answered and counted', () =>
    withHub({ event_bytes: 100, body_bytes: 2000, batch_events: 2, head_bytes: 1000, target_bytes: 300, channels_per_connection: 2, filters_per_connection: 2 }, async (hub) => {
      const publish = (body) => hub.post('/v1/publish', body, bearer(ann)).then((r) => [r.status, r.json.error]);
      const get = (target, headers = {}) => hub.get(target, { ...bearer(ann), ...headers }).then((r) => [r.status, r.json.error]);
      const chunk = 'x'.repeat(3000), chunked = `POST /v1/publish HTTP/1.1\r\nHost: hub\r\nAuthorization: ${bearer(ann).Authorization}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nbb8\r\n${chunk}\r\n0\r\n\r\n`;
      const table = [
        ['event_bytes', () => publish({ channel: 'a', data: 'x'.repeat(200) }), 413, 'TOO_LARGE'],
        ['batch_events', () => publish(Array(3).fill({ channel: 'a', data: 1 })), 413, 'TOO_LARGE'],
        ['body_bytes', () => publish({ channel: 'a', data: 'x'.repeat(3000) }), 413, 'TOO_LARGE'],
        ['body_bytes', () => hub.send(chunked, { methods: ['POST'] }).then((a) => [a.at(-1).status, a.at(-1).json.error]), 413, 'TOO_LARGE'],
        ['head_bytes', () => get('/v1/events?channel=a', { 'X-Long': 'x'.repeat(1500) }), 431, 'HEADERS_TOO_LARGE'],
        ['target_bytes', () => get(`/v1/events?channel=${'a'.repeat(400)}`), 414, 'URI_TOO_LONG'],
        ['channels_per_connection', () => get('/v1/events?channel=a,b,c'), 400, 'BAD_REQUEST'],
        ['filters_per_connection', () => get('/v1/events?channel=a&type=t,u&key=k'), 400, 'BAD_REQUEST'],
      ];
      for (const [limit, ask, status, error] of table) {
        const before = await limited(hub, limit);
        assert.deepEqual(await ask(), [status, error], limit);
        assert.equal(await limited(hub, limit), before + 1, limit);
      }
      const s = await open(hub, ann);
      const r = await hub.post(`/v1/connections/${JSON.parse(s.events[0].data).connection}`, { add: { channels: ['b', 'c'] } }, bearer(ann));
      assert.deepEqual([r.status, await limited(hub, 'channels_per_connection')], [400, 2]);
    }));

  test("history of one tenant: the oldest of its fattest channel goes, another tenant's doesn't", () =>
    withHub({ history_bytes_per_tenant: '10KiB' }, async (hub) => {
      const event = (channel) => ({ channel, data: 'x'.repeat(900) });
      const other = { ...ann, tenant: 'other' };
      await hub.publish(Array(5).fill(event('a')), bearer(other));
      await hub.publish([event('small'), ...Array(20).fill(event('fat'))], bearer(ann));
      const of = async (claims) => Object.fromEntries((await hub.get(`/v1/channels?tenant=${claims.tenant}`, root)).json.channels.map((c) => [c.channel, c]));
      const mine = await of(ann);
      assert.ok(mine.fat.bytes + mine.small.bytes <= 10240, `${mine.fat.bytes} and ${mine.small.bytes} bytes`);
      assert.equal(mine.small.events, 1);
      assert.equal((await of(other)).a.events, 5);
      assert.equal(await limited(hub, 'history_bytes_per_tenant'), 20 - mine.fat.events);
      const poll = await hub.poll('channel=fat,small&since=earliest', bearer(ann));
      assert.equal(poll.events.length, 1 + mine.fat.events);
    }, { history: { events: 1000, bytes: '1MiB' } }));
});

describe('slow clients', () => {
  const dribble = (port, text, every) =>
    new Promise((done) => {
      let got = '';
      const socket = net.connect(port, '127.0.0.1');
      let at = 0;
      const timer = setInterval(() => socket.write(text[at++ % text.length]), every);
      socket.on('data', (d) => (got += d));
      socket.on('error', () => {});
      socket.on('close', () => (clearInterval(timer), done(got)));
    });

  test('a head has its time, whatever trickles in', () =>
    withHub({ head_time: '1s' }, async (hub) => {
      const begin = Date.now();
      assert.match(await dribble(hub.port, 'GET / HTTP/1.1\r\nX: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 50), /^HTTP\/1\.1 408 /);
      assert.ok(Date.now() - begin < 5000);
      assert.equal(await limited(hub, 'head_time'), 1);
    }));

  // So many bytes a second, for so long or until it is answered; what was answered.
  const trickle = (port, head, rate, seconds) =>
    new Promise((done) => {
      let got = '', sent = 0;
      const socket = net.connect(port, '127.0.0.1', () => socket.write(head));
      const timer = setInterval(() => {
        if (sent++ >= seconds * 5) socket.destroy();
        else socket.write('x'.repeat(rate / 5));
      }, 200);
      socket.on('data', (d) => (got += d));
      socket.on('error', () => {});
      socket.on('close', () => (clearInterval(timer), done(got)));
    });

  test('a body slower than 500 bytes a second is refused, a faster one is waited for; a head has 10 seconds', { timeout: 60000 }, () =>
    withHub({}, async (hub) => {
      const post = `POST /v1/publish HTTP/1.1\r\nHost: hub\r\nAuthorization: ${bearer(ann).Authorization}\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n`;
      const begin = Date.now();
      const slow = trickle(hub.port, post, 100, 30), fast = trickle(hub.port, post, 700, 16), head = trickle(hub.port, 'GET / HTTP/1.1\r\nX: ', 5, 30);
      assert.match(await head, /^HTTP\/1\.1 408 /);
      assert.ok(Date.now() - begin >= 9000, 'not before its time');
      assert.match(await slow, /^HTTP\/1\.1 408 [\s\S]*"error":"TIMEOUT"/);
      assert.ok(Date.now() - begin < 16000);
      assert.equal(await fast, '');
      assert.deepEqual([await limited(hub, 'body_bytes_per_second'), await limited(hub, 'head_time')], [1, 1]);
    }));

  test('an idle connection is closed after keep_alive', () =>
    withHub({ keep_alive: '500ms' }, async (hub) => {
      const begin = Date.now();
      await hub.send('GET /healthz HTTP/1.1\r\nHost: hub\r\n\r\n', { ms: 8000 });
      assert.ok(Date.now() - begin >= 400);
      assert.equal(await limited(hub, 'keep_alive'), 1);
    }));

  const tool = spawnSync('slowhttptest', ['-h']).error ? 'slowhttptest is not installed' : false;
  for (const [name, flags] of [['headers', ['-H']], ['body', ['-B']], ['read', ['-X', '-w', '1', '-y', '8', '-n', '1', '-z', '8']]])
    test(`slowhttptest, slow ${name}: everybody else is served`, { skip: tool }, () =>
      withHub({}, async (hub) => {
        const url = name === 'body' ? `${hub.url}/v1/publish` : `${hub.url}/healthz`;
        const attack = spawn('slowhttptest', ['-c', '500', '-r', '250', '-l', '12', '-i', '5', '-p', '2', ...flags, '-u', url], { stdio: 'ignore' });
        const over = new Promise((done) => attack.on('close', done));
        let running = true, served = 0, worst = 0;
        over.then(() => (running = false));
        while (running) {
          const begin = performance.now();
          assert.equal((await hub.get('/healthz')).status, 200);
          await hub.publish({ channel: 'a', data: served }, bearer(ann));
          worst = Math.max(worst, performance.now() - begin);
          served++;
          await new Promise((done) => setTimeout(done, 50));
        }
        assert.ok(served > 50, `${served} served`);
        assert.ok(worst < 2000, `slowest ${worst} ms`);
      }));
});
