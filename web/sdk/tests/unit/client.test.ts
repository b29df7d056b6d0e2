import { describe, expect, it, vi } from 'vitest';
import { createClient, isFresh, type FreshetError, type FreshetEvent } from '../../src/index';
import { createResolve } from '../../src/request';
import { createTestBench } from '../../src/testing/index';

const types = (list: readonly FreshetEvent[]) => list.map(({ type }) => type);

async function connected(...args: Parameters<typeof createTestBench>) {
  const bench = createTestBench(...args);
  bench.client.connect();
  await bench.world.settle();
  return bench;
}

describe('following', () => {
  it('asks for full envelopes, and hands events to listeners of their type, of all, and of a channel', async () => {
    const { client, hub, world } = await connected({ channels: ['a', 'b'] });
    const got: unknown[] = [];
    client.on('x', (data, event) => got.push(['x', data, event.channel]));
    client.on('*', (_, event) => got.push(['*', event.type]));
    client.subscribe('b', (event) => got.push(['b', event.data]));
    hub.publish('a', 'x', { n: 1 });
    hub.publish('b', 'y', 2);
    await world.settle();
    expect(got).toEqual([['*', 'x'], ['x', { n: 1 }, 'a'], ['*', 'y'], ['b', 2]]);
    expect(hub.requests).toEqual(['GET /v1/stream?envelope=full&channel=a&channel=b']);
  });
  it('once is once, off and the result of on end it', async () => {
    const { client, hub, world } = await connected();
    const [once, a, b] = [vi.fn(), vi.fn(), vi.fn()];
    client.once('x', once);
    const off = client.on('x', a);
    client.on('x', b);
    hub.publish('a', 'x', 1);
    await world.settle();
    off();
    client.off('x', b);
    hub.publish('a', 'x', 2);
    await world.settle();
    expect([once, a, b].map((fn) => fn.mock.calls.length)).toEqual([1, 1, 1]);
  });
  it('a channel subscribed later is added by one reconnect that resumes', async () => {
    const { client, hub, world } = await connected();
    const id = hub.publish('a', 'x', 1);
    await world.settle();
    const got = vi.fn();
    client.subscribe('b', got);
    client.subscribe('c', got);
    hub.publish('b', 'between', 1);
    await world.advance(0);
    expect(hub.requests).toHaveLength(2);
    expect(hub.streams[0]).toMatchObject({ channels: ['a', 'b', 'c'], lastEventId: id });
    expect(got).toHaveBeenCalledTimes(1);
  });
  it('subscribe filters by type and by function, and ends with its signal', async () => {
    const { client, hub, world } = await connected();
    const got = vi.fn();
    const abort = new AbortController();
    client.subscribe('a', (event) => got(event.data), { events: ['x'], filter: ({ data }) => (data as number) > 1, signal: abort.signal });
    for (const [type, data] of [['x', 1], ['x', 2], ['y', 3]] as const) hub.publish('a', type, data);
    await world.settle();
    abort.abort();
    hub.publish('a', 'x', 4);
    await world.settle();
    expect(got.mock.calls).toEqual([[2]]);
  });
  it('an event whose channel is not told belongs to the only one that is followed', async () => {
    for (const [channels, count] of [[['a'], 1], [['a', 'b'], 0]] as const) {
      const { client, hub, world } = await connected({ channels });
      const got = vi.fn();
      client.subscribe('a', got);
      hub.streams[0]!.write('data: {"type":"x","data":1}\n\n');
      await world.settle();
      expect(got).toHaveBeenCalledTimes(count);
    }
  });
  it('a listener that throws harms no other and is reported', async () => {
    const onError = vi.fn();
    const { client, hub, world } = await connected({ onError });
    const after = vi.fn();
    client.on('x', () => {
      throw new Error('mine');
    });
    client.on('error', () => {
      throw new Error('again');
    });
    client.on('x', after);
    hub.publish('a', 'x', 1);
    await world.settle();
    expect(after).toHaveBeenCalledOnce();
    expect(onError.mock.calls.map(([error]) => (error as FreshetError).code)).toEqual(['listener']);
  });
  it('keeps the last events, as a new array each time', async () => {
    const { client, hub, world } = await connected({ history: { maxEvents: 2 } });
    const before = client.recent();
    for (const n of [1, 2, 3]) hub.publish('a', 'x', n);
    await world.settle();
    expect(client.recent().map(({ data }) => data)).toEqual([2, 3]);
    expect(client.recent()).toBe(client.recent());
    expect(client.recent()).not.toBe(before);
    client.clearRecent();
    expect(client.recent()).toEqual([]);
  });
  it('the ping event reaches only those who listen for it', async () => {
    const { client, hub, world } = await connected();
    const [all, ping] = [vi.fn(), vi.fn()];
    client.on('*', all);
    client.on('ping', ping);
    hub.control('ping', { timestamp: 1 });
    await world.settle();
    expect([all.mock.calls.length, ping.mock.calls.length, client.recent().length]).toEqual([0, 1, 0]);
  });
  it('filters types and events for everybody', async () => {
    const { client, hub, world } = await connected({ events: ['x'], filter: ({ data }) => data !== 2 });
    for (const [type, data] of [['x', 1], ['x', 2], ['y', 3]] as const) hub.publish('a', type, data);
    await world.settle();
    expect(client.recent().map(({ data }) => data)).toEqual([1]);
    expect(hub.requests[0]).toContain('type=x');
  });
});

