// The commands, as a user runs them. What any hub must give them is tried against a fake one and,
// where the program holds a server, against the real one.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FakeHub } from './fake_hub.mjs';
import { eventually, Relay, run, Running } from './run.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FIXTURES = path.join(ROOT, 'tests/fixtures/options');

// Starts the program's own hub; null when this build holds none.
async function startReal() {
  const hub = new Running(['serve', '--dev', '--listen', '127.0.0.1:0']);
  await Promise.race([hub.until(/listening on (http:\/\/\S+)/).catch(() => null), hub.ended]);
  const m = hub.stdout.match(/listening on (http:\/\/\S+)/);
  if (m) return { url: m[1], stop: () => hub.stop('SIGTERM') };
  if (hub.stderr.includes('this build holds no server')) return null;
  throw new Error(`the hub did not start: ${hub.stderr}`);
}

const hubs = [
  ['a fake hub', () => new FakeHub().start()],
  ['the real hub', startReal],
];

for (const [name, start] of hubs) {
  describe(`with ${name}`, () => {
    let hub;
    before(async () => (hub = await start()));
    after(async () => hub?.stop());

    const check = (title, f) =>
      test(title, async (t) => (hub ? f(t) : t.skip('this build holds no server')));

    // Starts a tail and waits until it is connected: until an event of its own has come through.
    async function tailing(args, channel, url = hub.url) {
      const tail = new Running(['tail', url, '--channel', channel, ...args]);
      while (!/ready/.test(tail.stdout)) {
        assert.equal((await run(['publish', hub.url, '--channel', channel, '"ready"'])).code, 0);
        await tail.until(/ready/, 'stdout', 300).catch(() => assert.equal(tail.code, undefined));
      }
      return tail;
    }

    check('publish prints the id, tail the event digit for digit', async () => {
      const tail = await tailing([], 'one');
      const data = '{"a":0.1,"b":1.10,"c":1e2,"d":9007199254740993}';
      const p = await run(['publish', hub.url, '--channel', 'one', '--type', 'tick', '--key', 'k 1', data]);
      assert.match(p.stdout, /^\d+-\d+-[0-9a-f]{8}\n$/);
      assert.deepEqual([p.code, p.stderr], [0, '']);
      await tail.until(/\n\d{4}-\d\d-\d\dT\S+Z one tick k 1 (.*)\n/);
      assert.ok(tail.stdout.endsWith(` one tick k 1 ${data}\n`), tail.stdout);
      assert.equal(await tail.stop(), 0);
    });

    check('text is text, and no control character reaches the terminal', async () => {
      const tail = await tailing([], 'text');
      const text = 'a "b" {\u001b[2J\u009b';
      assert.equal((await run(['publish', hub.url, '--channel', 'text', '--type', 'say', '--text', text])).code, 0);
      await tail.until(/ text say - .*a \\"b\\" .*\n/);
      assert.ok(!/[\u001b\u009b]/.test(tail.stdout));
      await tail.stop('SIGTERM');
      const back = await run(['tail', hub.url, '--channel', 'text', '--type', 'say', '--since', 'earliest', '--json',
        '--count', '1']);
      assert.equal(JSON.parse(back.stdout).data, text);
    });

    check('lines of standard input are events in order, many at a time', async () => {
      const lines = Array.from({ length: 2500 }, (_, i) => `{"n":${i}}`);
      const p = await run(['publish', hub.url, '--channel', 'many', '-'], { input: lines.join('\n') });
      assert.equal(p.code, 0, p.stderr);
      const ids = p.stdout.trim().split('\n');
      assert.equal(new Set(ids).size, 2500);
      const t = await run(['tail', hub.url, '--channel', 'many', '--since', 'earliest', '--json', '--count', '50']);
      const got = t.stdout.trim().split('\n').map((l) => JSON.parse(l));
      assert.equal(t.code, 0);
      assert.deepEqual(got.map((e) => e.id), got.map((e) => ids[e.data.n]));
      for (let i = 1; i < got.length; i++) assert.equal(got[i].data.n, got[i - 1].data.n + 1);
    });

    check('a line that comes alone is published without waiting for others', async () => {
      const pipe = new Running(['publish', hub.url, '--channel', 'pipe', '--text']);
      pipe.write('first\n');
      await pipe.until(/^\S+\n$/);
      pipe.write('second\nthird');
      await pipe.until(/^\S+\n\S+\n$/);
      pipe.child.stdin.end();
      assert.equal(await pipe.ended, 0);
      assert.equal(pipe.stdout.trim().split('\n').length, 3);
    });

    check('filters by type and key', async () => {
      const tail = await tailing(['--type', 'message', '--type', 'a,b'], 'filter');
      for (const type of ['c', 'a,b'])
        await run(['publish', hub.url, '--channel', 'filter', '--type', type, '1']);
      await tail.until(/ filter a,b - 1\n/);
      assert.ok(!/ filter c /.test(tail.stdout));
      await tail.stop();
    });

    check('a cut connection is resumed where it was', async () => {
      const relay = await new Relay(Number(new URL(hub.url).port)).start();
      const tail = await tailing(['--json'], 'cut', relay.url);
      const sent = [];
      for (let round = 0; round < 3; round++) {
        relay.cut();
        for (let i = 0; i < 5; i++)
          sent.push((await run(['publish', hub.url, '--channel', 'cut', `${round * 5 + i}`])).stdout.trim());
        await tail.until(new RegExp(sent.at(-1)));
      }
      const got = tail.stdout.trim().split('\n').map((l) => JSON.parse(l)).filter((e) => e.data !== 'ready');
      assert.deepEqual(got.map((e) => e.id), sent);
      assert.match(tail.stderr, /freshet tail: .*connecting again in \d\.\d s\n/);
      assert.match(tail.stderr, /connected again/);
      await tail.stop();
      await relay.stop();
    });

    check('what the hub refuses is said with its own words', async () => {
      const p = await run(['publish', `${hub.url}/nowhere`, '--channel', 'a', '1']);
      assert.equal(p.code, 1);
      assert.match(p.stderr, /^freshet publish: [^\n]+404[^\n]*\n$/);
    });

    check('stats as a table and as JSON', async () => {
      const json = await run(['stats', hub.url, '--json']);
      assert.equal(json.code, 0, json.stderr);
      assert.equal(typeof JSON.parse(json.stdout).totalConnections, 'number');
      assert.equal(json.stdout.split('\n').length, 2);
      const table = await run(['stats', hub.url]);
      assert.match(table.stdout, /^totalConnections +\d+$/m);
      assert.match(table.stdout, /^connectionsByTenant$/m);
    });
  });
}

