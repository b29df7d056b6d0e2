// @vitest-environment happy-dom
import * as React from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createClient, type Client, type FreshetEvent } from '../../src/index.js';
import {
  FreshetProvider, retain, useConnectionState, useEvent, useEventHistory, useLiveQuery, usePublish, useSubscription, useToasts,
} from '../../src/react/index.js';
import { ConnectionStatus, ConnectionStatusBanner, EventLog, Toaster } from '../../src/react/ui/index.js';
import { applyTripChanges, ConnectionStatus as Badge, useSSE } from '../../src/compat/trips.js';
import type { TestHub } from '../../src/testing/index.js';
import { act, render, serve, unmount, until } from './dom.js';

let hub: TestHub;
let client: Client;
beforeEach(() => {
  hub = serve({ routes: { '/api/events/company-trips': ['trips'] } });
  client = createClient({ url: '/v1/stream', channels: ['a'] });
});
afterEach(async () => {
  await unmount();
  client.close();
  vi.restoreAllMocks();
});
const show = (node: React.ReactNode) => render(<FreshetProvider client={client} lingerMs={0}>{node}</FreshetProvider>);

it('under StrictMode there is one connection, and none after the last holder has left', async () => {
  const State = () => <p>{useConnectionState()}</p>;
  const box = await render(<React.StrictMode><FreshetProvider client={client} lingerMs={2000}><State /></FreshetProvider></React.StrictMode>);
  await until(() => box.textContent === 'connected');
  expect(hub.requests).toHaveLength(1);
  await unmount();
  expect(hub.streams).toHaveLength(1);
  await until(() => hub.streams.length === 0);
});

it('a client that is held again within the linger stays connected', () => {
  vi.useFakeTimers();
  const fake = { connect: vi.fn(), disconnect: vi.fn() };
  const first = retain(fake);
  first();
  first(); // twice is once
  vi.advanceTimersByTime(999);
  const second = retain(fake);
  vi.advanceTimersByTime(5000);
  expect(fake.disconnect).not.toHaveBeenCalled();
  second();
  vi.advanceTimersByTime(1000);
  expect(fake.disconnect).toHaveBeenCalledOnce();
  vi.useRealTimers();
});

it('useSubscription follows a channel of its own while it is enabled', async () => {
  const onEvent = vi.fn();
  const View = ({ enabled }: { enabled: boolean }) => {
    const { events } = useSubscription('b', { enabled, onEvent, events: ['x'], maxEvents: 2 });
    return <p>{events.map(({ data }) => String(data)).join()}</p>;
  };
  const Page = () => {
    const [enabled, set] = React.useState(true);
    return <><button onClick={() => set(false)} /><View enabled={enabled} /></>;
  };
  const box = await show(<Page />);
  await until(() => hub.streams[0]?.channels.includes('b'));
  for (const n of [1, 2, 3]) hub.publish('b', 'x', n);
  hub.publish('b', 'y', 4);
  await until(() => box.textContent === '2,3');
  await act(async () => box.querySelector('button')!.click());
  hub.publish('b', 'x', 5);
  await until(() => client.recent().length === 5);
  expect(onEvent).toHaveBeenCalledTimes(3);
});

it('useEvent always calls the newest function', async () => {
  const seen: string[] = [];
  const Page = () => {
    const [n, set] = React.useState(0);
    useEvent('x', () => seen.push(`n=${n}`));
    return <button onClick={() => set(n + 1)}>{n}</button>;
  };
  const box = await show(<Page />);
  await until(() => hub.streams.length === 1);
  await act(async () => box.querySelector('button')!.click());
  hub.publish('a', 'x', null);
  await until(() => seen.length === 1);
  expect(seen).toEqual(['n=1']);
});