describe('what a message says', () => {
  it.each([
    ['event: in front of the type in the JSON', 'event: x\ndata: {"type":"y","n":1}\n\n', 'x', { type: 'y', n: 1 }],
    ['the type in the JSON', 'data: {"type":"y","n":1}\n\n', 'y', { type: 'y', n: 1 }],
    ['exactly type and data', 'data: {"type":"y","data":{"n":1}}\n\n', 'y', { n: 1 }],
    ['type, data and more', 'data: {"type":"y","data":1,"n":2}\n\n', 'y', { type: 'y', data: 1, n: 2 }],
    ['plain text', 'data: hello\n\n', 'message', 'hello'],
    ['a number', 'data: 5\n\n', 'message', 5],
    ['null', 'data: null\n\n', 'message', null],
    ['the hub\'s own events in a full envelope, and flat', 'data: {"type":"y","data":1}\n\ndata: {"type":"freshet.open","time":1,"data":{"connection":"z"}}\n\n', 'y', 1],
    ['a full envelope', 'data: {"id":"i","channel":"a","type":"y","key":"k","time":5,"data":[1]}\n\n', 'y', [1]],
  ])('%s', async (_, text, type, data) => {
    const { client, hub, world } = await connected();
    hub.streams[0]!.write(text);
    await world.settle();
    expect(client.recent()).toMatchObject([{ type, data }]);
  });
});