describe('with a fake hub that misbehaves', () => {
  let hub;
  before(async () => (hub = await new FakeHub().start()));
  after(() => hub.stop());
  const last = () => hub.requests.at(-1);
  const problem = (status, error, detail, more = {}) => [
    status,
    { 'content-type': 'application/problem+json' },
    JSON.stringify({ error, status, title: 'T', detail, ...more }),
  ];

  test('every flag of publish reaches the hub', async () => {
    const p = await run(
      ['publish', hub.url, '--channel=c', '--tenant', 't', '--type', 'x', '--key', 'k', '--priority', 'high',
        '--state', '{ "a": 1.0 }', '--ack', 'durable', '--idempotency-key', 'i1', '[ 1, 2 ]'],
      { env: { FRESHET_TOKEN: 'abc' } });
    assert.equal(p.code, 0, p.stderr);
    assert.equal(last().body, '{"channel":"c","tenant":"t","type":"x","key":"k","priority":"high",' +
      '"ack":"durable","state":{"a":1.0},"data":[1,2]}');
    assert.equal(last().headers['idempotency-key'], 'i1');
    assert.equal(last().headers.authorization, 'Bearer abc');
    assert.match(p.stderr, /note: .*in memory only/);
    await run(['publish', hub.url, '--channel', 'c', '--key', 'k', '--deleted', '--token', 'xyz']);
    assert.equal(last().body, '{"channel":"c","key":"k","deleted":true,"data":null}');
    assert.equal(last().headers.authorization, 'Bearer xyz');
  });

  test('data that starts with a minus, and a place after --', async () => {
    assert.equal((await run(['publish', hub.url, '--channel', 'c', '-5'])).code, 0);
    assert.match(last().body, /"data":-5}/);
    assert.equal((await run(['publish', '--channel', 'c', '--text', '--', hub.url, '--x'])).code, 0);
    assert.match(last().body, /"data":"--x"}/);
  });

  test('the index of a refused batch becomes the line of the input', async () => {
    hub.answers = [null, problem(422, 'SCHEMA_MISMATCH', 'seats must be a number', { index: 1 })];
    const input = `${Array.from({ length: 1000 }, () => '1').join('\n')}\n\n2\n3\n`;
    const p = await run(['publish', hub.url, '--channel', 'c'], { input });
    assert.equal(p.code, 1);
    assert.equal(p.stdout.trim().split('\n').length, 1000);
    assert.equal(p.stderr, 'freshet publish: line 1003: seats must be a number (422 SCHEMA_MISMATCH); ' +
      'nothing from line 1002 on was published\n');
  });

  test('a line that is not JSON ends it after the lines before', async () => {
    const p = await run(['publish', hub.url, '--channel', 'c'], { input: '1\n\n{"a":}\n2\n' });
    assert.equal(p.code, 1);
    assert.equal(p.stdout.trim().split('\n').length, 1);
    assert.match(p.stderr, /^freshet publish: line 3 is not JSON \(.*\); send lines as text with --text\n$/);
  });

  test('a hub that is not there, not a hub, or redirects', async () => {
    const gone = await run(['publish', 'http://127.0.0.1:1', '--channel', 'c', '1']);
    assert.equal(gone.code, 1);
    assert.match(gone.stderr, /^freshet publish: http:\/\/127.0.0.1:1\/v1\/publish cannot be reached: [^\n]+\n$/);
    hub.answers = [[200, { 'content-type': 'text/html' }, '<p>']];
    const other = await run(['publish', hub.url, '--channel', 'c', '1']);
    assert.equal(other.code, 1);
    assert.match(other.stderr, /something else than a hub would/);
    hub.answers = [[302, { location: `${hub.url}/v1/publish` }, '']];
    assert.equal((await run(['stats', hub.url, '--token', 't'])).code, 1);
    hub.answers = [[200, { 'content-type': 'text/html' }, '<p>']];
    const stream = await run(['tail', hub.url, '--channel', 'c']);
    assert.equal(stream.code, 1);
    assert.match(stream.stderr, /something else than a hub would/);
  });

  test('tail asks with the query that its flags say', async () => {
    const tail = new Running(['tail', hub.url, '--channel', 'a,b', '--channel', 'c', '--tenant', 't', '--since',
      '10m', '--type', 'x y', '--key', 'k,1', '--snapshot', '--token', 'abc']);
    await eventually(() => hub.streams.size === 1, 'a stream');
    assert.equal(last().url.search,
      '?channel=a&channel=b&channel=c&type=x%20y&key=k%2C1&tenant=t&since=10m&snapshot=true&envelope=full');
    assert.equal(last().headers.accept, 'text/event-stream');
    assert.equal(last().headers.authorization, 'Bearer abc');
    assert.equal(last().headers['last-event-id'], undefined);
    assert.equal(await tail.stop(), 0);
  });

  test('gaps and closes are told on standard error, retry is honoured', async () => {
    await eventually(() => hub.streams.size === 0, 'no stream');
    const tail = new Running(['tail', hub.url, '--channel', 'g']);
    await eventually(() => hub.streams.size === 1, 'a stream');
    hub.send('id: 5-0-0badcafe\ndata: {"type":"freshet.gap","data":{"reason":"trimmed","channels":["g"],"from":"1-0-0badcafe"}}\n\n');
    await tail.until(/gap: reason trimmed, channels \["g"\], from 1-0-0badcafe\n/, 'stderr');
    const closed = Date.now();
    hub.closeStreams('retry: 300\ndata: {"type":"freshet.close","reason":"draining"}\n\n');
    await tail.until(/closed by the hub: reason draining\n.*connecting again in 0\.3 s\n/, 'stderr');
    await tail.until(/connected again/, 'stderr');
    assert.ok(Date.now() - closed >= 290);
    assert.equal(last().headers['last-event-id'], '5-0-0badcafe');
    assert.equal(tail.stdout, '');
    await tail.stop();
  });

  test('a refusal after the first connection is final, overload is not', async () => {
    await eventually(() => hub.streams.size === 0, 'no stream');
    hub.retry = 10;
    const tail = new Running(['tail', hub.url, '--channel', 'r']);
    await eventually(() => hub.streams.size === 1, 'a stream');
    hub.answers = [
      problem(503, 'OVERLOADED', 'too much to do'),
      problem(429, 'TOO_MANY_CONNECTIONS', 'too many'),
      problem(401, 'UNAUTHORIZED', 'The token has expired; get a new one'),
    ];
    hub.closeStreams();
    assert.equal(await tail.ended, 1);
    assert.match(tail.stderr, /too much to do \(503 OVERLOADED\); connecting again/);
    assert.match(tail.stderr, /too many \(429 TOO_MANY_CONNECTIONS\); connecting again/);
    assert.match(tail.stderr, /\nfreshet tail: The token has expired; get a new one \(401 UNAUTHORIZED\)\n$/);
    hub.retry = null;
  });

  test('Retry-After is waited for', async () => {
    await eventually(() => hub.streams.size === 0, 'no stream');
    hub.retry = 10;
    const tail = new Running(['tail', hub.url, '--channel', 'r']);
    await eventually(() => hub.streams.size === 1, 'a stream');
    hub.answers = [[503, { 'retry-after': '1' }, '']];
    hub.closeStreams();
    await tail.until(/status 503; connecting again in 1\.0 s/, 'stderr');
    await tail.stop();
    hub.retry = null;
  });

  test('tail ends well when nobody reads its output any more', async () => {
    await eventually(() => hub.streams.size === 0, 'no stream');
    const tail = new Running(['tail', hub.url, '--channel', 'p']);
    await eventually(() => hub.streams.size === 1, 'a stream');
    tail.child.stdout.destroy();
    const publish = () => run(['publish', hub.url, '--channel', 'p', '1']);
    while (tail.child.exitCode === null && tail.child.signalCode === null) await publish();
    assert.equal(tail.child.exitCode, 0);
  });

  test('streams of another form are printed as they are', async () => {
    await eventually(() => hub.streams.size === 0, 'no stream');
    const tail = new Running(['tail', hub.url, '--channel', 'n', '--json', '--count', '3']);
    await eventually(() => hub.streams.size === 1, 'a stream');
    hub.send(': comment\n\nid: 7\nevent: tick\ndata: {"a": 1}\n\nevent: ping\ndata: {}\n\nevent: say\ndata: two\ndata: lines\n\n');
    hub.send('data: {"type":"density","data":{"zone":"a"}}\n\n');
    assert.equal(await tail.ended, 0);
    assert.equal(tail.stdout, '{"id":"7","type":"tick","data":{"a":1}}\n' +
      '{"id":"7","type":"say","data":"two\\nlines"}\n{"type":"density","data":{"zone":"a"}}\n');
  });

  test('control characters in statistics stay out of the terminal', async () => {
    const s = await run(['stats', hub.url, '--tenant', 'a b']);
    assert.equal(last().url.search, '?tenant=a%20b');
    assert.equal(s.stdout, 'totalConnections                2\nconnectionsByTenant\n' +
      '  acme                          2\n  a?b                           0\nname                            x\n');
  });

  test('an address with a path is used as it is', async () => {
    await run(['stats', `${hub.url}/sse/stats`]);
    assert.equal(last().url.pathname, '/sse/stats');
    await run(['stats', `${hub.url.slice(7)}/live/`]);
    assert.equal(last().url.pathname, '/live/v1/stats');
  });
});

