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
    }));
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
    }));

  test('an idle connection is closed after keep_alive', () =>
    withHub({ keep_alive: '500ms' }, async (hub) => {
      const begin = Date.now();
      await hub.send('GET /healthz HTTP/1.1\r\nHost: hub\r\n\r\n', { ms: 8000 });
      assert.ok(Date.now() - begin >= 400);
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
