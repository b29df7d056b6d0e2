/** The documented endpoints of the five applications, served by the real hub, followed by their presets. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createClient, type Client } from '../../src/index.js';
import type { ClientOptions } from '../../src/options.js';
import { createSSEClient as createCockpitClient } from '../../src/compat/cockpit/client.js';
import { createSSEClient as createParkingClient, type Alert } from '../../src/compat/parking.js';
import { alertPreset, densityPreset, rentalPreset, tripsPreset } from '../../src/presets.js';
import { broadcastDashboardUpdate, configure, getSSEManager, sseManager } from '../../src/server/index.js';
import { launch } from './chromium.js';
import { hasBinary, realHub, type Hub } from './hubs.js';
import { startSite } from './site.js';

const flat = 'control: {open: connected, envelope: flat, time: ms, time_name: timestamp, id_name: clientId}';
const typed = 'control: {open: connected, envelope: typed, time: iso, time_name: timestamp, id_name: clientId}';
const config = `
dev: true
routes:
  - {path: /api/events/company-trips, kind: stream, channels: [trips], envelope: update, key_name: tripId, heartbeat: comment, ${flat}}
  - {path: /api/sse/stream, kind: stream, tenant: param, channel: param, envelope: typed, heartbeat: comment, params: {tenant: companyId}, ${typed}}
  - {path: /api/sse/events, kind: poll, tenant: param, channel: param}
  - {path: /sse/test-broadcast, kind: test-broadcast, tenant: param, channel: param, params: {tenant: companyId}}
  - {path: /api/sse, kind: stream, channels: [events], envelope: typed, heartbeat: comment, ${typed}}
  - {path: /api/sse, kind: publish, channels: [events]}
  - {path: /api/sse/dashboard, kind: stream, channels: [dashboard], envelope: typed, heartbeat: ping, ${typed}}
  - {path: /api/crowd-risk/density-stream, kind: stream, channels: [density], envelope: typed, heartbeat: comment, ${flat}}
  - {path: /api/crowd-risk/alert-stream, kind: stream, channels: [alerts], envelope: typed, heartbeat: comment, ${flat}}
`;

describe.skipIf(!hasBinary)('the documented endpoints', () => {
  let hub: Hub;
  let base: string;
  const open: { close?(): void; disconnect(): void }[] = [];
  beforeAll(async () => {
    hub = realHub(config);
    await hub.start();
    base = `http://127.0.0.1:${hub.port()}`;
    configure({ url: base });
  });
  afterAll(async () => {
    for (const client of open) (client.close ?? client.disconnect)();
    await hub.close();
  });

  async function follow(preset: ClientOptions): Promise<Client> {
    const client = createClient({ ...preset, url: base + (preset.url as string), ...(preset.publishUrl && { publishUrl: base + preset.publishUrl }) });
    open.push(client);
    client.connect();
    await vi.waitFor(() => expect(client.getSnapshot().clientId).toBeTruthy());
    return client;
  }

  it('trips: one row change is one update, with the key as tripId', async () => {
    const client = await follow(tripsPreset);
    expect(client.recent()).toMatchObject([{ type: 'connected', data: { type: 'connected', timestamp: expect.any(Number) } }]);
    await hubPublish({ channel: 'trips', type: 'trip-updated', key: 't1', data: { availableSlots: 45 } });
    await vi.waitFor(() => expect(client.recent()).toHaveLength(2));
    expect(client.recent()[1]).toMatchObject({
      type: 'update', data: { type: 'update', changes: [{ type: 'trip-updated', tripId: 't1', changes: { availableSlots: 45 } }], timestamp: expect.any(Number) },
    });
  });

  it('cockpit: a company sees its own channel, and what it missed', async () => {
    const seen: unknown[] = [];
    const client = createCockpitClient({ companyId: 'acme-corp', channel: 'dashboard-updates', url: `${base}/api/sse/stream`, onMessage: ({ type, data }) => seen.push([type, data]) });
    open.push(client);
    client.connect();
    await vi.waitFor(() => expect(client.getSnapshot().clientId).toBeTruthy());
    await broadcastDashboardUpdate('acme-corp', { widgets: ['sroi'] });
    await broadcastDashboardUpdate('other', { widgets: ['theirs'] });
    await vi.waitFor(() => expect(seen).toContainEqual(['dashboard-update', { widgets: ['sroi'] }]));
    client.disconnect();
    await broadcastDashboardUpdate('acme-corp', { widgets: ['missed'] });
    client.connect();
    await vi.waitFor(() => expect(seen).toContainEqual(['dashboard-update', { widgets: ['missed'] }]));
    expect(JSON.stringify(seen)).not.toContain('theirs');
    const history: unknown[] = [];
    for await (const { data } of client.history()) history.push(data);
    expect(history).toEqual([{ widgets: ['sroi'] }, { widgets: ['missed'] }]);
  });

  it('rental: what one sends, all get', async () => {
    const [one, other] = [await follow(rentalPreset), await follow(rentalPreset)];
    await one.publish('payment_received', { rental_id: 123, amount: 1500 });
    await vi.waitFor(() => expect(other.recent().slice(-1)).toMatchObject([{ type: 'payment_received', data: { rental_id: 123, amount: 1500 } }]));
  });

  it('parking: typed events with dates', async () => {
    const client = createParkingClient({ url: `${base}/api/sse/dashboard` });
    open.push(client);
    const connected = vi.fn();
    const alerts: Alert[] = [];
    client.onConnected(connected);
    client.onAlert((alert) => alerts.push(alert));
    client.connect();
    await vi.waitFor(() => expect(connected).toHaveBeenCalledWith({ clientId: expect.any(String), timestamp: expect.any(Date) }));
    const createdAt = new Date();
    await getSSEManager().broadcastAlert({
      _id: '1', type: 'capacity_warning', severity: 'medium', parkingLotId: 'lot', message: 'full', status: 'active', createdAt,
    });
    await vi.waitFor(() => expect(alerts).toHaveLength(1));
    expect(alerts[0]!.createdAt).toEqual(createdAt);
  });

  it('crowd: two streams, an emergency and its end', async () => {
    const [density, alerts] = [await follow(densityPreset), await follow(alertPreset)];
    await hubPublish({ channel: 'density', type: 'density', data: { zone: 'a', value: 4.2 } });
    await hubPublish({ channel: 'alerts', type: 'emergency', data: { active: true } });
    await hubPublish({ channel: 'alerts', type: 'emergency', data: null });
    await vi.waitFor(() => expect(alerts.recent()).toHaveLength(3));
    await vi.waitFor(() => expect(density.recent().slice(1)).toMatchObject([{ type: 'density', data: { zone: 'a' } }]));
    expect(alerts.recent().slice(1).map(({ data }) => data)).toEqual([{ active: true }, null]);
  });

  it("the manager's figures", async () => {
    const stats = await sseManager.getStats();
    expect(stats.totalConnections).toBeGreaterThan(0);
    expect(sseManager.getStats().connectionsByCompany).toEqual(stats.connectionsByCompany);
  });

  it('the manager ends a connection; the client comes back under another name', async () => {
    const client = await follow(tripsPreset);
    const { clientId } = client.getSnapshot();
    await sseManager.removeConnection(clientId!);
    await vi.waitFor(() => expect(client.getSnapshot().status).toBe('reconnecting'));
    client.reconnect();
    await vi.waitFor(() => expect(client.getSnapshot().isConnected).toBe(true));
    expect(client.getSnapshot().clientId).not.toBe(clientId);
    await expect(sseManager.removeConnection(clientId!)).rejects.toMatchObject({ status: 404 });
  });

  it("the cockpit's lines for the console of a browser", async () => {
    const site = await startSite(hub);
    const browser = await launch();
    const page = await browser.newPage();
    const lines: string[] = [];
    page.on('console', (message) => lines.push(message.text()));
    await page.goto(`${site.url}/?idle`);
    await page.evaluate(readFileSync(join(import.meta.dirname, '../fixtures/documents/cockpit-browser.js'), 'utf8'));
    await vi.waitFor(() => expect(lines).toContain('Connected'));
    await broadcastDashboardUpdate('test-company', { metric: 'SROI', value: 2.5 });
    await vi.waitFor(() => expect(lines).toContain('Message: {"type":"dashboard-update","data":{"metric":"SROI","value":2.5}}'));
    await browser.close();
    await site.close();
  });

  async function hubPublish(event: object): Promise<void> {
    const response = await fetch(`${base}/v1/publish`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(event) });
    expect(response.status).toBe(200);
  }
});
