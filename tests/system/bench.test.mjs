// `freshet bench` against the real hub, and against one that does wrong.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { FaultyHub } from './faulty_hub.mjs';
import { run, Running } from './run.mjs';

const SHORT = ['--duration', '600ms', '--settle', '50ms', '--drain', '300ms'];

async function bench(args) {
  const r = await run(['bench', ...args, ...SHORT, '--json']);
  assert.notEqual(r.stdout, '', r.stderr);
  return { code: r.code, ...JSON.parse(r.stdout) };
}

describe('with the real hub', () => {
  let hub, url;
  before(async () => {
    hub = new Running(['serve', '--dev', '--listen', '127.0.0.1:0', '--store', 'memory']);
    url = (await hub.until(/listening on (http:\/\/\S+)/))[1];
  });
  after(() => hub.stop('SIGTERM'));

  const whole = (r) => {
    assert.deepEqual([r.code, r.ok, r.lost, r.repeated, r.reordered], [0, true, 0, 0, 0]);
    assert.equal(r.connections_failed, 0);
  };

  test('every message comes to every reader, and what it cost is reported', async () => {
    const r = await bench([url, '--conns', '50', '--rate', '50', '--server-pid', `${hub.child.pid}`]);
    whole(r);
    assert.equal(r.connections, 50);
    assert.ok(r.published >= 20, `${r.published}`);
    assert.equal(r.delivered, r.published * 50);
    assert.equal(r.delivered, r.latency_us.count);
    assert.equal(r.ack_us.count, r.published);
    assert.ok(r.latency_us.p50 > 0 && r.latency_us.p50 <= r.latency_us.p99 && r.latency_us.p99 <= r.latency_us.max);
    assert.ok(r.server.cpu_us_per_unit > 0 && r.server.memory_idle.pss > 0);
  });

  test('many channels, several of them on each connection', async () => {
    const r = await bench([url, '--mode', 'channels', '--conns', '40', '--channels', '10', '--follow', '3', '--rate', '100']);
    whole(r);
    assert.equal(r.delivered, r.deliveries_expected);
    assert.ok(Math.abs(r.delivered / r.published - 12) < 0.5, `${r.delivered} of ${r.published}`);
  });

  test('everybody drops and resumes, and nothing is missing', async () => {
    const r = await bench([url, '--mode', 'resume', '--conns', '30', '--rate', '100', '--drop-at', '200ms', '--drop-for', '100ms']);
    whole(r);
    assert.equal(r.resumed, 30);
    assert.equal(r.delivered, r.published * 30);
  });

  test('readers that stop reading are told what they missed', async () => {
    const r = await bench([url, '--mode', 'slow', '--conns', '20', '--size', '65000', '--rate', '200']);
    whole(r);
    assert.equal(r.delivered, r.published * 18);
    assert.equal(r.slow.lost + r.slow.repeated + r.slow.reordered, 0);
    assert.equal(r.slow.delivered + r.slow.missing_told, r.published * 2);
  });

  test('batches are acknowledged and delivered whole', async () => {
    const r = await bench([url, '--mode', 'batch', '--batch', '50', '--inflight', '1000']);
    whole(r);
    assert.ok(r.published > 0 && r.published % 50 === 0);
    assert.equal(r.delivered, r.published);
  });

  test('idle connections and churn', async () => {
    assert.equal((await bench([url, '--mode', 'hold', '--conns', '100'])).connections, 100);
    const r = await bench([url, '--mode', 'churn', '--conns', '8']);
    whole(r);
    assert.ok(r.opened_and_closed > 8 && r.opening_failures === 0);
  });

  test('the table says the same in words', async () => {
    const r = await run(['bench', url, '--conns', '5', ...SHORT]);
    assert.equal(r.code, 0, r.stderr);
    assert.match(r.stdout, /^connected +5 of 5, /m);
    assert.match(r.stdout, /^checked +0 lost, 0 repeated, 0 reordered/m);
    assert.equal(r.stderr, '');
  });
});

async function against(options, args = []) {
  const hub = await new FaultyHub(options).start();
  try {
    return await bench(['--url', `${hub.url}/sub/%CH%`, '--publish-url', `${hub.url}/pub/%CH%`,
      '--conns', '4', '--rate', '50', ...args]);
  } finally {
    await hub.stop();
  }
}

describe('with a hub that does wrong', () => {
  const found = (r, wanted) => {
    const { lost, repeated, reordered, missing_told } = r;
    assert.deepEqual({ lost, repeated, reordered, missing_told },
      { lost: 0, repeated: 0, reordered: 0, missing_told: 0, ...wanted });
    const bad = wanted.lost || wanted.repeated || wanted.reordered;
    assert.equal(r.code, bad ? 1 : 0);
    assert.equal(r.ok, !bad);
  };

  test('a lost message is found', async () => found(await against({ faults: { lose: 5 } }), { lost: 1 }));
  test('a repeated one is found', async () => found(await against({ faults: { repeat: 5 } }), { repeated: 1 }));
  test('one out of order is found', async () => found(await against({ faults: { swap: 5 } }), { reordered: 1 }));
  test('one that a gap announced is told', async () => found(await against({ faults: { gap: 5 } }), { missing_told: 1 }));

  test('what a resume leaves out is found', async () => {
    const drop = ['--mode', 'resume', '--drop-at', '200ms', '--drop-for', '200ms'];
    found(await against({}, drop), {});
    const r = await against({ faults: { forget: true } }, drop);
    assert.ok(r.lost >= 4, `${r.lost}`);
    assert.equal(r.code, 1);
  });

  test('refused publishes are an error', async () => {
    const hub = await new FaultyHub().start();
    const r = await bench(['--url', `${hub.url}/sub/%CH%`, '--publish-url', 'http://127.0.0.1:1/', '--conns', '1']);
    await hub.stop();
    assert.ok(r.publish_errors > 0);
    assert.equal(r.code, 1);
  });
});

describe('whatever the framing', () => {
  for (const framing of ['lf', 'cr', 'crlf', 'lines', 'dribble', 'unchunked'])
    test(framing, async () => {
      const r = await against({ framing }, ['--channels', '2']);
      assert.deepEqual([r.code, r.lost, r.repeated, r.reordered], [0, 0, 0, 0]);
      assert.equal(r.delivered, r.deliveries_expected);
      assert.ok(r.delivered > 0);
    });
});

describe('mistakes', () => {
  for (const [what, args, pattern] of [
    ['no URL', [], /needs the URL of a hub/],
    ['a mode there is none of', ['http://127.0.0.1:1', '--mode', 'x'], /--mode x: is none of/],
    ['a number that is none', ['http://127.0.0.1:1', '--rate', 'many'], /--rate many: must be a whole number/],
    ['https', ['https://127.0.0.1:1'], /only http:\/\/ and redis:\/\//],
    ['no publish URL', ['--url', 'http://127.0.0.1:1/x'], /needs --publish-url/],
    ['a header that is none', ['http://127.0.0.1:1', '--header', 'x'], /no header field/],
    ['a process there is none of', ['http://127.0.0.1:1', '--server-pid', '0x'], /--server-pid 0x/],
    ['more channels than there are', ['http://127.0.0.1:1', '--follow', '2'], /--follow/],
  ])
    test(`${what}: one line, exit code 2`, async () => {
      const r = await run(['bench', ...args]);
      assert.equal(r.code, 2);
      assert.match(r.stderr, pattern);
      assert.match(r.stderr, /^freshet bench: [^\n]+\n$/);
      assert.equal(r.stdout, '');
    });
});
