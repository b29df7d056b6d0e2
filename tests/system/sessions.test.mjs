// Open streams under control: listed, ended, renewed, and moved to other channels and filters.
import assert from 'node:assert/strict';
import test, { after, before, describe } from 'node:test';
import { Hub } from './lib/hub.mjs';
import { auth, bearer } from './lib/token.mjs';
import { until } from './lib/wait.mjs';

const seconds = () => Math.floor(Date.now() / 1000);
const ann = { tenant: 'acme', sub: 'ann', subscribe: ['*'], publish: ['*'] };
const admin = bearer({ tenant: 'acme', sub: 'root', admin: true });
const opened = (s) => s.events.filter((e) => e.event === 'freshet.open').map((e) => JSON.parse(e.data));
const data = (s) => s.events.filter((e) => !e.event.startsWith('freshet.')).map((e) => e.data);
const closing = (s) => JSON.parse(s.events.find((e) => e.event === 'freshet.close')?.data ?? '{}').reason;

describe('session control', () => {
  let hub;
  before(async () => (hub = await Hub.start({ config: { auth: auth(), loops: 2 }, dev: false })));
  after(() => hub.stop());

  async function stream(query, claims = ann) {
    const s = await hub.stream(query, { headers: bearer(claims) });
    await s.until(() => opened(s).length, 'open');
    s.id = opened(s)[0].connection;
    return s;
  }
  const change = (s, body, claims = ann) => hub.post(`/v1/connections/${s.id}`, body, bearer(claims));
  const list = async (query = '', headers = admin) => (await hub.get(`/v1/connections${query}`, headers)).json;

  test('the list shows who follows what, by tenant and channel, a page at a time', async () => {
    const streams = [];
    for (let i = 0; i < 7; i++) streams.push(await stream(`channel=list${i % 2}`));
    const foreign = await stream('channel=list0', { ...ann, tenant: 'other' });
    const all = (await list()).connections;
    assert.deepEqual(all.map((c) => c.id), streams.map((s) => s.id).sort(), 'the other tenant is not there');
    const one = all.find((c) => c.id === streams[0].id);
    assert.equal(one.tenant, 'acme');
    assert.equal(one.subject, 'ann');
    assert.equal(one.address, '127.0.0.1');
    assert.equal(one.lagging, false);
    assert.equal(one.transport, 'sse');
    assert.deepEqual(one.channels, ['list0']);
    assert.ok(Math.abs(one.opened - Date.now()) < 60000);
    assert.match(one.position, /^\d+-\d+-[0-9a-f]{8}$/);
    assert.equal((await list('?channel=list1')).connections.length, 3);
    const pages = [];
    for (let after = ''; after !== null; ) {
      const page = await list(`?limit=3&after=${after}`);
      pages.push(...page.connections.map((c) => c.id));
      after = page.next;
    }
    assert.deepEqual(pages, all.map((c) => c.id));
    assert.equal((await hub.get('/v1/connections?limit=0', admin)).status, 400);
    for (const s of [...streams, foreign]) s.close();
    await until(async () => (await list()).connections.length === 0, 'none are left');
  });

  test("an administrator ends a stream; not another tenant's", async () => {
    const s = await stream('channel=kick'), foreign = await stream('channel=kick', { ...ann, tenant: 'other' });
    const kick = async (id, headers) =>
      (await hub.send(`DELETE /v1/connections/${id} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\nAuthorization: ${headers.Authorization}\r\n\r\n`))[0];
    assert.equal((await kick(foreign.id, admin)).text, (await kick('00000000000000ff', admin)).text);
    assert.equal((await kick(s.id, admin)).status, 200);
    await s.until(() => s.closed, 'end');
    assert.equal(closing(s), 'kicked');
    assert.equal(foreign.closed, false);
    foreign.close();
  });

  test('a new token of the same subject keeps the stream open beyond the first one', async () => {
    const s = await stream('channel=renew', { ...ann, exp: seconds() + 3 });
    const t = await stream('channel=renew', { ...ann, exp: seconds() + 3 });
    assert.equal((await change(s, {})).status, 200);
    await t.until(() => t.closed, 'end', 9000);
    assert.equal(closing(t), 'token-expired');
    await hub.publish({ channel: 'renew', data: 7 }, bearer(ann));
    await s.until(() => data(s).includes('7'), 'event');
    s.close();
  });

  test('nobody else may touch it, and it cannot be told from one that is not there', async () => {
    const s = await stream('channel=mine');
    const answers = [];
    for (const claims of [{ ...ann, sub: 'bob' }, { ...ann, tenant: 'other' }, { ...ann, sub: undefined }])
      answers.push(await change(s, {}, claims));
    answers.push(await change({ id: '0123456789abcd00' }, {}), await change({ id: 'nonsense' }, {}));
    assert.deepEqual([...new Set(answers.map((a) => `${a.status} ${a.text}`))].length, 1);
    assert.equal(answers[0].status, 403);
    assert.equal((await change(s, { add: { channels: ['secret'] } }, { ...ann, subscribe: ['mine'] })).status, 403);
    assert.equal((await change(s, {}, { ...ann, subscribe: ['other'] })).status, 403, 'it no longer covers what it follows');
    assert.equal((await change(s, { drop: { channels: ['mine'] } })).status, 400);
    assert.equal((await change(s, { add: { channels: [''] } })).status, 400);
    s.close();
  });

  test('channels are added and dropped without losing or repeating an event', async () => {
    let sent = 0;
    const want = [], headers = bearer(ann);
    const s = await stream('channel=a');
    const following = new Set(['a']);
    for (let round = 0; round < 30; round++) {
      const burst = ['a', 'b', 'c'].map((channel) => ({ channel, data: sent++ }));
      await hub.publish(burst, headers);
      for (const e of burst) if (following.has(e.channel)) want.push(String(e.data));
      await s.until(() => data(s).length === want.length, 'all so far: from here on it is moved');
      const target = ['b', 'c'][round % 2], add = !following.has(target);
      const r = await change(s, { [add ? 'add' : 'drop']: { channels: [target] } });
      assert.equal(r.status, 200, r.text);
      following[add ? 'add' : 'delete'](target);
      await s.until(() => opened(s).length === round + 2, 'second open');
      const said = opened(s).at(-1);
      assert.deepEqual(Object.keys(said.channels).sort(), [...following].sort());
      assert.equal(said.channels.a.resume, 'resumed');
      if (add) assert.equal(said.channels[target].resume, 'new');
    }
    await hub.publish({ channel: 'a', data: 'end' }, headers);
    await s.until(() => data(s).at(-1) === 'end', 'end');
    assert.deepEqual(data(s).slice(0, -1), want);
    const ids = s.events.filter((e) => !e.event.startsWith('freshet.')).map((e) => e.id.split('-').slice(0, 2).map(Number));
    ids.reduce((x, y) => (assert.ok(x[0] < y[0] || (x[0] === y[0] && x[1] < y[1]), 'ids rise'), y));
    s.close();
  });

  test('filters are added and dropped', async () => {
    const headers = bearer(ann), s = await stream('channel=f&type=x');
    const send = (type, n) => hub.publish({ channel: 'f', type, data: n }, headers);
    await send('y', 1);
    assert.equal((await change(s, { add: { types: ['y'] } })).status, 200);
    await s.until(() => opened(s).length === 2, 'open');
    await send('y', 2);
    await send('x', 3);
    assert.equal((await change(s, { drop: { types: ['x'] } })).status, 200);
    await s.until(() => opened(s).length === 3, 'open');
    await send('x', 4);
    await send('y', 5);
    await s.until(() => data(s).includes('5'), 'event');
    assert.deepEqual(data(s), ['2', '3', '5']);
    s.close();
  });

  test('publishers that never pause lose nothing to a client that keeps moving', async () => {
    const headers = bearer(ann), s = await stream('channel=p');
    let n = 0, going = true;
    const publishing = (async () => {
      while (going) await hub.publish([{ channel: 'p', data: n++ }, { channel: 'q', data: 'q' }], headers);
    })();
    for (let i = 0; i < 40; i++) {
      const r = await change(s, { [i % 2 ? 'drop' : 'add']: { channels: ['q'] } });
      assert.ok([200, 409].includes(r.status), r.text);
      if (r.status === 409) i--;
    }
    going = false;
    await publishing;
    await s.until(() => data(s).filter((d) => d !== 'q').length === n, 'all of p');
    assert.deepEqual(data(s).filter((d) => d !== 'q').map(Number), Array.from({ length: n }, (_, i) => i));
    assert.ok(data(s).includes('q'));
    s.close();
  });
});
