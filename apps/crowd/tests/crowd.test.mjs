// The crowd application over HTTP.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { Apps, until } from '../../tests/lib.mjs';
import { API, atOnce, calm, cameraToken, count, GATE, LIMITS, people, start, state, still, zone } from './help.mjs';

let apps, mara, leon, ines, cameras;
let quiet, quietStreams, tom;
const post = (where, as, body = {}) => apps.request(`${API}/${where}`, { as, body });
const is = (type, test = () => true) => ({ data }) => data.type === type && test(data.data);
const density = (as = mara) => apps.stream(`${API}/density-stream`, { as });
const alerts = (as = mara) => apps.stream(`${API}/alert-stream`, { as });

/** Opens both streams, runs `body`, closes them. */
async function following(body, as) {
  const [d, a] = [await density(as), await alerts(as)];
  await Promise.all([d, a].map((stream) => stream.next(is('connected'))));
  try {
    await body(d, a);
  } finally {
    await Promise.all([d.close(), a.close()]);
  }
}

before(async () => {
  ({ apps, mara, leon, ines, cameras } = await start());
  // Two streams on which nothing happens while the other tests run: for the heartbeats, at the end.
  quiet = await Apps.start({ apps: ['crowd'], args: ['--limits-connections-per-user', '2'] });
  tom = await quiet.login('crowd', 'tom');
  await still(quiet, tom);
  quietStreams = await Promise.all(['density', 'alert'].map((name) => quiet.stream(`${API}/${name}-stream`, { as: tom })));
  quietStreams.began = Date.now();
});
after(async () => {
  await Promise.all([apps?.end(), quiet?.end()]);
});
beforeEach(() => calm(apps, mara, cameras));

