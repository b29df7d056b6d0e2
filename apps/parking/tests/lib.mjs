// What the car parks' tests share: their process with the world at rest, and devices.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { Apps, ROOT, until } from '../../tests/lib.mjs';

const FRESHET = process.env.FRESHET_BIN ?? path.join(ROOT, 'build/freshet');

/** Starts freshet-apps with the car parks alone and waits until its world stands still. */
export async function start() {
  const apps = await Apps.start({ apps: ['parking'] });
  await rest(apps);
  return apps;
}

/** What aims that hold on a machine at rest are multiplied by: the programs that wait for each processor. The document's own bounds never are. */
export const ease = () => Math.max(1, loadavg()[0] / availableParallelism());

/** Turns the world off; resolves when its last act is over. */
export async function rest(apps) {
  const as = await apps.login('parking', 'amira');
  assert.equal((await apps.request('/api/parking/world', { as, body: { running: false } })).status, 200);
  let before;
  await until(async () => {
    const now = apps.sql('parking', "select coalesce((select max(id) from gate_events), 0) || ' ' || (select max(last_seen_ms) from devices);");
    await new Promise((resolve) => setTimeout(resolve, 100));
    return now === before || ((before = now), false);
  }, 'a world at rest');
}

/** A token as the operator of the hub mints it: for a device, or a server that publishes. */
export function token(apps, { tenant = 'citypark', subject, role = 'device', more = [] }) {
  const env = { ...process.env, FRESHET_APPS_KEY: readFileSync(path.join(apps.dir, 'apps.key'), 'utf8') };
  const args = ['token', '--config', path.join(ROOT, 'apps/base.yaml'), '--tenant', tenant, '--subject', subject, '--role', role, '--expires', '1h', ...more];
  return execFileSync(FRESHET, args, { env, encoding: 'utf8' }).trim();
}

/** A device of a car park: post(path, body) as it would. */
export function device(apps, id, tenant = 'citypark') {
  const headers = { Authorization: `Bearer ${token(apps, { tenant, subject: id, role: id.startsWith('cam') ? 'camera' : 'gate' })}` };
  return {
    id,
    post: (where, body) => apps.request(where, { body, headers }),
    get: (where) => apps.request(where, { headers }),
    count: async (occupied, more = {}) => {
      const answer = await apps.request('/api/monitor/lot', { body: { occupied, ...more }, headers });
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
      return answer.body;
    },
    pass: async (event, plateNumber, more = {}) => {
      const answer = await apps.request('/api/monitor/gate', { body: { event, plateNumber, ...more }, headers });
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
      return answer.body;
    },
  };
}

/** A module of the SDK's sources, for Node. */
export async function sdk(file) {
  const { build } = await import('vite');
  const entry = path.join(ROOT, 'web/sdk/src', file);
  const built = await build({ configFile: false, logLevel: 'silent', root: path.dirname(entry), build: { write: false, ssr: entry, target: 'node20' } });
  const { output } = Array.isArray(built) ? built[0] : built;
  const folder = mkdtempSync(path.join(tmpdir(), 'freshet-sdk-'));
  for (const { fileName, code } of output) {
    mkdirSync(path.dirname(path.join(folder, fileName)), { recursive: true });
    writeFileSync(path.join(folder, fileName), code);
  }
  writeFileSync(path.join(folder, 'package.json'), '{"type": "module"}');
  try {
    return await import(path.join(folder, output[0].fileName));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The events of a stream by the document's type, without the opening one. */
export const told = (stream, type) => stream.events.map(({ data }) => data).filter((one) => one.type === type).map((one) => one.data);