describe('resuming', () => {
  it('goes on from the last id, without loss or repeat', async () => {
    const { client, hub, world } = await connected();
    const got: unknown[] = [];
    client.on('*', (data) => got.push(data));
    hub.publish('a', 'x', 1);
    await world.settle();
    hub.drop();
    hub.publish('a', 'x', 2);
    await world.advance(1000);
    hub.publish('a', 'x', 3);
    await world.settle();
    expect(got).toEqual([1, 2, 3]);
    expect(client.getSnapshot()).toMatchObject({ resumed: true, stale: false });
  });
  it('a quiet stream that drops loses nothing: its position came with the opening event', async () => {
    const { client, hub, world } = await connected();
    hub.drop();
    hub.publish('a', 'x', 1);
    await world.advance(1000);
    expect(client.recent().map(({ data }) => data)).toEqual([1]);
  });
  it('drops what was there already, by its place in the log; other ids say nothing of the kind', async () => {
    const { client, hub, world } = await connected();
    const event = (id: string) => `data: {"id":"${id}","channel":"a","type":"x","time":1,"data":1}\n\n`;
    hub.streams[0]!.write(event('5-0-5f3a91c2'));
    await world.settle();
    hub.drop();
    await world.advance(1000);
    hub.streams[0]!.write(event('5-0-5f3a91c2') + event('6-0-5f3a91c2') + event('plain') + event('plain'));
    await world.settle();
    expect(client.recent().map(({ id }) => id)).toEqual(['5-0-5f3a91c2', '6-0-5f3a91c2', 'plain', 'plain']);
  });
  it('a gap makes it stale, is told, and has earlier ids forgotten', async () => {
    const onError = vi.fn();
    const { client, hub, world } = await connected({ onError });
    const gap = vi.fn();
    client.on('gap', gap);
    for (let n = 0; n < 3; n++) hub.publish('a', 'x', n);
    await world.settle();
    hub.drop();
    hub.publish('a', 'x', 'lost');
    hub.trim('a');
    hub.publish('a', 'x', 'kept');
    await world.advance(1000);
    expect(gap.mock.calls[0]![0]).toMatchObject({ reason: 'trimmed', channels: ['a'] });
    expect(client.getSnapshot()).toMatchObject({ stale: true, resumed: false });
    expect(onError.mock.calls.map(([error]) => (error as FreshetError).code)).toContain('gap');
    expect(client.recent().slice(-1)[0]!.data).toBe('kept');
    client.markFresh();
    expect(client.getSnapshot().stale).toBe(false);
  });
  it('after a gap what was there before may come again', async () => {
    const { client, hub, world } = await connected();
    const event = 'data: {"id":"5-0-5f3a91c2","channel":"a","type":"x","time":1,"data":1}\n\n';
    hub.streams[0]!.write(event);
    hub.control('freshet.gap', { reason: 'reset', channels: ['a'] });
    hub.streams[0]!.write(event);
    await world.settle();
    expect(client.recent()).toHaveLength(2);
  });
  it('an event without an id of its own, as one of high priority, does not move the position', async () => {
    const { client, hub, world } = await connected();
    const id = hub.publish('a', 'x', 1);
    hub.streams[0]!.write(`data: {"id":"9999999999999-0-5f3a91c2","channel":"a","type":"urgent","time":1,"data":2}\n\n`);
    await world.settle();
    expect(client.recent()).toHaveLength(2);
    hub.drop();
    await world.advance(1000);
    expect(hub.streams[0]!.lastEventId).toBe(id);
  });
  it('keeps the last id over a page load', async () => {
    const kept = new Map<string, string>();
    const storage = { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => void kept.set(key, value) };
    const { hub, world } = await connected({ persist: { storage, key: 'k' } });
    const id = hub.publish('a', 'x', 1);
    await world.settle();
    const next = createClient({ url: '/v1/stream', channels: ['a'], persist: { storage, key: 'k' } }, world);
    hub.publish('a', 'x', 2);
    next.connect();
    await world.settle();
    expect(kept.get('k')).not.toBe(id);
    expect(hub.streams[1]!.lastEventId).toBe(id);
    expect(next.recent().map(({ data }) => data)).toEqual([2]);
  });
  it('the freshness of a channel follows heads and events', async () => {
    const { client, hub, world } = await connected();
    expect(isFresh(client.getSnapshot(), 'a')).toBe(true);
    hub.publish('a', 'x', 1, { silent: true });
    hub.streams[0]!.write(`data: {"type":"freshet.beat","heads":{"a":"9999999999999-0-5f3a91c2"}}\n\n`);
    await world.settle();
    expect(isFresh(client.getSnapshot(), 'a')).toBe(false);
    expect(isFresh(client.getSnapshot(), 'unknown')).toBe(false);
    hub.beat();
    await world.settle();
    expect(isFresh(client.getSnapshot(), 'a')).toBe(true);
  });
});