describe('the streams', () => {
  test('both begin with a connected message and its time in milliseconds', async () => {
    await following(async (...streams) => {
      for (const stream of streams) {
        assert.equal(stream.answer.headers.get('content-type'), 'text/event-stream');
        const [first] = stream.events;
        assert.equal(first.event, null);
        assert.deepEqual(Object.keys(first.data), ['type', 'timestamp']);
        assert.equal(first.data.type, 'connected');
        assert.ok(Math.abs(first.data.timestamp - Date.now()) < 10_000);
      }
    });
  });

  test('a camera’s count is a density message within two seconds', async () => {
    await following(async (d) => {
      const times = [];
      for (let i = 1; i <= 10; i++) {
        const began = Date.now();
        await people(apps, cameras, { 'gate-a': 100 + i });
        const { at, data } = await d.next(is('density', (reading) => reading.people === 100 + i));
        times.push(at - began);
        assert.deepEqual(data, {
          type: 'density',
          data: { zoneId: 'gate-a', zoneName: 'Gate A', people: 100 + i, areaM2: 405.6, density: Math.round((100 + i) / 4.056) / 100, level: 'normal', source: 'camera', timestamp: data.data.timestamp },
        });
      }
      assert.ok(Math.max(...times) < 2000, `${times}`);
    });
  });

  test('only changed readings are published', async () => {
    await following(async (d) => {
      const answers = [];
      for (const number of [300, 300, 300, 301]) answers.push((await count(apps, cameras, 'k-north', { 'gate-a': number, 'north-way': 50 })).body);
      assert.deepEqual(answers.map(({ accepted, changed }) => [accepted, changed]), [[2, 2], [2, 0], [2, 0], [2, 1]]);
      await d.next(is('density', (reading) => reading.people === 301));
      const readings = d.events.slice(1).map(({ data: { data } }) => [data.zoneId, data.people]);
      assert.deepEqual(readings, [['gate-a', 300], ['north-way', 50], ['gate-a', 301]]);
    });
    const { body } = await apps.request(`${API}/zones/gate-a/readings?minutes=1`, { as: mara });
    assert.deepEqual(body.readings.slice(-2).map(([, number]) => number), [300, 301]);
  });

  test('emergency mode is a message when it is entered, and null when it is left', async () => {
    await following(async (_, a) => {
      await post('emergency/enter', mara, { reason: 'Smoke at Gate B' });
      const { data } = await a.next(is('emergency'));
      assert.equal(data.data.status, 'active');
      assert.equal(data.data.reason, 'Smoke at Gate B');
      assert.equal(data.data.enteredBy, 'Mara Quist');
      await post('emergency/leave', mara);
      assert.deepEqual((await a.next(is('emergency', (mode) => mode === null))).data, { type: 'emergency', data: null });
    });
  });

  test('both in one connection, for those who have few', async () => {
    const both = await apps.stream(`${API}/stream`, { as: mara });
    await both.next(is('connected'));
    await people(apps, cameras, { 'gate-a': 7 });
    await post('emergency/enter', mara, { reason: 'Drill' });
    await both.next(is('density', (reading) => reading.people === 7));
    await both.next(is('emergency'));
    await both.close();
  });

  test('whoever comes back gets each zone’s latest reading', async () => {
    await atOnce(apps, mara, 'gate-a');
    const first = await density();
    await first.next(is('connected'));
    await people(apps, cameras, { 'gate-b': 5 });
    const { id } = await first.next(is('density', (reading) => reading.people === 5));
    await first.close();
    await people(apps, cameras, { 'gate-a': 11, 'gate-b': 6 });
    await people(apps, cameras, { 'gate-a': 12 });
    const second = await apps.stream(`${API}/density-stream`, { as: mara, headers: { 'Last-Event-ID': id } });
    await second.next(is('density', (reading) => reading.people === 12));
    const latest = new Map(second.events.filter(is('density')).map(({ data: { data } }) => [data.zoneId, data.people]));
    assert.deepEqual([...latest].sort(), [['gate-a', 12], ['gate-b', 6]]);
    await second.close();
  });

  test('several clients have connections of their own, and the log says so', async () => {
    const before = apps.log.length;
    const streams = await Promise.all([density(), density(), alerts(), alerts(leon)]);
    const counts = async () => (await apps.request(`${API}/connections`, { as: mara })).body.connectionsByChannel;
    await until(async () => (await counts())?.density === 2 && (await counts())['crowd-alerts'] === 2, 'four streams');
    await until(() => apps.log.slice(before).match(/stream opened/g)?.length === 4, 'four lines of the log');
    await Promise.all(streams.map((stream) => stream.close()));
    await until(async () => !(await counts())?.density && !(await counts())?.['crowd-alerts'], 'no stream');
    await until(() => apps.log.slice(before).match(/stream closed/g)?.length === 4, 'four more lines');
  });

  test('a client’s streams can be limited: the third is refused, and told when to come again', async () => {
    const third = await quiet.request(`${API}/alert-stream`, { as: tom, headers: { Accept: 'text/event-stream' } });
    assert.deepEqual([third.status, third.body.error], [429, 'TOO_MANY_CONNECTIONS']);
    assert.ok(Number(third.headers.get('retry-after')) > 0);
  });

  test('polling goes on where the stream was, with real readings', async () => {
    const d = await density();
    await d.next(is('connected'));
    await people(apps, cameras, { 'gate-a': 21 });
    const { id } = await d.next(is('density', (reading) => reading.people === 21));
    await d.close();
    await people(apps, cameras, { 'gate-a': 22, 'gate-c': 23 });
    const body = await until(async () => {
      const answer = await apps.request(`${API}/density-poll?lastEventId=${id}`, { as: mara });
      return answer.body.events.length === 2 && answer.body;
    }, 'two readings');
    assert.deepEqual(body.events.map(({ type, data }) => [type, data.zoneId, data.people]), [['density', 'gate-a', 22], ['density', 'gate-c', 23]]);
    const again = await apps.request(`${API}/density-poll?lastEventId=${body.cursor}`, { as: mara });
    assert.deepEqual(again.body.events, []);
  });
});

