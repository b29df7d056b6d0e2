// A hub without descriptors: who comes is told so, streams that are open go on, and when some are
// free again so does everybody.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { NOTHING_WRONG } from './lib/checker.mjs';
import { startLoad } from './lib/load.mjs';
import { open } from './lib/sse.mjs';
import { until } from './lib/wait.mjs';

const LIMIT = 90;
const descriptors = (hub) => readdirSync(`/proc/${hub.process.child.pid}/fd`).length;

test('descriptors run out under load', async () => {
  const [hub, load] = await startLoad({ wrap: ['prlimit', `--nofile=${LIMIT}:${LIMIT}`], config: { loops: 2, log: { level: 'error' } } });
  await load.more(50);
  const streams = [];
  let refused = 0;
  for (let round = 0; round < 3; round++) {
    const before = descriptors(hub);
    // more than there is room for: each gets a stream or an answer
    const asked = await Promise.all(Array.from({ length: LIMIT }, () => open(hub.port, '/v1/stream?channel=b').catch((e) => e)));
    const opened = asked.filter((s) => s.status === 200);
    const told = asked.filter((s) => s.status === 503);
    assert.equal(opened.length + told.length, LIMIT, String(asked.find((s) => s instanceof Error)));
    assert.ok(told.length > 0 && opened.length > 10);
    refused += told.length;
    for (const s of told) {
      await until(() => s.body !== undefined, 'the whole answer');
      assert.equal(JSON.parse(s.body).error, 'OVERLOADED');
      s.close();
    }
    streams.push(...opened);
    await until(() => load.answered(503) > 0, 'publishers that are refused');
    // half of them leave: publishers get on, and all who stayed hear of it
    for (const s of opened.slice(0, opened.length >> 1)) s.close();
    const stayed = opened.slice(opened.length >> 1);
    await load.more(50);
    const id = await until(() => hub.publish({ channel: 'b', data: round }).catch(() => undefined), 'a publish');
    for (const s of stayed) {
      await s.until(() => s.events.some((e) => e.id === id), 'the event');
      assert.equal(s.closed, false);
      s.close();
    }
    await until(() => descriptors(hub) <= before + 5, 'descriptors given back');
  }
  assert.ok(refused > 0);
  assert.equal(load.resumed, 0, 'an open stream was cut off');
  assert.deepEqual(await load.finish(), NOTHING_WRONG);
  assert.equal(load.gaps, 0);
  assert.match(hub.log, /no descriptors/);
  await hub.stop();
});