describe('failing', () => {
  it.each([
    ['500', () => new Response('', { status: 500 }), 'reconnecting', 'http'],
    ['429', () => new Response('', { status: 429 }), 'reconnecting', 'http'],
    ['408', () => new Response('', { status: 408 }), 'reconnecting', 'http'],
    ['425', () => new Response('', { status: 425 }), 'reconnecting', 'http'],
    ['network', () => new TypeError('refused'), 'reconnecting', 'network'],
    ['404', () => new Response('', { status: 404 }), 'failed', 'http'],
    ['401', () => new Response('', { status: 401 }), 'failed', 'auth'],
    ['403', () => new Response('', { status: 403 }), 'failed', 'auth'],
    ['another content type', () => new Response('<html>', { headers: { 'Content-Type': 'text/html' } }), 'failed', 'content-type'],
  ])('%s', async (_, answer, status, code) => {
    const { client, hub, world } = createTestBench();
    hub.answers.push(answer());
    client.connect();
    await world.settle();
    expect(client.getSnapshot()).toMatchObject({ status, error: { code } });
  });
  it("names the hub's own explanation", async () => {
    const { client, hub, world } = createTestBench();
    hub.answers.push(Response.json({ detail: 'no grant for a' }, { status: 403 }));
    client.connect();
    await world.settle();
    expect(client.getSnapshot().error).toMatchObject({ message: '403 no grant for a', status: 403, retryable: false });
  });
  it.each([['7', 7000], ['Tue, 14 Nov 2023 22:13:25 GMT', 5000]])('Retry-After: %s', async (value, delay) => {
    const { client, hub, world } = createTestBench();
    hub.answers.push(new Response('', { status: 503, headers: { 'Retry-After': value } }));
    client.connect();
    await world.settle();
    expect(client.getSnapshot().nextRetryAt! - world.now()).toBe(delay);
  });
  it('204 ends it', async () => {
    const { client, hub, world } = createTestBench();
    hub.answers.push(new Response(null, { status: 204 }));
    client.connect();
    await world.advance(60000);
    expect(client.getSnapshot()).toMatchObject({ status: 'disconnected', error: null });
    expect(hub.requests).toHaveLength(1);
  });
  it('a charset beside the content type is fine', async () => {
    const { client, hub, world } = createTestBench();
    hub.answers.push(new Response(new ReadableStream(), { headers: { 'Content-Type': 'text/event-stream; charset=utf-8' } }));
    client.connect();
    await world.settle();
    expect(client.getSnapshot().isConnected).toBe(true);
  });
  it('a hub that hangs is given up and tried anew', async () => {
    const { client, hub, world } = await connected();
    await world.advance(37499);
    expect(client.getSnapshot().status).toBe('connected');
    await world.advance(1);
    expect(client.getSnapshot()).toMatchObject({ status: 'reconnecting', error: { code: 'timeout' } });
    await world.advance(1000);
    expect(client.getSnapshot().status).toBe('connected');
    expect(hub.streams).toHaveLength(1);
  });
  it('beats keep a quiet stream', async () => {
    const { client, hub, world } = await connected();
    for (let i = 0; i < 10; i++) {
      await world.advance(15000);
      hub.beat();
    }
    expect(client.getSnapshot().status).toBe('connected');
    expect(hub.requests).toHaveLength(1);
  });
  it('states: error shows error on each failure and in place of failed', async () => {
    const { client, hub, world } = createTestBench({ states: 'error', retry: { maxRetries: 1 } });
    const seen: string[] = [];
    client.on('status', ({ status }) => seen.push(status));
    client.connect();
    await world.settle();
    hub.down();
    await world.advance(5000);
    expect(seen).toEqual(['connecting', 'connected', 'error', 'reconnecting', 'error']);
    expect(client.getSnapshot().error!.code).toBe('exhausted');
  });
  it('a hub killed and back within a second is found again within 1.5 s, whatever the dice', async () => {
    for (const dice of [0, 0.3, 0.6, 0.999]) for (const away of [100, 500, 999]) {
      const { client, hub, world } = await connected();
      world.dice = dice;
      hub.down();
      await world.advance(away);
      hub.up();
      await world.advance(1500);
      expect(client.getSnapshot().status, `dice ${dice}, away ${away}`).toBe('connected');
    }
  });
});

