// What the tests of the crowd application share: counts as a camera sends them, and thresholds
// without durations where a test is about something else.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { Apps, ROOT, until } from '../../tests/lib.mjs';

export const API = '/api/crowd-risk';

/** freshet-apps with the crowd application alone, its cameras switched off, and its people signed in. */
export async function start(more = {}) {
  const apps = await Apps.start({ apps: ['crowd'], ...more });
  const people = {};
  for (const id of ['mara', 'leon', 'ines', 'tom']) people[id] = await apps.login('crowd', id);
  await still(apps, people.mara);
  return { apps, ...people, cameras: cameraToken(apps, 'kestrel-park') };
}

/** Turns the cameras' world off, and waits until its last act is done: acts are 167 ms apart at most. */
export async function still(apps, as) {
  const { body } = await apps.request('/api/crowd/world', { as, body: { running: false, perSecond: 6 } });
  assert.equal(body.running, false);
  const all = async () => JSON.stringify((await state(apps, as)).zones);
  let [before, since] = [await all(), Date.now()];
  await until(async () => {
    const now = await all();
    if (now !== before) [before, since] = [now, Date.now()];
    return Date.now() - since > 400;
  }, 'the world to stand still');
}

/** The token of a camera, made from the site's key as an installer would. */
export function cameraToken(apps, tenant) {
  const key = path.join(apps.dir, 'apps.key');
  const token = execFileSync(process.env.FRESHET_BIN ?? path.join(ROOT, 'build/freshet'), ['token', '--key', key, '--tenant', tenant, '--subject', 'cameras', '--role', 'camera'], { encoding: 'utf8' }).trim();
  return { Authorization: `Bearer ${token}` };
}

/** What a camera counted: zones and their people. */
export async function count(apps, headers, camera, counts) {
  const body = { camera, counts: Object.entries(counts).map(([zone, people]) => ({ zone, people })) };
  return apps.request(`${API}/readings`, { headers, body });
}

const CAMERA_OF = { 'gate-a': 'k-north', 'north-way': 'k-north', 'north-stand': 'k-north', 'gate-b': 'k-east', 'east-way': 'k-east', 'east-stand': 'k-east', 'gate-c': 'k-south', 'south-way': 'k-south', 'south-stand': 'k-south', 'gate-d': 'k-west', 'west-way': 'k-west', 'west-stand': 'k-west' };

/** Counts at Kestrel Park, each zone by its own camera. */
export async function people(apps, cameras, counts) {
  for (const [zone, number] of Object.entries(counts)) {
    const answer = await count(apps, cameras, CAMERA_OF[zone], { [zone]: number });
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
  }
}

export const state = async (apps, as) => (await apps.request(`${API}/state`, { as })).body;
export const zone = async (apps, as, id) => (await state(apps, as)).zones.find((one) => one.id === id);

export const LIMITS = { warning: 2, high: 3, critical: 4, hysteresis: 0.1, holdMs: 0, releaseMs: 0 };
/** Thresholds that decide at each count. */
export async function atOnce(apps, as, ...zones) {
  for (const id of zones) assert.equal((await apps.request(`${API}/zones/${id}/thresholds`, { as, body: LIMITS })).status, 200);
}

/** Everybody leaves: the venue is calm, without an alert and without an emergency. */
export async function calm(apps, as, cameras) {
  await apps.request(`${API}/testing/stop`, { as, body: {} });
  await apps.request(`${API}/emergency/leave`, { as, body: {} });
  await people(apps, cameras, Object.fromEntries(Object.keys(CAMERA_OF).map((id) => [id, 0])));
  await until(async () => {
    const now = await state(apps, as);
    for (const alert of now.openAlerts) await apps.request(`${API}/alerts/${alert.id}/resolve`, { as, body: {} });
    return now.openAlerts.length === 0 && now.emergency === null;
  }, 'a calm venue');
}

/** A gate has 405.6 square metres: its thresholds in people. */
export const GATE = { normal: 200, warning: 820, high: 1220, critical: 1630, crush: 2500 };
