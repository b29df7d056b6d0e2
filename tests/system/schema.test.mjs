// Schemas of channels and types: checked at publish on every way in, and before the hub starts.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { after, before, describe } from 'node:test';
import { Hub } from './lib/hub.mjs';
import { run } from './run.mjs';

const schema = { type: 'object', required: ['lot'], properties: { lot: { type: 'string' }, free: { type: 'integer', minimum: 0 } } };
const channels = [{ name: 'lots', keyed: true, events: { changed: { schema: 'lot.json' }, note: {} } }];

describe('schemas', () => {
  let hub;
  before(async () => {
    hub = await Hub.start({
      config: { channels, routes: [{ path: '/api/lots', kind: 'publish', channels: ['lots'] }] },
      files: { 'lot.json': JSON.stringify(schema) },
    });
  });
  after(() => hub.stop());
  const event = (data, more) => ({ channel: 'lots', type: 'changed', data, ...more });

  for (const target of ['/v1/publish', '/api/lots', '/v1/test-broadcast'])
    test(`${target}: data that does not match is 422 and says where`, async () => {
      assert.equal((await hub.post(target, event({ lot: 'a', free: 3 }))).status, 200);
      const r = await hub.post(target, event({ lot: 'secret-value', free: -1 }));
      assert.equal(r.status, 422);
      assert.equal(r.json.error, 'SCHEMA_MISMATCH');
      assert.match(r.json.detail, /\/free/);
      assert.doesNotMatch(r.text + hub.log, /secret-value/);
    });

  test('one wrong event refuses its whole body, and is named by its index', async () => {
    const before = (await hub.poll('channel=lots&since=earliest')).cursor;
    const r = await hub.post('/v1/publish', [event({ lot: 'a' }), event({ lot: 'b' }), event({ lot: 1 })]);
    assert.equal(r.status, 422);
    assert.equal(r.json.index, 2);
    assert.equal((await hub.poll('channel=lots&since=earliest')).cursor, before);
    const lines = [event({ lot: 'a' }), event({})].map((e) => JSON.stringify(e)).join('\n');
    const n = await hub.post('/v1/publish', lines, { 'Content-Type': 'application/x-ndjson' });
    assert.deepEqual([n.status, n.json.index], [422, 1]);
  });

  test('a channel that lists its events takes no others', async () => {
    assert.equal((await hub.post('/v1/publish', event('anything', { type: 'note' }))).status, 200);
    assert.equal((await hub.post('/v1/publish', event({ lot: 'a' }, { type: 'other' }))).status, 422);
    assert.equal((await hub.post('/v1/publish', { channel: 'lots', data: 1 })).status, 422);
    assert.equal((await hub.post('/v1/publish', { channel: 'elsewhere', type: 'other', data: 1 })).status, 200);
  });

  test('a state is looked at as well, a tombstone is not', async () => {
    assert.equal((await hub.post('/v1/publish', event({ lot: 'a' }, { key: 'k', state: { free: 1 } }))).status, 422);
    assert.equal((await hub.post('/v1/publish', { channel: 'lots', type: 'changed', key: 'k', deleted: true })).status, 200);
  });
});

test('a schema that is missing or wrong is named by check and at start', async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'freshet-schema-'));
  try {
    const file = path.join(dir, 'hub.yaml');
    writeFileSync(file, 'channels:\n  - name: lots\n    events:\n      changed: {schema: lot.json}\n');
    for (const [content, why] of [[null, /cannot be read/], ['{"type":"strin"}', /type/], ['{"if":{}}', /if/], ['{', /./]]) {
      if (content !== null) writeFileSync(path.join(dir, 'lot.json'), content);
      const checked = await run(['check', '--config', file]);
      assert.equal(checked.code, 1);
      assert.match(checked.stderr + checked.stdout, /hub\.yaml:4: /);
      assert.match(checked.stderr + checked.stdout, why);
      assert.notEqual((await run(['serve', '--config', file, '--listen', '127.0.0.1:0'])).code, 0);
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