describe('tokens', () => {
  it('are sent, renewed once after a 401, and never asked for twice at a time', async () => {
    const tokens = new Set(['t1']);
    let next = 1;
    const getToken = vi.fn(() => Promise.resolve(`t${next++}`));
    const { client, hub, world } = createTestBench({ getToken }, { tokens });
    client.connect();
    await Promise.all([client.publish('x', 1), client.publish('x', 2)]);
    expect(getToken.mock.calls).toEqual([[{ reason: 'initial' }]]);
    tokens.clear();
    tokens.add('t2');
    hub.drop();
    await world.advance(1000);
    expect(getToken.mock.calls.map(([why]: unknown[]) => (why as { reason: string }).reason)).toEqual(['initial', 'expired']);
    expect(client.getSnapshot().status).toBe('connected');
  });
  it('refused twice is failed', async () => {
    const getToken = vi.fn(() => 'bad');
    const { client, world } = createTestBench({ getToken }, { tokens: new Set() });
    client.connect();
    await world.settle();
    expect(client.getSnapshot()).toMatchObject({ status: 'failed', error: { code: 'auth', status: 401 } });
    expect(getToken.mock.calls).toEqual([[{ reason: 'initial' }], [{ reason: 'rejected' }]]);
  });
  it('a publish that is refused gets a new token, once', async () => {
    const tokens = new Set(['t2']);
    let next = 1;
    const { client, hub } = createTestBench({ getToken: () => `t${next++}` }, { tokens });
    expect(await client.publish('x', 1)).not.toBeNull();
    tokens.clear();
    await expect(client.publish('x', 2)).rejects.toMatchObject({ code: 'auth', status: 401 });
    expect(hub.published).toHaveLength(1);
    expect(next).toBe(4);
  });
  it('one call serves all who ask meanwhile', async () => {
    let release = (_: string) => {};
    const getToken = vi.fn(() => new Promise<string>((done) => (release = done)));
    const resolve = createResolve({ url: '/v1/stream', getToken });
    const all = [resolve(null, {}), resolve('expired', {}), resolve(null, {}, 'publish')];
    release('t');
    expect((await Promise.all(all)).map(({ headers }) => headers.Authorization)).toEqual(Array(3).fill('Bearer t'));
    expect(getToken).toHaveBeenCalledOnce();
  });
  it('a client that was told to disconnect meanwhile opens nothing', async () => {
    let release = (_: string) => {};
    const { client, hub, world } = createTestBench({ getToken: () => new Promise<string>((done) => (release = done)) });
    client.connect();
    await world.settle();
    client.disconnect();
    release('t');
    await world.settle();
    expect(hub.requests).toEqual([]);
  });
  it('a getToken that throws is tried again', async () => {
    let calls = 0;
    const getToken = () => (calls++ ? 't' : Promise.reject(new Error('login is down')));
    const { client, world } = createTestBench({ getToken }, { tokens: new Set(['t']) });
    client.connect();
    await world.settle();
    expect(client.getSnapshot()).toMatchObject({ status: 'reconnecting', error: { message: 'login is down' } });
    await world.advance(1000);
    expect(client.getSnapshot().status).toBe('connected');
  });
});