describe('who may do what', () => {
  test('nobody without a session sees or changes anything', async () => {
    const where = ['state', 'density-stream', 'alert-stream', 'stream', 'density-poll', 'connections', 'zones/gate-a/readings'];
    for (const one of where) assert.equal((await apps.request(`${API}/${one}`)).status, 401, one);
    for (const one of ['readings', 'emergency/enter', 'testing/alert', 'alerts/1/resolve']) assert.equal((await post(one, undefined, {})).status, 401, one);
    const { body } = await apps.request('/api/crowd/logins');
    assert.deepEqual(body.logins.map(({ login }) => login), ['mara', 'leon', 'ines', 'tom']); // no cameras
  });

  test('two venues never see each other', async () => {
    await following(async (d, a) => {
      await atOnce(apps, mara, 'gate-a');
      await people(apps, cameras, { 'gate-a': GATE.critical });
      await post('emergency/enter', mara, { reason: 'Only here' });
      const [alert] = (await state(apps, mara)).openAlerts;
      assert.equal((await post(`alerts/${alert.id}/acknowledge`, ines)).status, 404);
      assert.equal((await post('zones/gate-a/thresholds', ines, LIMITS)).status, 404);
      assert.equal((await post('testing/alert', ines, { zone: 'gate-a', severity: 'high', message: 'x' })).status, 404);
      assert.equal((await count(apps, cameraToken(apps, 'harbour-expo'), 'k-north', { 'gate-a': 1 })).status, 404);
      assert.deepEqual((await apps.request(`${API}/zones/gate-a/readings`, { as: ines })).body.readings, []);
      const theirs = await state(apps, ines);
      assert.equal(theirs.venue.id, 'harbour-expo');
      assert.equal(theirs.emergency, null);
      assert.ok(!theirs.zones.some(({ id }) => id === 'gate-a'));
      // what is published for them comes, and nothing came before it
      await post('testing/delivery', ines, { run: 'theirs', count: 1 });
      for (const stream of [d, a]) {
        await stream.next(is('delivery-test'));
        assert.deepEqual(stream.events.map(({ data }) => data.type), ['connected', 'delivery-test']);
      }
    }, ines);
  });

  test('stewards answer alerts and decide nothing else', async () => {
    const refused = ['emergency/enter', 'emergency/leave', 'testing/violation', 'testing/breach', 'testing/alert', 'testing/delivery', 'testing/stop', 'zones/gate-a/thresholds', 'readings'];
    for (const one of refused) assert.equal((await post(one, leon, { reason: 'x' })).status, 403, one);
    assert.equal((await apps.request(`${API}/connections`, { as: leon })).status, 403);
    const { body: alert } = await post('testing/alert', mara, { zone: 'gate-a', severity: 'high', message: 'Who answers?' });
    const { body } = await post(`alerts/${alert.id}/acknowledge`, leon);
    assert.deepEqual([body.status, body.acknowledgedBy], ['acknowledged', 'Leon Adeyemi']);
  });

  test('a camera counts its own zones and does nothing else', async () => {
    assert.equal((await count(apps, cameras, 'k-north', { 'gate-c': 1 })).status, 403);
    assert.equal((await apps.request(`${API}/readings`, { headers: cameras, body: { counts: [{ zone: 'gate-a', people: 1 }] } })).status, 422);
    for (const one of ['alerts/1/acknowledge', 'emergency/enter', 'testing/alert']) assert.equal((await apps.request(`${API}/${one}`, { headers: cameras, body: {} })).status, 403);
    assert.equal((await apps.stream(`${API}/density-stream`, { headers: cameras })).status, 403);
  });

  test('what makes no sense is refused and changes nothing', async () => {
    const before = await state(apps, mara);
    const bad = [
      ['readings', {}], ['readings', { counts: [] }], ['readings', { counts: [{ zone: 'gate-a' }] }], ['readings', { counts: [{ zone: 'gate-a', people: -1 }] }],
      ['readings', { counts: [{ zone: 'gate-a', people: 1.5 }] }], ['readings', { counts: [{ zone: 'gate-a', people: 5 }, { zone: 'gate-b', people: 1e9 }] }], ['readings', { counts: Array(65).fill({ zone: 'gate-a', people: 1 }) }],
      ['emergency/enter', {}], ['emergency/enter', { reason: 'x'.repeat(201) }], ['testing/violation', { zone: 'gate-a', level: 'normal' }], ['testing/violation', { zone: 'gate-a', level: 'high', seconds: 4 }],
      ['testing/breach', { zone: 5, level: 'high' }], ['testing/alert', { zone: 'gate-a', severity: 'high', message: '' }], ['testing/delivery', { run: 'x', count: 101 }],
      ['zones/gate-a/thresholds', { ...LIMITS, high: 2 }], ['zones/gate-a/thresholds', { ...LIMITS, critical: '4' }], ['zones/gate-a/thresholds', { ...LIMITS, holdMs: -1 }], ['zones/gate-a/thresholds', { ...LIMITS, hysteresis: 0.9 }],
    ];
    for (const [where, body] of bad) assert.equal((await post(where, mara, body)).status, 422, `${where} ${JSON.stringify(body).slice(0, 80)}`);
    for (const [where, body] of [['readings', { counts: [{ zone: 'gate-z', people: 1 }] }], ['testing/violation', { zone: 'gate-z', level: 'high' }], ['zones/gate-z/thresholds', LIMITS], ['alerts/999999/resolve', {}], ['alerts/x/resolve', {}]]) assert.equal((await post(where, mara, body)).status, 404, where);
    assert.equal((await post('readings', mara, '[1')).status, 400);
    assert.equal((await apps.request(`${API}/zones/gate-a/readings?minutes=0`, { as: mara })).status, 400);
    const own = await apps.request(`${API}/emergency/leave`, { as: mara, body: {}, headers: { Origin: 'https://elsewhere.example' } });
    assert.equal(own.status, 403);
    assert.deepEqual(await state(apps, mara), before);
  });
});