describe('usage', () => {
  const cases = [
    [[], /^freshet: needs a command/],
    [['pubish'], /^freshet: has no such command/],
    [['publish'], /^freshet publish: usage: freshet publish URL --channel C/],
    [['publish', 'http://x', '1'], /needs --channel C\n/],
    [['publish', 'http://x', '--channel'], /--channel: needs a value/],
    [['publish', 'http://x', '--chanel', 'c'], /--chanel: is no flag/],
    [['publish', 'http://x', '--channel', 'c', '1', '2'], /2: is one argument too many/],
    [['publish', 'http://x', '--channel', 'c', '{a}'], /DATA is not JSON \(.*\); send it as text with --text/],
    [['publish', 'http://x', '--channel', 'c', '--ack', 'yes', '1'], /--ack must be memory or durable/],
    [['publish', 'http://x', '--channel', 'c', '--deleted'], /--deleted needs --key/],
    [['publish', 'http://x', '--channel', 'c', '--state', '{', '1'], /--state is not JSON/],
    [['publish', 'http://x', '--channel', 'c', '--idempotency-key', 'k', '-'], /is for one event/],
    [['publish', 'http:// x', '--channel', 'c', '1'], /is no URL of a hub/],
    [['publish', 'http://x', '--channel', 'c', '--token', 'a b', '1'], /the token holds a space/],
    [['tail', 'http://x'], /needs --channel C/],
    [['tail', 'http://x', '--channel', 'c', '--count', '0'], /--count must be a whole number of at least 1/],
    [['stats'], /usage: freshet stats URL/],
    [['stats', 'http://x', '--json=1'], /--json=1: takes no value/],
    [['check'], /needs --config FILE/],
    [['check', '--confg', 'x'], /--confg: is no flag/],
    [['serve', '--prot', '1'], /--prot: is no flag/],
    [['version', 'x'], /too many/],
    [['help', 'x'], /has no command x/],
  ];
  for (const [args, said] of cases)
    test(`${args.join(' ') || 'nothing'} is wrong usage: one line, exit 2`, async () => {
      const r = await run(args);
      assert.equal(r.code, 2);
      assert.match(r.stderr, said);
      assert.match(r.stderr, /^[^\n]+\n$/);
      assert.equal(r.stdout, '');
    });

  for (const c of ['serve', 'publish', 'tail', 'stats', 'check', 'version'])
    test(`${c} --help goes to standard output, exit 0`, async () => {
      const r = await run([c, '--help']);
      assert.equal(r.code, 0);
      assert.match(r.stdout, new RegExp(`^usage: freshet ${c}`));
      assert.deepEqual(await run(['help', c]), r);
    });

  test('the overview names every command', async () => {
    const r = await run(['--help']);
    for (const c of ['serve', 'publish', 'tail', 'stats', 'check', 'version']) assert.match(r.stdout, new RegExp(`^  ${c} `, 'm'));
  });

  test('version names version, features and libraries', async () => {
    const r = await run(['version']);
    assert.match(r.stdout, /^freshet \d+\.\d+\.\d+\n/);
    assert.match(r.stdout, /^stores: memory sqlite null$/m);
    assert.match(r.stdout, /libuv \d.*sqlite 3\..*libcurl \d/);
    assert.deepEqual(await run(['--version']), r);
  });
});