describe('useLiveQuery', () => {
  let whole = [1];
  const fetcher = vi.fn(async () => [...whole]);
  const View = () => {
    const { data, error, refetch } = useLiveQuery<number[]>({
      channel: 'a', fetcher, apply: (list, event) => [...list, event.data as number], invalidateOn: ['reset'],
    });
    return <button onClick={refetch}>{error ? 'error' : data?.join() ?? '...'}</button>;
  };
  beforeEach(() => {
    whole = [1];
    fetcher.mockClear();
  });

  it('first the whole, once the stream is open, then its changes', async () => {
    const box = await show(<View />);
    await until(() => box.textContent === '1');
    expect(hub.streams).toHaveLength(1);
    hub.publish('a', 'add', 2);
    await until(() => box.textContent === '1,2');
    expect(fetcher).toHaveBeenCalledTimes(1);
  });
  it('what comes while the whole is on its way is applied after it', async () => {
    let release = (_: number[]) => {};
    fetcher.mockImplementationOnce(() => new Promise((done) => (release = done)));
    const box = await show(<View />);
    await until(() => fetcher.mock.calls.length === 1);
    hub.publish('a', 'add', 2);
    await until(() => client.recent().length === 1);
    release([1]);
    await until(() => box.textContent === '1,2');
  });
  it('a gap, and an event that says so, fetch the whole anew', async () => {
    const box = await show(<View />);
    await until(() => box.textContent === '1');
    whole = [7];
    hub.publish('a', 'reset', null);
    await until(() => box.textContent === '7');
    whole = [8];
    hub.control('freshet.gap', { reason: 'overflow', channels: ['a'] });
    await until(() => box.textContent === '8');
    expect(client.getSnapshot().stale).toBe(false);
  });
  it('does not wait for a hub that is down, and fetches again when it is back', async () => {
    hub.down();
    const box = await show(<View />);
    await until(() => box.textContent === '1');
    whole = [2];
    hub.up();
    client.reconnect();
    await until(() => box.textContent === '2');
  });
});

it('usePublish and useEventHistory', async () => {
  const Page = () => {
    const publish = usePublish();
    const { events, clear } = useEventHistory();
    return <><button onClick={() => void publish('x', events.length)} /><button onClick={clear} /><p>{events.length}</p></>;
  };
  const box = await show(<Page />);
  await until(() => hub.streams.length === 1);
  const [send, clear] = box.querySelectorAll('button');
  await act(async () => send!.click());
  await until(() => box.textContent === '1');
  await act(async () => clear!.click());
  expect(box.textContent).toBe('0');
});

it('toasts come, are text, and can be dismissed', async () => {
  const Page = () => {
    const { toasts, dismiss } = useToasts({ duration: 60000 });
    return <Toaster toasts={toasts} onDismiss={dismiss} />;
  };
  const box = await show(<Page />);
  await until(() => hub.streams.length === 1);
  hub.publish('a', 'alert', { message: '<img src=x onerror=alert(1)>' });
  await until(() => box.textContent!.includes('<img src=x'));
  expect(box.querySelector('img')).toBeNull();
  await act(async () => box.querySelector('button')!.click());
  expect(box.querySelector('.fr-toast')).toBeNull();
});