describe('alerts', () => {
  test('raised, acknowledged, escalated, resolved by itself, each told on the stream', async () => {
    await atOnce(apps, mara, 'gate-a');
    await following(async (_, a) => {
      await people(apps, cameras, { 'gate-a': GATE.warning });
      const { data: { data: raised } } = await a.next(is('alert'));
      assert.deepEqual([raised.severity, raised.status, raised.zoneName, raised.threshold, raised.test], ['warning', 'active', 'Gate A', 2, false]);
      assert.equal(raised.message, 'Gate A has 2.02 people per square metre; warning from 2.00');
      assert.equal((await post(`alerts/${raised.id}/acknowledge`, leon)).status, 200);
      await a.next(is('alert', ({ status }) => status === 'acknowledged'));
      await people(apps, cameras, { 'gate-a': GATE.critical });
      const { data: { data: worse } } = await a.next(is('alert', ({ severity }) => severity === 'critical'));
      assert.deepEqual([worse.id, worse.status, worse.acknowledgedBy], [raised.id, 'active', null]);
      await people(apps, cameras, { 'gate-a': GATE.normal });
      const { data: { data: over } } = await a.next(is('alert', ({ status }) => status === 'resolved'));
      assert.deepEqual([over.id, over.severity, over.resolvedBy], [raised.id, 'critical', null]);
      assert.equal(a.events.filter(is('alert')).length, 4);
    });
  });

  test('an alert waits until counts have held the level long enough', async () => {
    await post('zones/gate-b/thresholds', mara, { ...LIMITS, holdMs: 700 });
    const began = Date.now();
    await people(apps, cameras, { 'gate-b': GATE.high });
    assert.equal((await zone(apps, mara, 'gate-b')).level, 'high'); // seen at once
    await until(async () => {
      await people(apps, cameras, { 'gate-b': GATE.high });
      return (await state(apps, mara)).openAlerts.length === 1;
    }, 'the alert');
    assert.ok(Date.now() - began >= 700, `${Date.now() - began}`);
  });

  test('without counts nothing is concluded', async () => {
    await post('zones/gate-b/thresholds', mara, { ...LIMITS, holdMs: 200 });
    await people(apps, cameras, { 'gate-b': GATE.high });
    const seen = await state(apps, mara);
    const until_ = Date.now() + 800;
    while (Date.now() < until_) assert.deepEqual(await state(apps, mara), seen);
  });

  test('nobody resolves an alert while its zone is above the warning threshold', async () => {
    await atOnce(apps, mara, 'gate-a');
    await people(apps, cameras, { 'gate-a': GATE.high });
    const [{ id }] = (await state(apps, mara)).openAlerts;
    const refused = await post(`alerts/${id}/resolve`, mara);
    assert.deepEqual([refused.status, refused.body.error], [409, 'STILL_ABOVE']);
    await post('zones/gate-a/thresholds', mara, { ...LIMITS, releaseMs: 600000 });
    await people(apps, cameras, { 'gate-a': GATE.normal });
    const done = await post(`alerts/${id}/resolve`, mara);
    assert.deepEqual([done.status, done.body.status, done.body.resolvedBy], [200, 'resolved', 'Mara Quist']);
    assert.equal((await post(`alerts/${id}/resolve`, mara)).status, 409);
    await people(apps, cameras, { 'gate-a': GATE.normal + 1 });
    assert.deepEqual((await state(apps, mara)).openAlerts, []);
    await atOnce(apps, mara, 'gate-a');
  });

  test('two people acknowledge at once: one does, one is told', async () => {
    const { body: alert } = await post('testing/alert', mara, { zone: 'gate-a', severity: 'warning', message: 'Both of you' });
    const answers = await Promise.all([mara, leon].map((as) => post(`alerts/${alert.id}/acknowledge`, as)));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409]);
  });

  test('new thresholds count for the reading that is there', async () => {
    await atOnce(apps, mara, 'gate-a');
    await people(apps, cameras, { 'gate-a': GATE.high });
    await following(async (d, a) => {
      await post('zones/gate-a/thresholds', mara, { ...LIMITS, warning: 5, high: 6, critical: 7 });
      await d.next(is('density', ({ level }) => level === 'normal'));
      await d.next(is('refresh', ({ reason }) => reason === 'thresholds'));
      await a.next(is('alert', ({ status }) => status === 'resolved'));
      assert.equal((await zone(apps, mara, 'gate-a')).thresholds.warning, 5);
    });
    await atOnce(apps, mara, 'gate-a');
  });
});

