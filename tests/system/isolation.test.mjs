// The wall between tenants: forged ids, names that collide, floods.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import net from 'node:net';
import test, { describe } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Answers } from './lib/http.mjs';
import { Hub } from './lib/hub.mjs';
import { auth, bearer } from './lib/token.mjs';

// Asks the targets over one connection, many under way at once; gives each answer to `look`.
async function askAll(port, headers, targets, look) {
  const fields = Object.entries({ Host: 'hub', ...headers }).map(([k, v]) => `${k}: ${v}\r\n`).join('');
  const socket = net.connect(port, '127.0.0.1');
  const answers = new Answers();
  let sent = 0, got = 0;
  await new Promise((resolve, reject) => {
    const more = () => {
      let text = '';
      while (sent < targets.length && sent - got < 64) text += `GET ${targets[sent++]} HTTP/1.1\r\n${fields}\r\n`;
      if (text) socket.write(text);
    };
    socket.on('error', reject);
    socket.on('close', () => (got === targets.length ? resolve() : reject(new Error(`closed after ${got}`))));
    socket.on('data', (d) => {
      try {
        answers.push(d);
        for (const a of answers.done.splice(0)) look(a, got++);
      } catch (e) {
        return reject(e);
      }
      if (got === targets.length) socket.end();
      else more();
    });
    more();
  });
}

test("100,000 forged ids against another tenant's log give what ids give that were never given", async () => {
  const hub = await Hub.start({ config: { auth: auth(), limits: { publish_per_second: 0 } }, dev: false });
  try {
    const theirs = bearer({ tenant: 'victim', sub: 'v', subscribe: ['*'], publish: ['*'] });
    const mine = bearer({ tenant: 'thief', sub: 't', subscribe: ['*'], publish: ['*'] });
    const real = [];
    for (let i = 0; i < 20; i++)
      real.push(...await hub.publish(Array.from({ length: 500 }, (_, k) => ({ channel: 'trips', data: { secret: `${i}-${k}` } })), theirs));
    await hub.publish({ channel: 'trips', data: 'mine' }, mine);
    const epoch = real[0].split('-')[2], own = (await hub.poll('channel=trips', mine)).cursor.split('-')[2];
    // half of them with the other log's epoch, half with the own one; half of them real positions
    const ids = Array.from({ length: 100000 }, (_, i) => {
      const [ms, n] = real[i % real.length].split('-');
      return `${Number(ms) + (i & 1 ? 0 : 7919 * (i % 13))}-${i & 1 ? n : (Number(n) + i) % 5000}-${i & 2 ? epoch : own}`;
    });
    const seen = new Map();
    await askAll(hub.port, mine, ids.map((id) => `/v1/events?channel=trips&limit=1&lastEventId=${id}`), (a, i) => {
      assert.equal(a.status, 200);
      assert.ok(!a.text.includes('secret'), a.text);
      // what may differ is what was asked with: the id itself, where it is taken for a position
      const kind = `${ids[i].endsWith(epoch) ? 'foreign' : 'own'}: ${a.json.gap?.reason ?? 'none'}`;
      const shape = a.text.replaceAll(/\d+-\d+-[0-9a-f]{8}/g, 'ID').replaceAll(/"time":\d+/g, '"time":0');
      const kinds = seen.get(kind) ?? seen.set(kind, new Set()).get(kind);
      kinds.add(shape);
    });
    assert.deepEqual([...seen.keys()].filter((k) => k.startsWith('foreign')), ['foreign: unknown-id']);
    assert.equal(seen.get('foreign: unknown-id').size, 1, [...seen.get('foreign: unknown-id')].join('\n'));
    // the whole question refused in the same words, whether or not the tenant, channel and id exist
    const refused = new Set();
    await askAll(hub.port, mine, ['victim', 'nobody'].flatMap((tenant) => ['trips', 'none'].flatMap((channel) =>
      [real[5], '1-0-00000000'].map((id) => `/v1/events?tenant=${tenant}&channel=${channel}&lastEventId=${id}`))),
    (a) => refused.add(`${a.status} ${a.text} ${Object.keys(a.headers)}`));
    assert.equal(refused.size, 1, [...refused].join('\n'));
  } finally {
    await hub.stop();
  }
});

