import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createClient, type Client } from '../../src/index.js';
import type { ClientOptions } from '../../src/options.js';
import { tabs } from '../../src/sharing/index.js';
import { createHolder } from '../../src/sharing/holder.js';
import type { Share } from '../../src/sharing/share.js';
import { createTab } from '../../src/sharing/tab.js';
import type { ToHolder, ToTab } from '../../src/sharing/wire.js';
import { createTestWorld, TestHub, type TestWorld } from '../../src/testing/index.js';

let world: TestWorld;
let hub: TestHub;
let dice = 0;
const clients: Client[] = [];
beforeEach(() => {
  world = createTestWorld((...args) => hub.fetch(...args));
  hub = new TestHub({ now: world.now });
});
afterEach(() => clients.splice(0).forEach((client) => client.close()));

/** A tab with dice of its own, which give it a name of its own. */
function tab(share: Share, options: Partial<ClientOptions> = {}): Client {
  const env = { ...world, random: () => (++dice * 0.618034) % 1 };
  const client = createClient({ url: '/v1/stream', channels: ['a'], share, ...options }, env);
  clients.push(client);
  return client;
}
const data = (client: Client) => client.recent().map((event) => event.data);

/** A worker without a worker: what is said is cloned, as between threads. */
function inOneThread(): Share {
  const ports = new Set<(message: ToTab) => void>();
  const holder = createHolder(world, (message) => {
    const copy = structuredClone(message);
    queueMicrotask(() => ports.forEach((take) => take(copy)));
  });
  return (request) =>
    createTab(request, (take) => {
      ports.add(take);
      return {
        post: (message: ToHolder) => {
          const copy = structuredClone(message);
          queueMicrotask(() => holder.take(copy));
        },
        close: () => void ports.delete(take),
      };
    });
}

describe('a shared connection', () => {
  it('is one for twenty tabs, and follows what any of them follows', async () => {
    const share = inOneThread();
    const all = Array.from({ length: 20 }, (_, i) => tab(share, { channels: [i % 2 ? 'a' : 'b'] }));
    for (const client of all) client.connect();
    await world.advance(10);
    expect(hub.streams).toHaveLength(1);
    expect([...hub.streams[0]!.channels].sort()).toEqual(['a', 'b']);
    hub.publish('a', 'x', 1);
    hub.publish('b', 'x', 2);
    await world.settle();
    expect(all.map(data)).toEqual(all.map((_, i) => [i % 2 ? 1 : 2]));
    expect(all.every((client) => client.getSnapshot().isConnected)).toBe(true);
  });
  it('ends with the last tab that wants it', async () => {
    const share = inOneThread();
    const [a, b] = [tab(share), tab(share)];
    a.connect();
    b.connect();
    await world.settle();
    a.close();
    await world.settle();
    expect(hub.streams).toHaveLength(1);
    b.disconnect();
    await world.settle();
    expect(hub.streams).toHaveLength(0);
    expect(b.getSnapshot().status).toBe('disconnected');
  });
  it('gives nothing to a tab that has disconnected, and all of it when it is back', async () => {
    const share = inOneThread();
    const [a, b] = [tab(share), tab(share)];
    a.connect();
    b.connect();
    await world.settle();
    hub.publish('a', 'x', 1);
    await world.settle();
    b.disconnect();
    hub.publish('a', 'x', 2);
    await world.settle();
    expect(data(b)).toEqual([1]);
    b.connect();
    await world.settle();
    hub.publish('a', 'x', 3);
    await world.settle();
    expect(data(b)).toEqual([1, 2, 3]);
    expect(data(a)).toEqual([1, 2, 3]);
  });
  it('a tab that was loaded with a last id of its own catches up', async () => {
    const share = inOneThread();
    const since = hub.publish('a', 'x', 0);
    hub.publish('a', 'x', 1);
    tab(share).connect();
    await world.settle();
    const late = tab(share, { lastEventId: since });
    late.connect();
    await world.settle();
    hub.publish('a', 'x', 2);
    await world.settle();
    expect(data(late)).toEqual([1, 2]);
  });
  it('what comes live while a tab catches up comes once', async () => {
    const share = inOneThread();
    const since = hub.publish('a', 'x', 0);
    hub.publish('a', 'x', 1);
    tab(share).connect();
    await world.settle();
    let open = () => {};
    const gate = new Promise<void>((done) => (open = done));
    const slow: typeof fetch = async (input, init) => {
      await gate;
      return hub.fetch(input, init);
    };
    const late = tab(share, { lastEventId: since, fetch: slow });
    late.connect();
    await world.settle();
    hub.publish('a', 'x', 2);
    await world.settle();
    expect(data(late)).toEqual([]);
    open();
    await world.settle();
    hub.publish('a', 'x', 3);
    await world.settle();
    expect(data(late)).toEqual([1, 2, 3]);
  });
  it('tells a gap where catching up is impossible', async () => {
    const share = inOneThread();
    tab(share).connect();
    await world.settle();
    const late = tab(share, { lastEventId: '1-0-00000000' });
    const gap = vi.fn();
    late.on('gap', gap);
    late.connect();
    await world.settle();
    expect(gap.mock.calls[0]![0]).toMatchObject({ reason: 'unknown-id' });
    expect(late.getSnapshot().stale).toBe(true);
  });
  it('asks the tabs for tokens, and the next one when a tab is gone', async () => {
    hub.tokens = new Set(['t']);
    const share = inOneThread();
    const getToken = vi.fn(() => 't');
    const never = vi.fn(() => new Promise<string>(() => {}));
    const a = tab(share, { getToken });
    const b = tab(share, { getToken: never });
    b.connect();
    a.connect();
    await world.advance(6000);
    expect(a.getSnapshot().status).toBe('connected');
    expect(hub.streams).toHaveLength(1);
  });
  it('errors come through with code and status', async () => {
    hub.tokens = new Set(['t']);
    const a = tab(inOneThread());
    const onError = vi.fn();
    a.on('error', onError);
    a.connect();
    await world.settle();
    expect(a.getSnapshot()).toMatchObject({ status: 'failed', error: { code: 'auth', status: 401, retryable: false } });
    expect(onError).toHaveBeenCalledTimes(1);
  });
  it('a hub that restarts loses no tab an event', async () => {
    const share = inOneThread();
    const all = [tab(share), tab(share)];
    all.forEach((client) => client.connect());
    await world.settle();
    hub.down();
    hub.publish('a', 'x', 1);
    await world.settle();
    expect(all.map((client) => client.getSnapshot().status)).toEqual(['reconnecting', 'reconnecting']);
    hub.up();
    await world.advance(3000);
    expect(all.map(data)).toEqual([[1], [1]]);
  });
});

