// The cockpit over HTTP: its documented endpoints, its figures against its rows, and who may do what.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { build } from 'esbuild';
import { Apps, until } from '../../tests/lib.mjs';

const CHANNELS = ['dashboard-updates', 'evidence-updates', 'report-updates'];
const stream = (company, channel = CHANNELS[0], more = '') => `/sse/stream?companyId=${company}&channel=${channel}${more}`;
const isType = (type) => (event) => event.data?.type === type;

describe('the cockpit over HTTP', () => {
  let apps, acme, viewer, globex, tester, admin;
  const figure = async (company, widget, as = acme) => {
    const answer = await apps.request(`/api/companies/${company}/${widget}`, { as });
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    return answer.body;
  };
  const post = (where, body, as = acme) => apps.request(where, { as, body });
  const openActivity = async (company = 'acme-corp', as = acme) => (await figure(company, 'activities?open=true', as)).activities[0];
  const follow = async (where, as) => {
    const one = await apps.stream(where, { as });
    assert.equal(one.status, 200, where);
    await one.next(isType('connected'));
    return one;
  };
  const broadcast = (company, data, as, type = 'dashboard-update', channel = CHANNELS[0]) => post('/sse/test-broadcast', { companyId: company, channel, type, data }, as);

  before(async () => {
    apps = await Apps.start({ apps: ['cockpit'] });
    [acme, viewer, globex, tester, admin] = await Promise.all(['acme-manager', 'acme-viewer', 'globex-manager', 'test-manager', 'super-admin'].map((id) => apps.login('cockpit', id)));
    assert.equal((await post('/api/cockpit/world', { running: false, perSecond: 1 })).status, 200);
  });
  after(() => apps?.end());

  test('the manual steps: a stream, a test broadcast, the statistics', async () => {
    const s = await follow(stream('test-company'), tester);
    assert.equal(s.events[0].data.type, 'connected');
    assert.match(s.events[0].data.data.connectionId, /^[0-9a-f]+$/);
    const sent = await broadcast('test-company', { metric: 'SROI', value: 2.5 }, tester);
    assert.equal(sent.status, 200, JSON.stringify(sent.body));
    const got = await s.next(isType('dashboard-update'));
    assert.deepEqual(got.data.data, { metric: 'SROI', value: 2.5 });
    assert.equal(got.data.channel, 'dashboard-updates');
    assert.equal(got.id, sent.body.id);
    const stats = (await apps.request('/sse/stats', { as: tester })).body;
    assert.equal(stats.totalConnections, 1);
    assert.deepEqual(stats.connectionsByCompany, { 'test-company': 1 });
    assert.deepEqual(stats.connectionsByChannel, { 'dashboard-updates': 1 });
    assert.ok(stats.historySize >= 1);
    await s.close();
  });

  test('both addresses of the stream say the same, unbuffered and uncached', async () => {
    for (const path of ['/sse/stream', '/api/sse/stream']) {
      const s = await follow(`${path}?companyId=test-company&channel=dashboard-updates`, tester);
      assert.equal(s.answer.headers.get('content-type'), 'text/event-stream');
      assert.equal(s.answer.headers.get('x-accel-buffering'), 'no');
      assert.match(s.answer.headers.get('cache-control'), /no-store/);
      await s.close();
    }
  });

  test('without signing in there is no stream, no poll, no statistics, no broadcast and no figure', async () => {
    for (const where of [stream('acme-corp'), `/api${stream('acme-corp')}`, '/api/sse/events?companyId=acme-corp&channel=dashboard-updates', '/sse/stats', '/api/companies', '/api/companies/acme-corp/sroi', '/api/companies/acme-corp/evidence']) {
      const answer = await apps.request(where);
      assert.equal(answer.status, 401, where);
      assert.equal(answer.body.error, 'UNAUTHORIZED');
    }
    assert.equal((await post('/sse/test-broadcast', { companyId: 'acme-corp', channel: CHANNELS[0], type: 'dashboard-update', data: { metric: 'x', value: 1 } }, null)).status, 401);
    assert.equal((await apps.request(stream('acme-corp'), { headers: { Cookie: `${acme.cookie.split('.')[0]}.e30.x` } })).status, 401);
  });

  test('another company is 403 everywhere, a SUPER_ADMIN crosses', async () => {
    const places = ['sroi', 'vis', 'q2q', 'at-a-glance', 'evidence', 'reports', 'activities', 'volunteers'].map((widget) => `/api/companies/globex/${widget}`);
    for (const where of [stream('globex'), `/api${stream('globex')}`, '/sse/events?companyId=globex&channel=dashboard-updates', ...places]) {
      const refused = await apps.request(where, { as: acme });
      assert.equal(refused.status, 403, where);
      assert.equal(refused.body.error, 'FORBIDDEN');
    }
    assert.equal((await broadcast('globex', { metric: 'x', value: 1 }, acme)).status, 403);
    for (const [where, body] of [['hours', { volunteerId: 'v-1', activityId: 1, hours: 1 }], ['evidence', { activityId: 1, kind: 'quote', text: 'x' }], ['reports', { period: '2026' }]])
      assert.equal((await post(`/api/companies/globex/${where}`, body, acme)).status, 403, where);
    for (const where of places) assert.equal((await apps.request(where, { as: admin })).status, 200, where);
    const s = await follow(stream('globex'), admin);
    assert.equal((await broadcast('globex', { metric: 'VIS', value: 50 }, admin)).status, 200);
    await s.next(isType('dashboard-update'));
    await s.close();
    assert.deepEqual((await figure('acme-corp', '').catch(() => null)) ?? null, null);
    assert.deepEqual((await apps.request('/api/companies', { as: acme })).body.companies.map(({ id }) => id), ['acme-corp']);
    assert.deepEqual((await apps.request('/api/companies', { as: admin })).body.companies.map(({ id }) => id), ['acme-corp', 'globex', 'test-company']);
    assert.equal((await apps.request('/api/companies/nobody/sroi', { as: admin })).status, 404);
  });

  test('an event of one company reaches none of another, whatever is asked for', async () => {
    const [a, g] = [await follow(stream('acme-corp'), acme), await follow(stream('globex'), globex)];
    await broadcast('acme-corp', { metric: 'A', value: 1 }, acme);
    await broadcast('globex', { metric: 'G', value: 2 }, globex);
    await a.next((e) => e.data?.data?.metric === 'A');
    await g.next((e) => e.data?.data?.metric === 'G');
    assert.ok(!a.text.includes('"G"') && !g.text.includes('"A"'));
    const polled = await apps.request('/api/sse/events?companyId=acme-corp&channel=dashboard-updates&since=earliest', { as: acme });
    assert.ok(polled.body.events.every((e) => e.data.metric !== 'G'));
    await a.close();
    await g.close();
  });

  test('company ids, channel names, types and data are checked', async () => {
    assert.equal((await apps.request('/sse/stream?companyId=a%20b&channel=dashboard-updates', { as: admin })).status, 400);
    assert.equal((await apps.request('/sse/stream?companyId=..%2Facme&channel=dashboard-updates', { as: admin })).status, 400);
    assert.equal((await apps.request(stream('acme-corp', 'my-new-channel'), { as: acme })).status, 403);
    assert.equal((await apps.request('/sse/stream?companyId=acme-corp', { as: acme })).status, 400);
    for (const [type, data] of [['dashboard-update', {}], ['dashboard-update', { widgets: [] }], ['dashboard-update', { widgets: ['sroi', 'sroi'] }], ['dashboard-update', { widgets: ['bank'] }], ['dashboard-update', { metric: 'SROI', value: '2.5' }], ['dashboard-update', { metric: 'SROI', value: 1, html: '<b>' }], ['dashboard-update', { widgets: ['vis'], timestamp: 'now' }], ['report-ready', { metric: 'x', value: 1 }], ['anything', {}]]) {
      const answer = await broadcast('acme-corp', data, acme, type);
      assert.equal(answer.status, 422, `${type} ${JSON.stringify(data)}: ${JSON.stringify(answer.body)}`);
      assert.equal(answer.body.error, 'SCHEMA_MISMATCH');
    }
    assert.equal((await broadcast('acme-corp', { widgets: ['sroi', 'vis'], timestamp: new Date().toISOString() }, acme)).status, 200);
  });

  test('each channel takes its documented event types', async () => {
    const at = new Date().toISOString();
    const cases = [
      ['dashboard-updates', 'dashboard-update', { widgets: ['sroi', 'vis', 'at-a-glance'], reason: 'volunteer_hours_updated', timestamp: at }],
      ['evidence-updates', 'evidence-update', { evidenceId: 1, action: 'classified', status: 'classified', dimension: 'language', timestamp: at }],
      ['evidence-updates', 'evidence-deleted', { evidenceId: 1, timestamp: at }],
      ['report-updates', 'report-ready', { reportId: 1, period: '2026-Q3', title: 'Impact report 2026-Q3', url: '/api/companies/test-company/reports/1', timestamp: at }],
      ['report-updates', 'report-failed', { reportId: 1, period: '2026', title: 'Impact report 2026', reason: 'no volunteer hours in this period', timestamp: at }],
    ];
    for (const [channel, type, data] of cases) {
      const s = await follow(stream('test-company', channel), tester);
      assert.equal((await broadcast('test-company', data, tester, type, channel)).status, 200, type);
      const got = await s.next(isType(type));
      assert.deepEqual([got.data.channel, got.data.data], [channel, data]);
      await s.close();
    }
  });

  test('resuming by lastEventId or Last-Event-ID gives what was missed, in order, once', async () => {
    const s = await follow(stream('test-company'), tester);
    await broadcast('test-company', { metric: 'first', value: 0 }, tester);
    const { id } = await s.next((e) => e.data?.data?.metric === 'first');
    await s.close();
    for (let i = 1; i <= 5; i++) await broadcast('test-company', { metric: `missed ${i}`, value: i }, tester);
    for (const [where, headers] of [[stream('test-company', CHANNELS[0], `&lastEventId=${id}`), {}], [stream('test-company'), { 'Last-Event-ID': id }]]) {
      const again = await apps.stream(where, { as: tester, headers });
      await again.next((e) => e.data?.data?.metric === 'missed 5');
      await broadcast('test-company', { metric: 'live', value: 9 }, tester);
      await again.next((e) => e.data?.data?.metric === 'live' && e.id !== id);
      const seen = again.events.filter(isType('dashboard-update')).map((e) => e.data.data.metric);
      assert.deepEqual(seen.filter((metric) => metric.startsWith('missed')), [1, 2, 3, 4, 5].map((i) => `missed ${i}`));
      assert.deepEqual(again.events[0].data.type, 'connected');
      await again.close();
    }
    const made_up = await follow(stream('test-company', CHANNELS[0], '&lastEventId=event-123'), tester); // as the document has it
    assert.equal((await made_up.next(isType('freshet.gap'))).data.data.reason, 'malformed-id');
    await made_up.close();
  });

  test('the last 100 events of a channel are kept; more is told as a gap', async () => {
    const s = await follow(stream('test-company', 'evidence-updates'), tester);
    const data = (i) => ({ evidenceId: i, timestamp: '2026-01-21T09:30:00Z' });
    await broadcast('test-company', data(1), tester, 'evidence-deleted', 'evidence-updates');
    const { id } = await s.next(isType('evidence-deleted'));
    await s.close();
    for (let i = 2; i <= 121; i++) await broadcast('test-company', data(i), tester, 'evidence-deleted', 'evidence-updates');
    const again = await apps.stream(stream('test-company', 'evidence-updates', `&lastEventId=${id}`), { as: tester });
    await again.next((e) => e.data?.data?.evidenceId === 121);
    assert.equal(again.events.filter(isType('evidence-deleted')).length, 100);
    const gap = again.events.findIndex(isType('freshet.gap'));
    assert.ok(gap >= 0 && gap < again.events.findIndex(isType('evidence-deleted')), 'the gap comes before what is left');
    await again.close();
  });

  test('replay of the last minutes, only some types, several channels on one stream', async () => {
    await broadcast('test-company', { metric: 'replayed', value: 1 }, tester);
    const s = await apps.stream(`${stream('test-company', CHANNELS.join(','))}&since=10m&type=dashboard-update,report-ready`, { as: tester });
    await s.next((e) => e.data?.data?.metric === 'replayed');
    await broadcast('test-company', { evidenceId: 7, timestamp: '2026-01-21T09:30:00Z' }, tester, 'evidence-deleted', 'evidence-updates');
    await broadcast('test-company', { reportId: 2, period: '2026', title: 'R', url: '/r', timestamp: '2026-01-21T09:30:00Z' }, tester, 'report-ready', 'report-updates');
    await s.next((e) => e.data?.data?.reportId === 2);
    assert.ok(!s.events.some(isType('evidence-deleted')));
    await s.close();
  });

  test('polling gives what the stream gives and goes on from its id', async () => {
    for (const path of ['/api/sse/events', '/sse/events']) {
      const s = await follow(stream('test-company'), tester);
      await broadcast('test-company', { metric: 'streamed', value: 1 }, tester);
      const { id } = await s.next((e) => e.data?.data?.metric === 'streamed');
      await s.close();
      await broadcast('test-company', { metric: 'polled', value: 2 }, tester);
      const one = await apps.request(`${path}?companyId=test-company&channel=dashboard-updates&lastEventId=${id}`, { as: tester });
      assert.deepEqual(one.body.events.map((e) => e.data), [{ metric: 'polled', value: 2 }]);
      const two = await apps.request(`${path}?companyId=test-company&channel=dashboard-updates&lastEventId=${one.body.cursor}`, { as: tester });
      assert.deepEqual([two.body.events, two.body.gap], [[], null]);
    }
  });

  test('a company has 100 connections, the next is 429 TOO_MANY_CONNECTIONS, one that goes makes room', async () => {
    const open = [];
    try {
      for (let i = 0; i < 100; i++) open.push(await apps.stream(`${i % 2 ? '/api' : ''}${stream('globex', CHANNELS[i % 3])}`, { as: globex }));
      assert.ok(open.every((s) => s.status === 200));
      for (const path of ['', '/api']) {
        const refused = await apps.request(`${path}${stream('globex')}`, { as: globex });
        assert.equal(refused.status, 429);
        assert.equal(refused.body.error, 'TOO_MANY_CONNECTIONS');
        assert.ok(refused.headers.get('retry-after'));
      }
      const other = await follow(stream('acme-corp'), acme); // another company has its own hundred
      await other.close();
      assert.equal((await apps.request('/sse/stats', { as: globex })).body.connectionsByCompany.globex, 100);
      await open.pop().close();
      const again = await until(async () => {
        const s = await apps.stream(stream('globex'), { as: globex });
        return s.status === 200 ? s : void (await s.close());
      }, 'room for one more');
      open.push(again);
    } finally {
      await Promise.all(open.map((s) => s.close()));
    }
    await until(async () => !(await apps.request('/sse/stats', { as: globex })).body.connectionsByCompany.globex, 'no connection is left behind');
  });

  test('statistics are for administrators: of their company, of all for a SUPER_ADMIN', async () => {
    assert.equal((await apps.request('/sse/stats', { as: viewer })).status, 403);
    const [a, g] = [await follow(stream('acme-corp'), acme), await follow(stream('globex', 'report-updates'), globex)];
    const own = (await apps.request('/sse/stats', { as: acme })).body;
    assert.deepEqual([own.totalConnections, own.connectionsByCompany, own.connectionsByChannel], [1, { 'acme-corp': 1 }, { 'dashboard-updates': 1 }]);
    const all = (await apps.request('/sse/stats', { as: admin })).body;
    assert.deepEqual(all.connectionsByCompany, { 'acme-corp': 1, globex: 1 });
    assert.equal(all.totalConnections, 2);
    assert.deepEqual((await apps.request('/sse/stats?tenant=globex', { as: admin })).body.connectionsByChannel, { 'report-updates': 1 });
    assert.equal((await apps.request('/sse/stats?tenant=globex', { as: acme })).status, 403);
    for (const name of ['historySize', 'reconnectRate', 'eventsFailed']) assert.equal(typeof all[name], 'number', `${name} is there to alert on`);
    await a.close();
    await g.close();
  });

  test('a channel needs its grant: a viewer has no reports, by stream, poll or REST, and publishes nothing', async () => {
    for (const where of [stream('acme-corp', 'report-updates'), stream('acme-corp', 'dashboard-updates,report-updates'), '/api/sse/events?companyId=acme-corp&channel=report-updates', '/api/companies/acme-corp/reports', '/api/companies/acme-corp/reports/1'])
      assert.equal((await apps.request(where, { as: viewer })).status, 403, where);
    const s = await follow(stream('acme-corp', 'evidence-updates'), viewer);
    await s.close();
    assert.equal((await broadcast('acme-corp', { metric: 'x', value: 1 }, viewer)).status, 403);
    const { id } = await openActivity();
    for (const [what, body] of [['hours', { volunteerId: 'v-001', activityId: id, hours: 1 }], ['evidence', { activityId: id, kind: 'quote', text: 'x' }], ['questionnaires', { activityId: id, participant: 'x', phase: 'before' }], ['activities', { title: 'x', program: 'buddy', costCents: 1, places: 1, plannedMinutes: 60 }], ['reports', { period: '2026' }]])
      assert.equal((await post(`/api/companies/acme-corp/${what}`, body, viewer)).status, 403, what);
    const [item] = (await figure('acme-corp', 'evidence')).items;
    for (const [method, body] of [['PATCH', { status: 'rejected' }], ['DELETE', undefined]]) assert.equal((await apps.request(`/api/companies/acme-corp/evidence/${item.id}`, { as: viewer, method, body })).status, 403, method);
  });

  test('another site can not act with the cookie', async () => {
    const { id } = await openActivity();
    const before = await figure('acme-corp', 'sroi');
    const evil = { Origin: 'https://evil.example' };
    for (const [where, method, body] of [['/api/companies/acme-corp/hours', 'POST', { volunteerId: 'v-001', activityId: id, hours: 1 }], ['/api/companies/acme-corp/evidence/1', 'DELETE', undefined], ['/api/companies/acme-corp/evidence/1', 'PATCH', { status: 'rejected' }], ['/sse/test-broadcast', 'POST', { companyId: 'acme-corp', channel: CHANNELS[0], type: 'dashboard-update', data: { metric: 'x', value: 1 } }]])
      assert.equal((await apps.request(where, { as: acme, method, body, headers: evil })).status, 403, `${method} ${where}`);
    assert.deepEqual(await figure('acme-corp', 'sroi'), before);
  });

  test('SROI and VIS are those of the rows', async () => {
    const day = new Date(Date.now() - 364 * 86400000).toISOString().slice(0, 10);
    const one = (sql) => Number(apps.sql('cockpit', `${sql};`));
    const minutes = one(`select sum(minutes) from hours where company_id = 'globex' and day >= '${day}'`);
    const cost = one(`select sum(cost_cents) from activities where company_id = 'globex' and day >= '${day}'`);
    const rate = one("select hour_cents from companies where id = 'globex'");
    const worth = { confidence: 120000, belonging: 150000, language: 260000, job_readiness: 340000, well_being: 180000 };
    let outcome = 0;
    let sum = 0;
    let pairs = 0;
    for (const [name, cents] of Object.entries(worth)) {
      const [lift, count] = apps
        .sql('cockpit', `select sum(a.${name} - b.${name}), count(a.${name} - b.${name}) from questionnaires a join questionnaires b using (activity_id, participant) where a.phase = 'after' and b.phase = 'before' and a.company_id = 'globex' and a.day >= '${day}';`)
        .split('|')
        .map(Number);
      outcome += Math.round(lift * cents * 0.8 * 0.6);
      sum += lift;
      pairs += count;
    }
    const sroi = await figure('globex', 'sroi', globex);
    assert.equal(sroi.investmentCents, cost);
    assert.equal(sroi.hoursCents, Math.round((minutes / 60) * rate));
    assert.ok(Math.abs(sroi.outcomeCents - outcome) <= 5, `${sroi.outcomeCents} ${outcome}`);
    assert.equal(sroi.value, Math.round((sroi.socialCents / cost) * 100) / 100);
    const vis = await figure('globex', 'vis', globex);
    assert.equal(vis.volunteers, one(`select count(distinct volunteer_id) from hours where company_id = 'globex' and day >= '${day}'`));
    assert.ok(Math.abs(vis.outcome.lift - sum / pairs) < 0.001);
    const share = (x) => Math.max(0, Math.min(1, x));
    const score = 100 * (0.3 * share(minutes / 60 / vis.volunteers / 20) + 0.3 * share(vis.consistency.weeks / 6) + 0.4 * share(sum / pairs / 0.5));
    assert.ok(Math.abs(vis.value - score) <= 0.06, `${vis.value} ${score}`);
    assert.equal(sroi.trend.length, 12);
  });

  test('hours that are logged change SROI, VIS and the glance, and the dashboards are told once they are in', async () => {
    const s = await follow(stream('acme-corp'), acme);
    const [sroi, vis, glance, activity] = await Promise.all([figure('acme-corp', 'sroi'), figure('acme-corp', 'vis'), figure('acme-corp', 'at-a-glance'), openActivity()]);
    const answer = await post('/api/companies/acme-corp/hours', { volunteerId: 'v-new', activityId: activity.id, hours: 2.5 });
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    const told = await s.next(isType('dashboard-update'));
    assert.deepEqual(told.data.data.widgets, ['sroi', 'vis', 'at-a-glance']);
    assert.equal(told.data.data.reason, 'volunteer_hours_updated');
    assert.equal(new Date(told.data.data.timestamp).toISOString(), told.data.data.timestamp);
    const now = await Promise.all([figure('acme-corp', 'sroi'), figure('acme-corp', 'vis'), figure('acme-corp', 'at-a-glance')]);
    assert.equal(now[0].hoursCents, sroi.hoursCents + 8000); // 2.5 h at 32.00
    assert.equal(now[1].volunteers, vis.volunteers + 1);
    assert.equal(now[2].now.hours, glance.now.hours + 2.5);
    await s.close();
  });

  test('hours have limits: 12 h a day, what the activity planned, real days', async () => {
    const activity = await openActivity();
    const log = (more) => post('/api/companies/acme-corp/hours', { volunteerId: 'v-limits', activityId: activity.id, hours: 1, ...more });
    assert.equal((await log({ hours: 11.5 })).status, 201);
    const before = await figure('acme-corp', 'sroi');
    for (const [more, status] of [[{ hours: 1 }, 409], [{ hours: 0.1 }, 409], [{ hours: 13 }, 409], [{ hours: -1 }, 400], [{ hours: '2' }, 400], [{ volunteerId: '' }, 400], [{ volunteerId: '<b>' }, 400], [{ day: '2026-02-30' }, 400], [{ day: '2999-01-01' }, 400], [{ day: '2020-01-01' }, 400], [{ activityId: 99999 }, 404], [{ activityId: '1' }, 404]])
      assert.equal((await log(more)).status, status, JSON.stringify(more));
    assert.equal((await log({ hours: 0.5 })).status, 201);
    const over = apps.sql('cockpit', "select id from activities where company_id = 'acme-corp' order by day limit 1;");
    assert.equal((await log({ activityId: Number(over) })).body.error, 'ACTIVITY_OVER');
    assert.equal((await figure('acme-corp', 'sroi')).hoursCents, before.hoursCents + 1600);
    for (const body of ['{', '[]', '{"hours":1,"hours":2}']) assert.equal((await post('/api/companies/acme-corp/hours', body)).status, 400, body);
  });

  test('questionnaires: words become numbers, a pair becomes an outcome, nobody answers twice', async () => {
    const created = await post('/api/companies/acme-corp/activities', { title: 'Test round', program: 'mentorship', costCents: 100000, places: 2, plannedMinutes: 600 });
    assert.equal(created.status, 201, JSON.stringify(created.body));
    const s = await follow(stream('acme-corp'), acme);
    const before = await figure('acme-corp', 'q2q');
    const lift = (q2q, name) => q2q.outcomes.dimensions.find(({ dimension }) => dimension === name).people;
    const send = (more) => post('/api/companies/acme-corp/questionnaires', { activityId: created.body.id, participant: 'p-1', phase: 'before', ratings: { confidence: 2, belonging: 3 }, answer: 'My vocabulary is small and conversation is difficult.', ...more });
    const after_ = { phase: 'after', ratings: { confidence: 4 }, answer: 'My language improved and conversation is easier.' };
    assert.equal((await send(after_)).status, 409);
    const first = await send({});
    assert.equal(first.status, 201, JSON.stringify(first.body));
    assert.deepEqual([first.body.dimension, first.body.score, first.body.confidence], ['language', 0, 0.71]);
    await s.next((e) => e.data?.data?.widgets?.join() === 'q2q,at-a-glance');
    assert.equal((await send({})).status, 409);
    const second = await send(after_);
    assert.deepEqual([second.body.dimension, second.body.score], ['language', 1]);
    await s.next((e) => e.data?.data?.widgets?.length === 4);
    const now = await figure('acme-corp', 'q2q');
    assert.equal(lift(now, 'confidence'), lift(before, 'confidence') + 1);
    assert.equal(lift(now, 'language'), lift(before, 'language') + 1, 'the words counted where no rating was');
    assert.equal(lift(now, 'belonging'), lift(before, 'belonging'));
    assert.equal(now.items[0].text, after_.answer);
    assert.deepEqual([now.items[0].phase, now.items[0].dimension, now.items[0].activity], ['after', 'language', 'Test round']);
    assert.equal((await send({ participant: 'p-2' })).status, 201);
    assert.equal((await send({ participant: 'p-3' })).status, 409, 'no place left');
    for (const wrong of [{ phase: 'between' }, { ratings: { confidence: 6 } }, { ratings: { wealth: 3 } }, { ratings: [1] }, { answer: 5 }, { answer: 'x'.repeat(1001) }, { participant: 'a b' }]) assert.equal((await send(wrong)).status, 400, JSON.stringify(wrong));
    await s.close();
  });

  test('evidence is submitted, classified, verified, rejected and deleted, and each is told', async () => {
    const s = await follow(stream('acme-corp', 'evidence-updates'), acme);
    const dashboard = await follow(stream('acme-corp'), acme);
    const activity = await openActivity();
    const before = await figure('acme-corp', 'evidence');
    const text = 'After three practice interviews she has a job <script>alert(1)</script>';
    const sent = await post('/api/companies/acme-corp/evidence', { activityId: activity.id, kind: 'observation', text });
    assert.equal(sent.status, 201, JSON.stringify(sent.body));
    const { id } = sent.body;
    const about = (action) => (e) => e.data?.data?.evidenceId === id && e.data.data.action === action;
    assert.equal((await s.next(about('submitted'))).data.data.status, 'new');
    const classified = (await s.next(about('classified'))).data.data;
    assert.deepEqual([classified.status, classified.dimension], ['classified', 'job_readiness']);
    await dashboard.next((e) => e.data?.data?.widgets?.includes('evidence'));
    const found = (await figure('acme-corp', 'evidence?q=THREE%20practice%20INTERVIEWS&status=classified&dimension=job_readiness')).items.find((item) => item.id === id);
    assert.equal(found.text, text);
    const decide = (body) => apps.request(`/api/companies/acme-corp/evidence/${id}`, { as: acme, method: 'PATCH', body });
    assert.equal((await decide({ status: 'verified', dimension: 'confidence' })).status, 200);
    assert.equal((await s.next(about('verified'))).data.data.dimension, 'confidence');
    assert.equal((await decide({ status: 'rejected' })).status, 200);
    await s.next(about('rejected'));
    for (const body of [{ status: 'new' }, { status: 'verified', dimension: 'wealth' }, {}]) assert.equal((await decide(body)).status, 400);
    assert.equal((await apps.request(`/api/companies/acme-corp/evidence/${id}`, { as: acme, method: 'DELETE' })).status, 204);
    await s.next((e) => e.data?.type === 'evidence-deleted' && e.data.data.evidenceId === id);
    assert.equal((await apps.request(`/api/companies/acme-corp/evidence/${id}`, { as: acme, method: 'DELETE' })).status, 404);
    assert.deepEqual((await figure('acme-corp', 'evidence')).counts, before.counts);
    for (const wrong of [{ kind: 'rumour' }, { text: '' }, { text: 'x'.repeat(1001) }, { activityId: 'x' }]) assert.ok([400, 409].includes((await post('/api/companies/acme-corp/evidence', { activityId: activity.id, kind: 'quote', text: 'x', ...wrong })).status), JSON.stringify(wrong));
    await s.close();
    await dashboard.close();
  });

  test('what the rules are not sure of waits for somebody', async () => {
    const s = await follow(stream('acme-corp', 'evidence-updates'), acme);
    const activity = await openActivity();
    const { body } = await post('/api/companies/acme-corp/evidence', { activityId: activity.id, kind: 'quote', text: 'The projector did not work.' });
    const told = await s.next((e) => e.data?.data?.evidenceId === body.id && e.data.data.action === 'classified');
    assert.deepEqual([told.data.data.status, told.data.data.dimension], ['review', null]);
    const decide = (more) => apps.request(`/api/companies/acme-corp/evidence/${body.id}`, { as: acme, method: 'PATCH', body: { status: 'verified', ...more } });
    assert.equal((await decide({})).status, 409, 'verified as what?');
    assert.equal((await decide({ dimension: 'well_being' })).body.dimension, 'well_being');
    await s.close();
  });

  test('pages of evidence follow one another without overlap', async () => {
    const one = await figure('acme-corp', 'evidence?limit=10');
    const two = await figure('acme-corp', `evidence?limit=10&before=${one.items.at(-1).id}`);
    assert.deepEqual([one.items.length, two.items.length, one.more], [10, 10, true]);
    assert.ok(two.items[0].id < one.items.at(-1).id);
    assert.equal((await figure('acme-corp', 'evidence?limit=banana')).items.length, 50);
    assert.equal((await figure('acme-corp', "evidence?q=%25' or 1=1 --")).items.length, 0);
  });

  test('a report is queued, made section by section and ready; the same figures can be read', async () => {
    const s = await follow(stream('acme-corp', 'report-updates'), acme);
    const year = String(new Date().getUTCFullYear());
    const asked = await post('/api/companies/acme-corp/reports', { period: year });
    assert.equal(asked.status, 202, JSON.stringify(asked.body));
    assert.equal((await post('/api/companies/acme-corp/reports', { period: year })).status, 409);
    const ready = (await s.next(isType('report-ready'))).data.data;
    assert.deepEqual([ready.reportId, ready.period, ready.url], [asked.body.id, year, `/api/companies/acme-corp/reports/${asked.body.id}`]);
    const steps = s.events.filter(isType('report-queue')).map((e) => [e.data.data.status, e.data.data.done]);
    assert.deepEqual(steps, [['queued', 0], ['running', 1], ['running', 2], ['running', 3]]);
    const report = (await apps.request(ready.url, { as: acme })).body;
    assert.deepEqual(Object.keys(report.content).sort(), ['evidence', 'outcomes', 'sroi', 'vis']);
    assert.equal(report.content.sroi.period.from, `${year}-01-01`);
    assert.ok(report.content.sroi.value > 0);
    assert.equal((await figure('acme-corp', 'reports')).reports[0].status, 'ready');
    await s.close();
  });

  test('a report without what it needs fails and says why', async () => {
    const s = await follow(stream('test-company', 'report-updates'), tester);
    await post('/api/companies/test-company/reports', { period: '2001' }, tester);
    assert.equal((await s.next(isType('report-failed'))).data.data.reason, 'no volunteer hours in this period');
    const { id } = (await post('/api/companies/test-company/reports', { period: String(new Date().getUTCFullYear()) }, tester)).body;
    const failed = await s.next((e) => e.data?.type === 'report-failed' && e.data.data.reportId === id);
    assert.match(failed.data.data.reason, /evidence/);
    assert.match((await figure('test-company', 'reports', tester)).reports[0].reason, /evidence/);
    for (const period of ['2026-Q5', 'soon', '2999', '', 5]) assert.equal((await post('/api/companies/test-company/reports', { period }, tester)).status, 400, String(period));
    assert.equal((await apps.request('/api/companies/test-company/reports/99999', { as: tester })).status, 404);
    await s.close();
  });

  test("the helpers of a Node backend reach the company's streams", async () => {
    const made = await build({ entryPoints: [new URL('../../../web/sdk/src/server/index.ts', import.meta.url).pathname], bundle: true, format: 'esm', platform: 'node', write: false });
    const server = await import(`data:text/javascript;base64,${Buffer.from(made.outputFiles[0].text).toString('base64')}`);
    server.configure({ url: apps.url, token: acme.cookie.slice(acme.cookie.indexOf('=') + 1) });
    const all = [];
    for (const channel of CHANNELS) all.push(await follow(stream('acme-corp', channel), acme));
    const timestamp = new Date().toISOString();
    await server.broadcastDashboardUpdate('acme-corp', { widgets: ['sroi', 'vis'], timestamp });
    await server.broadcastEvidenceUpdate('acme-corp', { evidenceId: 1, action: 'classified', timestamp });
    await server.broadcastReportUpdate('acme-corp', { reportId: 1, period: '2026', title: 'R', url: '/r', timestamp });
    await server.sseManager.broadcast('acme-corp', 'dashboard-updates', 'dashboard-update', { metric: 'SROI', value: 2.5 });
    assert.deepEqual((await all[0].next(isType('dashboard-update'))).data.data, { widgets: ['sroi', 'vis'], timestamp });
    await all[0].next((e) => e.data?.data?.metric === 'SROI');
    await all[1].next(isType('evidence-update'));
    await all[2].next(isType('report-ready'));
    const stats = await until(async () => {
      const told = await server.sseManager.getStats();
      return told.connectionsByCompany['acme-corp'] === 3 && told; // those of other tests are noticed to be gone a little later
    }, 'three connections');
    assert.equal(stats.totalConnections, 3);
    await server.sseManager.removeConnection(all[2].events[0].data.data.connectionId);
    await until(() => all[2].ended, 'the removed connection ends');
    await all[0].close();
    await all[1].close();
  });

  test('another database in the place of the file is shown and told, and its unread texts are read', async () => {
    const s = await follow(stream('globex', CHANNELS.join(',')), globex);
    const before = await figure('globex', 'sroi', globex);
    apps.replaceDatabase('cockpit', "update hours set minutes = minutes * 2 where company_id = 'globex' and minutes <= 360; insert into evidence (company_id, activity_id, kind, text, day, created_ms, updated_ms) select 'globex', max(id), 'quote', 'A first job interview', '2026-01-02', 1, 1 from activities where company_id = 'globex';");
    const told = await s.next((e) => e.data?.data?.reason === 'database_replaced' && e.data.type === 'dashboard-update');
    assert.equal(told.data.data.widgets.length, 6);
    await s.next((e) => e.data?.data?.action === 'replaced');
    await s.next((e) => e.data?.type === 'report-queue' && e.data.data.reason === 'database_replaced');
    assert.equal((await figure('globex', 'sroi', globex)).hoursCents, before.hoursCents * 2);
    const [newest] = (await figure('globex', 'evidence?limit=1', globex)).items;
    assert.deepEqual([newest.text, newest.status, newest.dimension], ['A first job interview', 'classified', 'job_readiness']);
    await s.close();
  });

  test('the world acts through the endpoints, and when it is off nothing changes', async () => {
    const s = await follow(stream('acme-corp', CHANNELS.join(',')), acme);
    const count = () => apps.sql('cockpit', "select (select count(*) from hours) || ' ' || (select count(*) from questionnaires) || ' ' || (select count(*) from evidence) || ' ' || (select max(id) from evidence);");
    const [hours, answers] = count().split(' ').map(Number);
    assert.equal((await post('/api/cockpit/world', { running: true, perSecond: 100 })).body.running, true);
    for (const type of ['dashboard-update', 'evidence-update', 'report-ready']) await s.next(isType(type), { ms: 20_000 });
    await until(() => {
      const [h, a] = count().split(' ').map(Number);
      return h > hours && a > answers;
    }, 'hours and questionnaires', 20_000);
    assert.equal((await post('/api/cockpit/world', { running: false, perSecond: 1 })).body.running, false);
    const left = "select (select count(*) from evidence where confidence is null) + (select count(*) from reports where status in ('queued', 'running'));";
    const still = async () => {
      const one = count() + s.events.length;
      await new Promise((resolve) => setTimeout(resolve, 500)); // the last act is through, and what it set off
      return one === count() + s.events.length && apps.sql('cockpit', left) === '0' && count();
    };
    const then = await until(still, 'the world is quiet', 20_000);
    const figures = await Promise.all(['sroi', 'vis', 'q2q', 'at-a-glance', 'evidence', 'reports'].map((widget) => figure('acme-corp', widget)));
    const seen = s.events.length;
    await new Promise((resolve) => setTimeout(resolve, 1500));
    assert.equal(count(), then);
    assert.equal(s.events.length, seen);
    assert.deepEqual(await Promise.all(['sroi', 'vis', 'q2q', 'at-a-glance', 'evidence', 'reports'].map((widget) => figure('acme-corp', widget))), figures);
    await s.close();
  });

  test('after a restart everything is there, and a stream goes on from its last id', async () => {
    const s = await follow(stream('acme-corp'), acme);
    await broadcast('acme-corp', { metric: 'before', value: 1 }, acme);
    const { id } = await s.next((e) => e.data?.data?.metric === 'before');
    const sroi = await figure('acme-corp', 'sroi');
    await apps.stop();
    await s.done;
    await apps.run();
    assert.equal((await post('/api/cockpit/world', { running: false, perSecond: 1 })).status, 200);
    await broadcast('acme-corp', { metric: 'after', value: 2 }, acme);
    const again = await apps.stream(stream('acme-corp', CHANNELS[0], `&lastEventId=${id}`), { as: acme });
    await again.next((e) => e.data?.data?.metric === 'after');
    assert.ok(!again.events.some(isType('freshet.gap')), again.text);
    const now = await figure('acme-corp', 'sroi');
    assert.ok(now.hoursCents >= sroi.hoursCents && now.period.from === sroi.period.from);
    await again.close();
  });
});

test('LOG_LEVEL=debug: connections opened and closed, broadcasts and refusals are logged', async () => {
  const apps = await Apps.start({ apps: ['cockpit'], env: { LOG_LEVEL: 'debug' } });
  try {
    const tester = await apps.login('cockpit', 'test-manager');
    const s = await apps.stream(stream('test-company'), { as: tester });
    await s.next(isType('connected'));
    await apps.request('/sse/test-broadcast', { as: tester, body: { companyId: 'test-company', channel: CHANNELS[0], type: 'dashboard-update', data: { metric: 'SECRET-FIGURE', value: 1 } } });
    await s.next(isType('dashboard-update'));
    await s.close();
    await apps.request(stream('globex'), { as: tester });
    for (const line of [/stream opened .*tenant=test-company/, /stream closed .*reason=/, /debug published tenant=test-company/, /refused error=FORBIDDEN path=\/sse\/stream/]) await until(() => line.test(apps.log), `${line} in the log: ${apps.log.slice(-2000)}`);
    assert.ok(!apps.log.includes('SECRET-FIGURE'), 'no payloads in the log');
  } finally {
    await apps.end();
  }
});