describe('components', () => {
  const event = (data: unknown): FreshetEvent => ({ id: null, channel: 'a', type: 'x', time: 1, data });

  it('the log shows what events carry as text', async () => {
    const box = await render(<EventLog events={[event('<b id=evil>hi</b>'), event({ n: 1 })]} />);
    expect([...box.querySelectorAll('code')].map((node) => node.textContent)).toEqual(['{"n":1}', '<b id=evil>hi</b>']);
    expect(box.querySelector('#evil')).toBeNull();
  });
  it.each([
    ['connected', 'good', 'Connected'], ['connecting', 'wait', 'Connecting'], ['reconnecting', 'wait', 'Reconnecting'],
    ['disconnected', 'bad', 'Disconnected'], ['failed', 'bad', 'Connection failed'], ['error', 'bad', 'Connection error'],
  ])('%s is %s, in words too', async (state, tone, words) => {
    const box = await render(<ConnectionStatus state={state} />);
    expect(box.querySelector('.fr-dot')!.getAttribute('data-tone')).toBe(tone);
    expect(box.querySelector('[role=status]')!.textContent).toContain(words);
  });
  it('details open on demand and close on Escape', async () => {
    const box = await render(<ConnectionStatus connection={{ status: 'failed', error: { message: 'no way' } }} showDetails />);
    const button = box.querySelector('button')!;
    expect(box.querySelector('dl')!.hidden).toBe(true);
    await act(async () => button.click());
    expect(box.querySelector('dl')!.hidden).toBe(false);
    expect(box.querySelector('dl')!.textContent).toContain('no way');
    await act(async () => button.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true })));
    expect(box.querySelector('dl')!.hidden).toBe(true);
  });
  it('polling and stale data are said', async () => {
    const box = await render(<ConnectionStatus connection={{ status: 'connected', transport: 'polling', stale: true }} />);
    expect(box.textContent).toContain('Connected (polling), data may be out of date');
  });
  it('the banner is there only while something is wrong, and can be dismissed', async () => {
    const onDismiss = vi.fn();
    expect((await render(<ConnectionStatusBanner state="connected" />)).textContent).toBe('');
    const box = await render(<ConnectionStatusBanner state="failed" onDismiss={onDismiss} />);
    await act(async () => box.querySelector('button')!.click());
    expect(box.textContent).toBe('');
    expect(onDismiss).toHaveBeenCalledOnce();
  });
  it('a banner that was dismissed is back with the next trouble', async () => {
    let set = (_: string) => {};
    const Page = () => {
      const [state, setState] = React.useState('reconnecting');
      set = setState;
      return <ConnectionStatusBanner state={state} onDismiss={() => {}} />;
    };
    const box = await render(<Page />);
    await act(async () => box.querySelector('button')!.click());
    expect(box.textContent).toBe('');
    await act(async () => set('connected'));
    await act(async () => set('reconnecting'));
    expect(box.textContent).toContain('Reconnecting');
  });
  it('the badge of trips is grey while connecting', async () => {
    const box = await render(<><Badge isConnected /><Badge isConnected={false} /></>);
    expect([...box.querySelectorAll('.fr-badge')].map((node) => [node.getAttribute('data-tone'), node.lastChild!.textContent])).toEqual([
      ['good', 'Real-time'], ['calm', 'Connecting...'],
    ]);
  });
});

describe('trips', () => {
  it('useSSE: updates, state, and the console lines', async () => {
    const [log, error] = [vi.spyOn(console, 'log').mockImplementation(() => {}), vi.spyOn(console, 'error').mockImplementation(() => {})];
    const onUpdate = vi.fn();
    const Page = () => {
      const { isConnected, reconnect } = useSSE({ onUpdate, reconnectInterval: 20 });
      return <><Badge isConnected={isConnected} /><button onClick={reconnect} /></>;
    };
    const box = await render(<Page />);
    await until(() => box.textContent!.includes('Real-time'));
    const update = { type: 'update', changes: [{ type: 'trip-updated', tripId: '1', changes: { availableSlots: 45 } }], timestamp: 1 };
    hub.streams[0]!.write(`data: ${JSON.stringify(update)}\n\n`);
    await until(() => onUpdate.mock.calls.length === 1);
    expect(onUpdate).toHaveBeenCalledWith(update);
    hub.down();
    await until(() => box.textContent!.includes('Connecting...'));
    hub.up();
    await until(() => box.textContent!.includes('Real-time'));
    const lines = log.mock.calls.map(([line]) => String(line).replace(/\d{4}.*Z/, 'T'));
    expect(lines.slice(0, 3)).toEqual(['SSE connected at T', 'Attempting to reconnect SSE...', 'SSE connected at T']);
    expect(error.mock.calls[0]![0]).toBe('SSE error:');
  });
  it('changes are applied to what they name', () => {
    const { trips, needsRefetch } = applyTripChanges(
      [{ id: '1', seats: 5, name: 'a' }, { id: '2', seats: 1, name: 'b' }],
      [{ type: 'trip-updated', tripId: '1', changes: { seats: 4 } }, { type: 'trip-removed', tripId: '2' }, { type: 'trip-added', tripId: '3' }],
    );
    expect(trips).toEqual([{ id: '1', seats: 4, name: 'a' }]);
    expect(needsRefetch).toBe(true);
  });
});
