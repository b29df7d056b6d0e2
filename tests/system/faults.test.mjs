// A hub that is killed or stopped while publishers and readers are at it: what was acknowledged as
// durable is there, and a reader that resumes gets everything once, in order.
// FAULT_ROUNDS: how often it is killed; 10 by default.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { check, NOTHING_WRONG } from './lib/checker.mjs';
import { pause, startLoad } from './lib/load.mjs';
import { until } from './lib/wait.mjs';

const ROUNDS = Number(process.env.FAULT_ROUNDS ?? 10);

test('the checker finds each kind of mistake', () => {
  const e = (n, data = n) => ({ id: `1000-${n}-1`, data });
  const good = { acknowledged: new Map([['1000-1-1', 1]]), attempted: new Set([1, 2, 3]), log: [e(1), e(2)], seen: [e(1), e(2)] };
  assert.deepEqual(check(good), NOTHING_WRONG);
  const wrong = (what) => Object.entries(check({ ...good, ...what })).filter(([, n]) => n).map(([k]) => k);
  assert.deepEqual(wrong({ log: [e(2)], seen: [e(2)] }), ['lostAcknowledged']);
  assert.deepEqual(wrong({ seen: [e(1), e(2), e(2)] }), ['repeated']);
  assert.deepEqual(wrong({ seen: [e(2), e(1)] }), ['reordered']);
  assert.deepEqual(wrong({ seen: [e(1), e(2), e(3)] }), ['phantom']);
  assert.deepEqual(wrong({ log: [e(1), e(2), e(3, 2)], seen: [e(1), e(2), e(3, 2)] }), ['phantom']);
  assert.deepEqual(wrong({ seen: [e(2)] }), ['silentGap']);
  assert.deepEqual(wrong({ seen: [e(2)], gaps: 1 }), []);
});

test(`${ROUNDS} times SIGHUP in the middle of publishing, with other configurations and wrong ones`, async () => {
  const [hub, load] = await startLoad({ config: { log: { level: 'info' } } });
  const config = JSON.parse(readFileSync(hub.path('hub.yaml'), 'utf8'));
  let taken = 0;
  for (let i = 0; i < ROUNDS; i++) {
    await load.more(21);
    const wrong = i % 3 === 2;
    writeFileSync(hub.path('hub.yaml'), wrong ? '{"limits": {"head_time": "never"}}' : JSON.stringify({ ...config, limits: { publish_per_second: 100000 + i } }));
    const from = hub.log.length;
    hub.process.child.kill('SIGHUP');
    await until(() => (wrong ? /config reload failed/ : /config reloaded/).test(hub.log.slice(from)), 'a word about the configuration');
    taken += !wrong;
  }
  await load.more(21);
  assert.equal(hub.process.code, undefined);
  assert.equal(load.resumed, 0, 'a stream was dropped');
  assert.deepEqual([...load.statuses.keys()], [200]);
  assert.deepEqual(await load.finish(), NOTHING_WRONG);
  assert.equal(load.gaps, 0);
  assert.ok(taken >= ROUNDS / 2);
  writeFileSync(hub.path('hub.yaml'), JSON.stringify(config));
  await hub.stop();
});

for (const [signal, rounds] of [['SIGKILL', ROUNDS], ['SIGTERM', Math.ceil(ROUNDS / 3)]])
  test(`${rounds} times ${signal} in the middle of publishing: nothing lost, repeated, reordered, invented`, async () => {
    const [hub, load] = await startLoad();
    for (let i = 0; i < rounds; i++) {
      await load.more(21);
      await pause(Math.random() * 60);
      await hub.process.stop(signal);
      if (signal === 'SIGTERM') assert.equal(hub.process.code, 0);
      await hub.run();
    }
    const count = await load.finish();
    assert.deepEqual(count, NOTHING_WRONG);
    assert.equal(load.gaps, 0);
    assert.ok(load.resumed >= rounds * 0.9, `${load.resumed} resumptions`);
    assert.ok(load.seen.length >= load.acknowledged.size && load.acknowledged.size > 20 * rounds);
    await hub.stop();
  });