describe('a hub that says goodbye', () => {
  it('is left for as long as it asks', async () => {
    const { client, hub, world } = await connected();
    hub.control('freshet.close', { reason: 'draining' }, undefined, 300);
    hub.drop();
    await world.settle();
    expect(client.getSnapshot().nextRetryAt! - world.now()).toBe(300);
  });
  it('because of the token gets another one', async () => {
    const reasons: string[] = [];
    const { client, hub, world } = createTestBench({ getToken: ({ reason }) => `t${reasons.push(reason)}` });
    client.connect();
    await world.settle();
    hub.control('freshet.close', { reason: 'token-expired' }, undefined, 300);
    hub.drop();
    await world.advance(300);
    expect(reasons).toEqual(['initial', 'expired']);
    expect(client.getSnapshot().status).toBe('connected');
  });
  it('tells its clients of it', async () => {
    const { client, hub, world } = await connected();
    const closed = vi.fn();
    client.on('freshet.close', closed);
    hub.control('freshet.close', { reason: 'kicked' });
    await world.settle();
    expect(closed.mock.calls[0]![0]).toEqual({ reason: 'kicked' });
    expect(client.recent()).toEqual([]);
  });
});

describe('requests', () => {
  it('functions for url, params and headers are asked at every attempt', async () => {
    let n = 0;
    const { client, hub, world } = createTestBench({
      url: () => `/v1/stream?n=${++n}`, params: () => ({ p: n, list: ['a b', 'c,d'], none: null }), headers: () => ({ 'X-N': `${n}` }),
    });
    client.connect();
    await world.settle();
    hub.drop();
    await world.advance(1000);
    expect(hub.requests).toEqual([
      'GET /v1/stream?n=1&envelope=full&channel=a&p=1&list=a+b&list=c%2Cd', 'GET /v1/stream?n=2&envelope=full&channel=a&p=2&list=a+b&list=c%2Cd',
    ]);
    expect(hub.headers.map((headers) => headers.get('X-N'))).toEqual(['1', '2']);
  });
  it('an envelope in the URL stays, null asks for none', async () => {
    for (const [options, query] of [[{ url: '/v1/stream?envelope=named' }, '?envelope=named&channel=a'], [{ envelope: null }, '?channel=a']] as const) {
      const { client, hub, world } = createTestBench(options);
      client.connect();
      await world.settle();
      expect(hub.requests).toEqual([`GET /v1/stream${query}`]);
    }
  });
  it('publishes, beside the stream or where it is told', async () => {
    const { client, hub } = createTestBench({ url: 'http://hub.test/x/v1/stream?tenant=t' });
    expect(await client.publish('x', { n: 1 }, { idempotencyKey: 'k' })).toMatch(/^\d+-\d+-/);
    const other = createTestBench({ publishUrl: '/api/sse' });
    await other.client.publish('x', 1, { channel: 'b' });
    expect(hub.requests).toEqual(['POST /x/v1/publish']);
    expect(hub.published).toEqual([{ channel: 'a', type: 'x', data: { n: 1 }, idempotencyKey: 'k' }]);
    expect(other.hub.requests).toEqual(['POST /api/sse']);
  });
  it('a refused publish rejects with what the hub said', async () => {
    const { client, hub } = createTestBench();
    hub.answers.push(Response.json({ detail: 'no member n' }, { status: 422 }));
    await expect(client.publish('x', 1)).rejects.toMatchObject({ code: 'http', status: 422, message: '422 no member n' });
  });
  it('reads history, all of it or the last ones', async () => {
    const { client, hub } = createTestBench({}, { history: 5000 });
    for (let n = 0; n < 2500; n++) hub.publish('a', 'x', n);
    const all: unknown[] = [];
    for await (const event of client.history()) all.push(event.data);
    expect([all.length, all[0], all[2499]]).toEqual([2500, 0, 2499]);
    const last: unknown[] = [];
    for await (const event of client.history({ last: 3 })) last.push(event.data);
    expect(last).toEqual([2497, 2498, 2499]);
  });
});