describe('emergency mode', () => {
  const gates = ['gate-a', 'gate-b', 'gate-c'];
  before(() => atOnce(apps, mara, ...gates));

  test('two critical zones enter it, and only a person ends it', async () => {
    await following(async (_, a) => {
      await people(apps, cameras, { 'gate-a': GATE.critical });
      assert.equal((await state(apps, mara)).emergency, null);
      await people(apps, cameras, { 'gate-b': GATE.critical });
      const { data: { data: mode } } = await a.next(is('emergency'));
      assert.deepEqual([mode.status, mode.automatic, mode.enteredBy, mode.test], ['active', true, null, false]);
      await people(apps, cameras, { 'gate-a': 0, 'gate-b': 0 });
      assert.equal((await state(apps, mara)).emergency.status, 'active');
      assert.equal((await post('emergency/leave', mara)).body.emergency, null);
      assert.equal((await post('emergency/leave', mara)).status, 409);
    });
  });

  test('a crush in one zone enters it', async () => {
    await people(apps, cameras, { 'gate-a': GATE.crush });
    assert.equal((await state(apps, mara)).emergency.status, 'active');
  });

  test('it is not entered again before the venue was calm', async () => {
    await people(apps, cameras, { 'gate-a': GATE.critical, 'gate-b': GATE.critical });
    await post('emergency/leave', mara);
    await people(apps, cameras, { 'gate-a': GATE.critical + 1 });
    assert.equal((await state(apps, mara)).emergency, null);
    await people(apps, cameras, { 'gate-a': 0, 'gate-b': 0 });
    await people(apps, cameras, { 'gate-a': GATE.critical, 'gate-b': GATE.critical });
    assert.equal((await state(apps, mara)).emergency.status, 'active');
  });

  test('three zones at high density propose it; a controller declines or enters', async () => {
    await following(async (_, a) => {
      await people(apps, cameras, { 'gate-a': GATE.high, 'gate-b': GATE.high, 'gate-c': GATE.high });
      await a.next(is('emergency', (mode) => mode?.status === 'proposed'));
      await post('emergency/leave', mara);
      await a.next(is('emergency', (mode) => mode === null));
      await people(apps, cameras, { 'gate-c': GATE.high + 1 });
      assert.equal((await state(apps, mara)).emergency, null);
      await people(apps, cameras, { 'gate-c': 0 });
      await people(apps, cameras, { 'gate-c': GATE.high });
      assert.equal((await state(apps, mara)).emergency.status, 'proposed');
      const { body } = await post('emergency/enter', mara, { reason: 'Agreed' });
      assert.deepEqual([body.emergency.status, body.emergency.enteredBy], ['active', 'Mara Quist']);
      assert.equal((await post('emergency/enter', mara, { reason: 'Again' })).status, 409);
    });
  });

  test('a proposal is withdrawn when its reason is gone', async () => {
    await people(apps, cameras, { 'gate-a': GATE.high, 'gate-b': GATE.high, 'gate-c': GATE.high });
    assert.equal((await state(apps, mara)).emergency.status, 'proposed');
    await people(apps, cameras, { 'gate-c': 0 });
    assert.equal((await state(apps, mara)).emergency, null);
  });
});