describe('a tab that leads', () => {
  /** Web Locks in memory: first come, first served. */
  function locks() {
    const queues = new Map<string, (() => Promise<void>)[]>();
    const next = (name: string): void => {
      const first = queues.get(name)?.[0];
      if (first) void first().finally(() => {
        queues.get(name)!.shift();
        next(name);
      });
    };
    return {
      request(name: string, { signal }: { signal: AbortSignal }, run: () => Promise<void>) {
        const queue = queues.get(name) ?? [];
        queues.set(name, queue);
        const job = () => (signal.aborted ? Promise.resolve() : run());
        queue.push(job);
        if (queue.length === 1) queueMicrotask(() => next(name));
        return Promise.resolve();
      },
    };
  }
  beforeEach(() => vi.stubGlobal('navigator', { locks: locks() }));
  afterEach(() => vi.unstubAllGlobals());

  it('holds the connection for all, and is followed by the next when it closes', async () => {
    const share = tabs({ name: `t${Math.floor(performance.now())}`, mode: 'leader' });
    const all = [tab(share), tab(share), tab(share)];
    all.forEach((client) => client.connect());
    await vi.waitFor(() => expect(all.map((client) => client.getSnapshot().status)).toEqual(Array(3).fill('connected')));
    expect(hub.streams).toHaveLength(1);
    hub.publish('a', 'x', 1);
    await vi.waitFor(() => expect(all.map(data)).toEqual([[1], [1], [1]]));
    all[0]!.close();
    hub.publish('a', 'x', 2);
    await vi.waitFor(() => expect(all.slice(1).map(data)).toEqual([[1, 2], [1, 2]]));
    expect(hub.streams).toHaveLength(1);
  });
  it('goes on where the one before it was, even if it had not followed itself', async () => {
    const share = tabs({ name: `u${Math.floor(performance.now())}`, mode: 'leader' });
    const [first, second, third] = [tab(share), tab(share), tab(share)] as const;
    [first, second, third].forEach((client) => client.connect());
    await vi.waitFor(() => expect(third.getSnapshot().status).toBe('connected'));
    hub.publish('a', 'x', 1);
    await vi.waitFor(() => expect([second, third].map(data)).toEqual([[1], [1]]));
    second.disconnect();
    hub.publish('a', 'x', 2);
    await vi.waitFor(() => expect(data(third)).toEqual([1, 2]));
    first.close();
    hub.publish('a', 'x', 3);
    await vi.waitFor(() => expect(data(third)).toContain(3));
    expect(data(third)).toEqual([1, 2, 3]);
    expect(data(second)).toEqual([1]);
  });
});

it('alone is alone', async () => {
  const share = tabs({ mode: 'alone' });
  for (const client of [tab(share), tab(share)]) client.connect();
  await world.settle();
  expect(hub.streams).toHaveLength(2);
});
