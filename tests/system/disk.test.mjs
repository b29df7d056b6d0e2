// A store whose disk fails under load: fsync, writes and reads that go wrong, no space. Publishers
// get an answer, the hub goes on, and what it acknowledged as durable is there after a kill as well.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { NOTHING_WRONG } from './lib/checker.mjs';
import { pause, startLoad } from './lib/load.mjs';
import { until } from './lib/wait.mjs';

// -D: the hub is the process that was started, strace another. --seccomp-bpf: other calls are free.
const strace = (...inject) =>
  ['strace', '-D', '-f', '--seccomp-bpf', '-qq', '-o', '/dev/null',
    '-e', `trace=${inject.map((i) => i.split(':')[0]).join(',')}`, ...inject.flatMap((i) => ['-e', `inject=${i}`])];

// Ends the hub without warning, and takes up the log with a disk that is well.
async function outliveIt(hub, load) {
  await hub.process.stop('SIGKILL');
  hub.wrap = [];
  await hub.run();
  await load.more(20);
  const count = await load.finish();
  assert.deepEqual(count, NOTHING_WRONG);
  assert.equal(load.gaps, 0);
  await hub.stop();
}

const refused = (load) => load.answered(503) + load.answered(507);

for (const [what, ...inject] of [
  ['fsync', 'fsync,fdatasync:error=EIO:when=30+13'],
  ['writes', 'pwrite64,write,pwritev:error=EIO:when=400+97'],
  ['space', 'pwrite64:error=ENOSPC:when=300+61'],
  ['fsync and writes', 'fdatasync:error=EIO:when=40+17', 'pwrite64:error=ENOSPC:when=200+89'],
])
  test(`${what} that fails now and then: nothing acknowledged is lost`, { skip: spawnSync('strace', ['-V']).error && 'strace is not installed' }, async () => {
    const [hub, load] = await startLoad({ wrap: strace(...inject) });
    await until(() => refused(load) >= 5 && load.acknowledged.size >= 200, 'some refused, some taken', 60000);
    assert.equal(hub.process.code, undefined);
    assert.ok([...load.statuses.keys()].every((s) => [200, 503, 507].includes(s)), JSON.stringify([...load.statuses]));
    await outliveIt(hub, load);
  });

test('reads that fail: the stream ends or resumes, nothing is skipped', { skip: spawnSync('strace', ['-V']).error && 'strace is not installed' }, async () => {
  const [hub, load] = await startLoad({ wrap: strace('pread64:error=EIO:when=300+23'), load: { data: (n) => ({ n, filler: 'x'.repeat(4000) }) }, config: { history: { events: 1000000, bytes: '256MiB' }, limits: { ring_events: 16 } } });
  let failed = 0;
  let answered = 0;
  for (let i = 0; i < 30; i++) {
    await load.more(30);
    load.stream.close(); // it comes back, and reads the store
    const poll = await hub.get('/v1/events?channel=a&since=earliest&limit=1000');
    assert.ok([200, 500, 503].includes(poll.status), poll.text); // 500: a page that was not read right looks damaged
    if (poll.status === 200) answered++;
    else failed++;
    assert.equal(hub.process.code, undefined);
  }
  assert.ok(load.resumed >= 20, `${load.resumed} resumptions`);
  assert.ok(failed > 0 && answered > 0, `${failed} reads failed, ${answered} did not`);
  await outliveIt(hub, load);
});

test('a disk without space: 507 or 503 until there is some again', async () => {
  const userspace = spawnSync('unshare', ['-rm', 'true']).status === 0;
  // a file system of its own where namespaces are allowed; else a limit on the size of files
  const wrap = userspace
    ? ['unshare', '-rm', 'sh', '-c', 'mount -t tmpfs -o size=4m none disk && exec "$@"', 'sh']
    : ['prlimit', '--fsize=1500000'];
  const [hub, load] = await startLoad({
    wrap,
    files: { 'disk/keep': '' },
    args: ['--store', 'sqlite:disk/log.db'],
    load: { data: (n) => ({ n, filler: 'x'.repeat(2000) }) },
  });
  await until(() => load.answered(507) + load.answered(503) >= 20, 'no space', 60000);
  assert.equal(hub.process.code, undefined);
  assert.ok([...load.statuses.keys()].every((s) => [200, 503, 507].includes(s)), JSON.stringify([...load.statuses]));
  const ready = await hub.get('/readyz');
  assert.ok([200, 503].includes(ready.status));
  assert.equal((await hub.get('/healthz')).status, 200);
  if (userspace) {
    // the file system is gone with the hub's namespace: it gets larger instead
    const grown = spawnSync('nsenter', ['-t', String(hub.process.child.pid), '-U', '-m', '--preserve-credentials', 'sh', '-c', `mount -o remount,size=64m ${hub.path('disk')}`]);
    assert.equal(grown.status, 0, String(grown.stderr));
    await load.more(100);
    await load.more(100);
    const count = await load.finish();
    assert.deepEqual(count, NOTHING_WRONG);
    await hub.stop();
  } else {
    await outliveIt(hub, load);
  }
});