describe('the testing controls', () => {
  test('a density violation holds the zone, sets its camera aside, and ends', async () => {
    await people(apps, cameras, { 'gate-a': 50 });
    await following(async (d, a) => {
      assert.equal((await post('testing/violation', mara, { zone: 'gate-a', level: 'critical', seconds: 60 })).status, 200);
      const { data: { data: reading } } = await d.next(is('density', ({ source }) => source === 'test'));
      assert.equal(reading.level, 'critical');
      const { data: { data: alert } } = await a.next(is('alert', ({ severity }) => severity === 'critical'), { ms: 8000 });
      assert.equal(alert.test, true);
      const aside = await count(apps, cameras, 'k-north', { 'gate-a': 77 });
      assert.deepEqual([aside.body.changed, aside.body.setAside], [0, 1]);
      assert.equal((await zone(apps, mara, 'gate-a')).source, 'test');
      assert.equal((await state(apps, mara)).tests[0].startedBy, 'Mara Quist');
      assert.equal((await post('testing/stop', mara, { zone: 'gate-a' })).body.ended, 1);
      const { data: { data: after_ } } = await d.next(is('density', ({ source, people: number }) => source === 'camera' && number === 77));
      assert.equal(after_.level, 'normal');
      assert.deepEqual((await state(apps, mara)).tests, []);
    });
  });

  test('a threshold breach fills the zone through every level and ends by itself', async () => {
    await atOnce(apps, mara, 'gate-d');
    await following(async (d, a) => {
      await post('testing/breach', mara, { zone: 'gate-d', level: 'critical', seconds: 5 });
      await d.next(is('density', ({ level }) => level === 'critical'), { ms: 6000 });
      const levels = d.events.filter(is('density', ({ source }) => source === 'test')).map(({ data }) => data.data.level);
      assert.deepEqual([...new Set(levels)], ['normal', 'warning', 'high', 'critical']);
      assert.deepEqual([...new Set(a.events.filter(is('alert')).map(({ data }) => data.data.severity))], ['warning', 'high', 'critical']);
      await until(async () => (await state(apps, mara)).tests.length === 0, 'the end of the test', 6000);
      assert.equal((await zone(apps, mara, 'gate-d')).people, 0);
    });
  });

  test('a test alert is stored, delivered and marked; its text stays text', async () => {
    const message = '<img src=x onerror=alert(1)> "quoted" ünï';
    await following(async (_, a) => {
      const { body } = await post('testing/alert', mara, { zone: 'gate-b', severity: 'critical', message });
      const { data } = await a.next(is('alert'));
      assert.deepEqual(data.data, body);
      assert.deepEqual([body.message, body.test, body.origin, body.status], [message, true, 'hand', 'active']);
      assert.equal((await state(apps, mara)).emergency, null); // no emergency comes of it
    });
  });

  test('messages of a delivery test arrive on both streams, all and in order', async () => {
    await following(async (...streams) => {
      assert.equal((await post('testing/delivery', mara, { run: 'r1', count: 100 })).body.sent, 100);
      for (const stream of streams) {
        await stream.next(is('delivery-test', ({ number }) => number === 100));
        const numbers = stream.events.filter(is('delivery-test')).map(({ data }) => data.data.number);
        assert.deepEqual(numbers, Array.from({ length: 100 }, (_, i) => i + 1));
      }
    });
  });
});