describe('batches', () => {
  it.each([['raf' as const, 16], [100, 100]])('%s hands over once', async (batch, ms) => {
    const { client, hub, world } = await connected({ batch });
    const changes = vi.fn();
    client.subscribeSnapshot(changes);
    for (let n = 0; n < 50; n++) {
      hub.publish('a', 'x', n);
      await Promise.resolve();
    }
    await world.settle();
    expect(client.recent()).toHaveLength(0);
    await world.advance(ms);
    expect(types(client.recent())).toHaveLength(50);
    expect(changes).toHaveBeenCalledOnce();
    client.disconnect();
    expect(changes, 'a change of status does not wait').toHaveBeenCalledTimes(2);
  });
});

describe('polling', async () => {
  const { poll } = await import('../../src/polling');
  const options = { retry: { maxRetries: 1 }, onExhausted: poll({ interval: 5000, probeEvery: 60000 }) };

  it('takes over after the last retry and gives back, without loss or repeat', async () => {
    const { client, hub, world } = await connected(options);
    const got: unknown[] = [];
    client.on('*', (data) => got.push(data));
    hub.publish('a', 'x', 1);
    await world.settle();
    const refuse = () => hub.answers.push(new Response('', { status: 502 }));
    hub.drop();
    refuse();
    hub.publish('a', 'x', 2);
    for (let i = 0; i < 20 && client.getSnapshot().transport !== 'polling'; i++) await world.advance(500);
    await vi.waitFor(() => expect(client.getSnapshot()).toMatchObject({ status: 'connected', transport: 'polling' }));
    hub.publish('a', 'x', 3);
    await world.advance(5000);
    expect(got).toEqual([1, 2, 3]);
    await world.advance(60000);
    expect(client.getSnapshot()).toMatchObject({ status: 'connected', transport: 'sse' });
    const polls = hub.requests.filter((line) => line.includes('/v1/events')).length;
    hub.publish('a', 'x', 4);
    await world.advance(20000);
    expect(got).toEqual([1, 2, 3, 4]);
    expect(hub.requests.filter((line) => line.includes('/v1/events'))).toHaveLength(polls);
  });
  it("start: 'poll' polls first", async () => {
    const { client, hub, world } = await connected({ ...options, start: 'poll' });
    await vi.waitFor(() => expect(client.getSnapshot().transport).toBe('polling'));
    hub.publish('a', 'x', 1);
    await world.advance(5000);
    expect(client.recent()).toHaveLength(1);
    expect(hub.streams).toHaveLength(0);
  });
  it('a gap found by polling makes stale too', async () => {
    const { client, hub, world } = await connected({ ...options, start: 'poll' });
    await vi.waitFor(() => expect(client.getSnapshot().isConnected).toBe(true));
    hub.forget();
    await world.advance(5000);
    expect(client.getSnapshot().stale).toBe(true);
  });
  it("start: 'poll' without polling is refused", () => {
    expect(() => createTestBench({ start: 'poll' })).toThrow(/onExhausted/);
  });
});

it('nothing of it touches the world before it is asked to connect', async () => {
  const { hub, world } = createTestBench();
  await world.advance(60000);
  expect(hub.requests).toEqual([]);
  expect(world.timers()).toEqual([]);
});

it('close ends everything', async () => {
  const { client, hub, world } = await connected();
  const got = vi.fn();
  client.on('*', got);
  client.close();
  await world.advance(60000);
  expect([hub.streams.length, world.timers().length, got.mock.calls.length]).toEqual([0, 0, 0]);
});

it('the log is switched on by the debug key', async () => {
  const debug = vi.spyOn(console, 'debug').mockImplementation(() => {});
  const { world } = createTestBench();
  world.settings['freshet-debug'] = 'true';
  createClient({ url: '/v1/stream' }, world).connect();
  expect(debug).toHaveBeenCalledWith('freshet:', 'connecting');
  debug.mockRestore();
});