describe('names that could be taken for one another', () => {
  // pairs of tenant and channel whose texts join to the same, or differ in one trifle
  const pairs = [
    ['a', 'b:c'], ['a-b', 'c'], ['a', 'b-c'], ['a_b', 'c'], ['a', 'b_c'], ['a', 'b.c'], ['a', 'bc'], ['ab', 'c'], ['A', 'b:c'],
    ['a', 'B:c'], ['a', 'b:C'], ['a', 'b'], ['a', 'b.'], ['a', 'b..c'], ['a', 'b:'], ['a', 'b::c'], ['-', 'a'], ['_', 'a'],
    ['default', 'a'], ['Default', 'a'], ['1', '2'], ['12', '3'], ['1', '23'], ['a', '0'], ['a', '00'],
  ];
  const claims = (tenant) => ({ tenant, sub: 's', subscribe: ['*'], publish: ['*'] });

  for (const store of ['memory', 'sqlite:hub.db'])
    test(`each has its own events, in streams, polls, ${store} and after a restart`, async () => {
      const hub = await Hub.start({ config: { auth: auth(), store }, dev: false });
      try {
        const streams = [];
        for (const [tenant, channel] of pairs) {
          const s = await hub.stream(`channel=${encodeURIComponent(channel)}`, { headers: bearer(claims(tenant)) });
          await s.until(() => s.events.length > 0, 'open');
          streams.push(s);
        }
        for (const [i, [tenant, channel]] of pairs.entries())
          await hub.publish({ channel, data: i, ack: 'durable', idempotencyKey: 'same' }, bearer(claims(tenant)));
        const check = async () => {
          for (const [i, [tenant, channel]] of pairs.entries()) {
            const got = await hub.poll(`since=earliest&channel=${encodeURIComponent(channel)}`, bearer(claims(tenant)));
            assert.deepEqual(got.events.map((e) => [e.channel, e.data]), [[channel, i]], `${tenant} ${channel}`);
          }
        };
        await check();
        for (const [i, s] of streams.entries()) {
          await s.until(() => s.events.length > 1, 'event');
          assert.deepEqual(s.events.filter((e) => !e.event.startsWith('freshet.')).map((e) => e.data), [String(i)]);
          s.close();
        }
        if (store === 'memory') return;
        await hub.restart();
        await check();
      } finally {
        await hub.stop();
      }
    });

  test('a grant for one is none for the other, in percent forms as well', async () => {
    const hub = await Hub.start({ config: { auth: auth() }, dev: false });
    try {
      const headers = bearer({ tenant: 'a', sub: 's', subscribe: ['b:c', 'x.*'] });
      const ask = async (channel) => (await hub.get(`/v1/events?channel=${channel}`, headers)).status;
      for (const channel of ['b:c', 'b%3Ac', '%62%3a%63', 'x.y']) assert.equal(await ask(channel), 200, channel);
      for (const channel of ['b', 'b.c', 'B:c', 'b:C', 'x', 'xay', 'b:c.', 'b:c,d']) assert.equal(await ask(channel), 403, channel);
      for (const channel of ['b:c%00', 'b%253Ac', 'b%2Fc', '%20b:c', 'x.%2a', '*', 'x.*']) assert.equal(await ask(channel), 400, channel);
    } finally {
      await hub.stop();
    }
  });
});

test('the measurement of one tenant raging beside another counts what it did, and loses nothing', { timeout: 60000 }, async () => {
  const script = fileURLToPath(new URL('../../bench/isolation.mjs', import.meta.url));
  const child = spawn(process.execPath, [script, '--pairs', '1', '--seconds', '1', '--json'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.on('data', (d) => (out += d));
  await new Promise((done) => child.on('close', done));
  const { pairs: [{ quiet, raging }] } = JSON.parse(out);
  assert.deepEqual([quiet.wrong, raging.wrong], [0, 0]);
  assert.ok(quiet.p99 > 0 && raging.p99 > 0);
  assert.equal(raging.counts.streams, 50);
  assert.ok(raging.counts.limited > raging.counts.taken && raging.counts.refused > 0, JSON.stringify(raging.counts));
});