describe('the database and the world', () => {
  test('another file in its place is shown, and pages are told to ask again', async () => {
    await following(async (d, a) => {
      apps.replaceDatabase('crowd', "update venues set name = 'Kestrel Dome' where id = 'kestrel-park'; update counts set people = 123 where zone = 'gate-a';");
      for (const stream of [d, a]) await stream.next(is('refresh', ({ reason }) => reason === 'replaced'));
      const now = await state(apps, mara);
      assert.equal(now.venue.name, 'Kestrel Dome');
      assert.equal(now.zones.find(({ id }) => id === 'gate-a').people, 123);
    });
  });

  test('a restart loses no alert, no emergency and no running test', async () => {
    await atOnce(apps, mara, 'gate-a', 'gate-b');
    await people(apps, cameras, { 'gate-a': GATE.critical, 'gate-b': GATE.critical });
    await post('testing/violation', mara, { zone: 'gate-c', level: 'warning', seconds: 60 });
    const before = await state(apps, mara);
    await apps.stop();
    await apps.run();
    await still(apps, mara);
    const { zones, tests, emergency, openAlerts } = await state(apps, mara);
    assert.deepEqual([tests, emergency], [before.tests, before.emergency]);
    const real = (list) => list.filter(({ test: drill }) => !drill);
    assert.deepEqual(real(openAlerts), real(before.openAlerts));
    assert.equal(real(openAlerts).length, 2);
    assert.equal(zones.find(({ id }) => id === 'gate-c').source, 'test');
  });

  test('the world counts both venues at the rate that is set, and nothing while it is off', async () => {
    const changes = async (as) => (await state(apps, as)).zones.map(({ people: number, changedAt }) => `${number} ${changedAt}`).join();
    const world = (running, perSecond) => apps.request('/api/crowd/world', { as: mara, body: { running, perSecond } });
    await world(true, 40);
    const began = await changes(ines);
    await following(async (d) => {
      await until(() => d.events.filter(is('density')).length >= 12, 'readings of the world');
    });
    await until(async () => (await changes(ines)) !== began, 'the other venue');
    await world(false, 6);
    let before = await changes(mara);
    await until(async () => before === (before = await changes(mara)), 'the last act');
    const end = Date.now() + 3000;
    while (Date.now() < end) assert.equal(await changes(mara), before);
  });
});

describe('silence', () => {
  test('a heartbeat is a comment, every 30 seconds without a message', async () => {
    const left = 33_000 - (Date.now() - quietStreams.began);
    for (const stream of quietStreams) {
      await until(() => /^: heartbeat \d{13}$/m.test(stream.text), 'a heartbeat', Math.max(left, 3000));
      assert.deepEqual(stream.events.map(({ data }) => data.type), ['connected']);
      // the first comes earlier, so that clients are spread; two are never closer than the 30 seconds
      const beats = [...stream.text.matchAll(/^: heartbeat (\d+)$/gm)].map(([, at]) => Number(at));
      assert.ok(beats[0] - stream.events[0].data.timestamp <= 31_500, `after ${beats[0] - stream.events[0].data.timestamp} ms`);
      for (let i = 1; i < beats.length; i++) assert.ok(Math.abs(beats[i] - beats[i - 1] - 30_000) < 1500, `${beats}`);
    }
  });
});