describe('check', () => {
  const check = (name) => run(['check', '--config', name], { cwd: FIXTURES });

  test('a right configuration', async () => {
    const r = await check('sample.yaml');
    assert.deepEqual([r.code, r.stdout], [0, 'sample.yaml: ok\n']);
    assert.match(r.stderr, /^warning: sample.yaml:6: auth.keys\[0\].secret_file: .* cannot be read now$/m);
  });

  test('every mistake with file and line', async () => {
    const r = await check('mistakes.yaml');
    assert.equal(r.code, 1);
    assert.equal(r.stdout, '');
    const expected = readFileSync(path.join(FIXTURES, 'mistakes.txt'), 'utf8').replaceAll('hub.yaml:', 'mistakes.yaml:');
    assert.equal(r.stderr, expected);
  });

  test('flags and variables are checked with it', async () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'freshet-'));
    writeFileSync(path.join(dir, 'hub.yaml'), 'keys: 5\n');
    const r = await run(['check', '--heartbeat', '1y'], { env: { FRESHET_CONFIG: path.join(dir, 'hub.yaml'), FRESHET_KEYS: 'many' } });
    rmSync(dir, { recursive: true });
    assert.equal(r.code, 1);
    assert.match(r.stderr, /^--heartbeat: must be a time .*\nFRESHET_KEYS: must be a whole number .*, is "many"\n$/);
  });

  test('a file that is not there', async () => {
    const r = await check('nowhere.yaml');
    assert.deepEqual([r.code, r.stderr], [1, 'nowhere.yaml: cannot be read: No such file or directory\n']);
  });
});

test('docs/configuration.md is what the table says', async () => {
  const r = await run(['help', '--markdown']);
  assert.equal(readFileSync(path.join(ROOT, 'docs/configuration.md'), 'utf8'), r.stdout);
});
