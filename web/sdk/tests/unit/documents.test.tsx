// @vitest-environment happy-dom
/** The documents' own snippets, as they stand, with only the import path changed. */
import * as React from 'react';
import { renderToString } from 'react-dom/server';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import * as cockpit from '../../src/compat/cockpit/index.js';
import * as crowd from '../../src/compat/crowd/index.js';
import * as rental from '../../src/compat/rental/index.js';
import { configure } from '../../src/server/index.js';
import * as server from '../../src/server/index.js';
import type { TestHub } from '../../src/testing/index.js';
import { act, render, serve, unmount, until } from './dom.js';

const routes = {
  '/api/sse/stream': ['dashboard-updates'], '/api/sse': ['events'], '/api/sse/dashboard': ['dashboard'],
  '/api/crowd-risk/density-stream': ['density'], '/api/crowd-risk/alert-stream': ['alerts'],
};
let hub: TestHub;
let log: ReturnType<typeof vi.spyOn>;
beforeEach(() => {
  hub = serve({ routes });
  configure({ url: 'http://hub.test', fetch: (...args) => hub.fetch(...args), onError: () => {} });
  log = vi.spyOn(console, 'log').mockImplementation(() => {});
  Object.assign(globalThis, cockpit, { ...rental, useSSE: undefined, SSEStatus: undefined }, { ...cockpit }, {
    React, sseManager: server.sseManager, errorHandler: crowd.errorHandler, companyId: 'acme', connectionId: 'c1', setShowBanner: () => {},
    connection: { status: 'reconnecting', state: 'reconnecting', isConnected: false, attempt: 2 },
    VISPanel: () => <p>vis</p>, Q2QFeed: () => <p>q2q</p>,
  });
});
afterEach(async () => {
  await unmount();
  cockpit.closeSharedClients();
  vi.restoreAllMocks();
});
const logged = () => log.mock.calls.map((line: unknown[]) => line.join(' '));

describe('cockpit', () => {
  it('createSSEClient: states and messages reach the callbacks', async () => {
    await import('../fixtures/documents/cockpit-client');
    await until(() => hub.streams.length === 1);
    hub.publish('dashboard-updates', 'dashboard-update', { widgets: ['sroi'] });
    await until(() => logged().some((line: string) => line.startsWith('Received event:')));
    expect(logged()).toContain('Connection state: connected');
    expect(hub.requests[0]).toBe('GET /api/sse/stream?channel=dashboard-updates&companyId=acme-corp');
  });
  it('useSSEConnection: state on the page, messages to the subscriber', async () => {
    const { MyComponent } = await import('../fixtures/documents/cockpit-hook');
    expect(renderToString(<MyComponent companyId="acme" />)).toContain('Offline'); // on a server nothing connects
    const box = await render(<MyComponent companyId="acme" />);
    await until(() => box.textContent!.includes('Connected'));
    hub.publish('dashboard-updates', 'x', 1);
    await until(() => logged().some((line: string) => line.startsWith('Received:')));
  });
  it('useDashboardUpdates and useEvidenceUpdates have a connection each', async () => {
    const { Special } = await import('../fixtures/documents/cockpit-special-hooks');
    const box = await render(<Special />);
    await until(() => box.textContent === 'connected connected');
    hub.publish('dashboard-updates', 'dashboard-update', 1);
    await until(() => logged().includes('Dashboard update: 1'));
  });
  it('the four status components', async () => {
    const { All } = await import('../fixtures/documents/cockpit-status');
    const box = await render(<All />);
    expect([...box.querySelectorAll('[role=status]')].map((node) => node.textContent)).toEqual([
      '\u21bbReconnecting', '\u21bbReconnecting', '\u21bbReconnecting', expect.stringContaining('Reconnecting'),
    ]);
  });
  it('a widget in a DashboardWithSSE fetches again when it is named', async () => {
    let value = 1;
    const through = hub.fetch;
    globalThis.fetch = async (input, init) =>
      String(input).startsWith('/api/companies/') ? Response.json({ value: value++ }) : through(input, init);
    const { SROIPanel } = await import('../fixtures/documents/cockpit-widget');
    Object.assign(globalThis, { SROIPanel });
    const { default: Dashboard } = await import('../fixtures/documents/cockpit-dashboard');
    const box = await render(<Dashboard companyId="acme" />);
    await until(() => hub.streams.length === 1 && box.textContent!.includes('SROI: 1'));
    hub.publish('dashboard-updates', 'dashboard-update', { widgets: ['vis'] });
    hub.publish('dashboard-updates', 'dashboard-update', { widgets: ['sroi'] });
    await until(() => box.textContent!.includes('SROI: 2'));
    expect(box.textContent).toContain('q2q');
  });
  it('the manager broadcasts, and its figures are there at once', async () => {
    await import('../fixtures/documents/cockpit-manager');
    await import('../fixtures/documents/cockpit-broadcast');
    await until(() => hub.published.length === 2);
    expect(hub.published).toMatchObject([
      { tenant: 'acme-corp', channel: 'dashboard-updates', type: 'dashboard-update', data: { metric: 'SROI', value: 2.5 } },
      { tenant: 'acme-corp', channel: 'dashboard-updates', type: 'dashboard-update', data: { widgets: ['sroi', 'vis'] } },
    ]);
    expect(hub.requests).toContain('GET /v1/stats');
    expect(hub.requests).toContain('DELETE /v1/connections/c1');
  });
  it('an update from the backend after a mutation', async () => {
    Object.assign(globalThis, { db: { volunteerHours: { update: async () => {} } } });
    const { updateVolunteerHours } = await import('../fixtures/documents/cockpit-mutation');
    await updateVolunteerHours('acme', 5);
    await until(() => hub.published.length === 1);
  });
  it('PollingFallback polls by itself', async () => {
    const { fallback, client } = await import('../fixtures/documents/cockpit-configuration');
    await until(() => hub.requests.some((line) => line.startsWith('GET /api/sse/events?tenant=acme-corp&channel=dashboard-updates')));
    expect(fallback.isActive).toBe(true);
    fallback.stop();
    client.close();
    expect(fallback.isActive).toBe(false);
  });
  it('a new channel: hook and broadcast helper', async () => {
    const { useMyNewChannelUpdates, broadcastMyNewChannel } = await import('../fixtures/documents/cockpit-new-channel');
    hub = serve({ routes: { '/api/sse/stream': ['my-new-channel'] } });
    const got = vi.fn();
    const Page = () => <p>{useMyNewChannelUpdates('acme', got).state}</p>;
    const box = await render(<Page />);
    await until(() => box.textContent === 'connected');
    broadcastMyNewChannel('acme', { n: 1 });
    await until(() => got.mock.calls.length === 1);
    expect(got).toHaveBeenCalledWith({ n: 1 });
  });
  it('the migration from polling', async () => {
    const { useMigration } = await import('../fixtures/documents/cockpit-migration');
    const Page = () => <p>{useMigration()}</p>;
    hub.down();
    const box = await render(<Page />);
    expect(box.textContent).toBe('5000');
    hub.up();
    await until(() => box.textContent === '60000');
  });
});

describe('rental', () => {
  it('useSSE filters by type and shows toasts as text', async () => {
    const { MyComponent } = await import('../fixtures/documents/rental-basic');
    const box = await render(<MyComponent />);
    await until(() => box.textContent!.includes('Status: Connected'));
    hub.publish('events', 'timesheet_updated', {});
    hub.publish('events', 'payment_received', { message: '<img src=x onerror=alert(1)>' });
    await until(() => box.textContent!.includes('Last event: payment_received'));
    const toasts = document.querySelectorAll('.fr-toast');
    expect([...toasts].map((toast) => toast.textContent)).toEqual(['Payment received: <img src=x onerror=alert(1)>']);
    expect(document.querySelector('img')).toBeNull();
  });
  it('the context sends, and the events of the rental come back', async () => {
    const { RentalDashboard } = await import('../fixtures/documents/rental-context');
    const { Provider } = await import('../fixtures/documents/rental-provider');
    const Events = () => <i>{rental.useRentalEvents().map(({ data }) => JSON.stringify(data))}</i>;
    Object.assign(globalThis, { children: <><RentalDashboard /><Events /></> });
    const box = await render(<Provider />);
    await until(() => hub.streams.length === 1);
    await act(async () => box.querySelector('button')!.click());
    await until(() => box.querySelector('i')!.textContent === '{"rental_id":123,"status":"completed"}');
    expect(hub.requests).toContain('POST /api/sse');
  });
  it('SSEEvents and createCustomEvent', async () => {
    await import('../fixtures/documents/rental-broadcast');
    expect(hub.published).toMatchObject([
      { type: 'rental_status_updated', data: { rental_id: 123, status: 'active', updated_by: 'John Doe' } },
      { type: 'payment_received', data: { rental_id: 123, amount: 1500, method: 'credit_card' } },
      { type: 'maintenance_required', data: { equipment: 'Excavator XC-200' } },
      { type: 'rental_status_updated', data: { status: 'completed' } },
    ]);
  });
  it("localStorage['sse-debug'] turns the log on", async () => {
    await import('../fixtures/documents/rental-debug');
    const debug = vi.spyOn(console, 'debug').mockImplementation(() => {});
    const Page = () => <p>{rental.useSSE().status}</p>;
    const box = await render(<Page />);
    await until(() => box.textContent === 'connected');
    expect(debug).toHaveBeenCalledWith('freshet:', 'connected');
    localStorage.clear();
  });
  it('the panel has controls, history and the last error', async () => {
    const box = await render(<rental.SSEProvider showToasts={false}><rental.SSEStatus /></rental.SSEProvider>);
    await until(() => box.textContent!.includes('Connected'));
    hub.publish('events', 'sync_progress', { progress: 5 });
    await until(() => box.querySelectorAll('li').length === 1);
    const [connect, disconnect] = box.querySelectorAll('button');
    await act(async () => disconnect!.click());
    await until(() => box.textContent!.includes('Disconnected'));
    await act(async () => connect!.click());
    await until(() => hub.streams.length === 1);
  });
});

describe('parking', () => {
  it('the component connects, hears and ends', async () => {
    const { DashboardComponent } = await import('../fixtures/documents/parking-client');
    const box = await render(<DashboardComponent />);
    await until(() => box.textContent!.includes('Connected') && !box.textContent!.includes('Disconnected'));
    expect(logged()).toContain('Connected: c1');
    await import('../fixtures/documents/parking-server');
    await until(() => logged().some((line: string) => line.startsWith('New violation:')));
    const capacity = log.mock.calls.find(([text]: unknown[]) => text === 'Capacity update:')![1] as { timestamp: Date };
    expect(capacity.timestamp).toBeInstanceOf(Date);
    await unmount();
    expect(hub.streams).toHaveLength(0);
  });
});

describe('crowd', () => {
  it('states of both streams, and the error handler', async () => {
    const { MyComponent } = await import('../fixtures/documents/crowd-status');
    const { Monitor } = await import('../fixtures/documents/crowd-monitor');
    const box = await render(<crowd.DensityProvider><crowd.AlertProvider><MyComponent /><Monitor /></crowd.AlertProvider></crowd.DensityProvider>);
    await until(() => box.querySelectorAll('[data-state=connected]').length === 3);
    const console_ = vi.spyOn(console, 'error').mockImplementation(() => {});
    const heard = vi.fn();
    const off = crowd.errorHandler.onError(heard);
    hub.streams[0]!.write('data: {broken\n\n');
    await until(() => heard.mock.calls.length === 1);
    expect(heard.mock.calls[0]![0]).toMatchObject({ source: 'sse-parse', context: { event: '{broken' } });
    hub.drop();
    await until(() => heard.mock.calls.some(([{ source }]) => source === 'sse-connection'));
    off();
    const { failed } = await import('../fixtures/documents/crowd-errors');
    failed(new Error('x'));
    expect(console_).toHaveBeenCalled();
  });
});
