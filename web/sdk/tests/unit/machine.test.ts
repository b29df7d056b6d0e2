import { describe, expect, it } from 'vitest';
import { FreshetError } from '../../src/errors';
import { backoff, initialState, step, type Effect, type Input, type MachineConfig, type State } from '../../src/machine';
import { poll } from '../../src/polling';
import type { RetryOptions } from '../../src/types';

const retry: Required<RetryOptions> = { initialDelay: 1000, maxDelay: 30000, factor: 2, jitter: 0, maxRetries: Infinity, resetAfter: 10000 };
const base: MachineConfig = {
  retry, connectTimeout: 10000, hiddenGraceMs: 30000,
};

/** Drives the machine by hand, with a clock. */
class Driver {
  state: State = initialState(null);
  now = 1000;
  effects: Effect[] = [];
  constructor(private readonly config: Partial<MachineConfig> = {}) {}

  send(...inputs: (Input | Input['type'])[]): this {
    for (const given of inputs) {
      const input = (typeof given === 'string' ? { type: given, conn: this.state.conn } : given) as Input;
      [this.state, this.effects] = step({ ...base, ...this.config }, this.state, input, this.now, 0.5);
    }
    return this;
  }
  fail(extra: ConstructorParameters<typeof FreshetError>[2] = { retryable: true }): this {
    return this.send({ type: 'failed', conn: this.state.conn, error: new FreshetError('network', 'x', extra) });
  }
  receive(what: Extract<Input, { type: 'received' }>['what']): this {
    return this.send({ type: 'received', conn: this.state.conn, what });
  }
  timer(name: 'retry' | 'watch' | 'hidden'): this {
    return this.send({ type: 'timer', name });
  }
  /** The delay that a timer was set to by the last input, `null` if it was cleared; the last setting counts. */
  delay(name: string): number | null | undefined {
    const set = this.effects.filter(([what]) => what === name).pop();
    return set && ((set[1] ?? null) as number | null);
  }
  did(what: string): boolean {
    return this.effects.some(([name]) => name === what);
  }
}

const open = (config: Partial<MachineConfig> = {}) => new Driver(config).send('connect', 'opened');

describe('states', () => {
  it('goes from disconnected over connecting to connected', () => {
    const d = new Driver();
    expect(d.state.status).toBe('disconnected');
    expect(d.send('connect').state.status).toBe('connecting');
    expect(d.did('open')).toBe(true);
    expect(d.send('opened').state).toMatchObject({ status: 'connected', isConnected: true, transport: 'sse', attempt: 0 });
  });
  it('connect is idempotent', () => {
    expect(open().send('connect').effects).toEqual([]);
    expect(new Driver().send('connect', 'connect').effects).toEqual([]);
  });
  it('disconnect aborts and leaves no timer', () => {
    const d = open().fail().send('disconnect');
    expect(d.state).toMatchObject({ status: 'disconnected', attempt: 0, nextRetryAt: null, error: null });
    expect(d.did('abort')).toBe(true);
    expect(d.delay('retry')).toBeNull();
  });
  it('reconnect leaves failed', () => {
    const d = new Driver().send('connect').fail({ status: 404 });
    expect(d.state.status).toBe('failed');
    expect(d.send('connect').state.status).toBe('failed');
    expect(d.send('reconnect').state.status).toBe('connecting');
  });
  it('ignores what an earlier stream still says', () => {
    const d = open();
    const old = d.state.conn;
    d.fail().timer('retry').send('opened');
    d.send({ type: 'failed', conn: old, error: new FreshetError('network', 'late') });
    expect(d.state.status).toBe('connected');
  });
  it('204 ends without an error', () => {
    expect(new Driver().send('connect').fail({ status: 204 }).state).toMatchObject({ status: 'disconnected', error: null });
  });
});

describe('retrying', () => {
  const delays = (settings: Partial<RetryOptions>, count: number) =>
    Array.from({ length: count }, (_, i) => backoff({ ...retry, ...settings }, i + 1, 0.5));

  it('grows exactly with jitter 0, up to the longest delay', () => {
    expect(delays({}, 7)).toEqual([1000, 2000, 4000, 8000, 16000, 30000, 30000]);
    expect(delays({ initialDelay: 2000, maxDelay: 32000 }, 5)).toEqual([2000, 4000, 8000, 16000, 32000]);
    expect(delays({ initialDelay: 5000, factor: 1 }, 3)).toEqual([5000, 5000, 5000]);
  });
  it('full jitter spreads over the whole delay, the first two tries within the first', () => {
    const full = { ...retry, jitter: 'full' as const };
    expect([1, 2, 3, 4].map((n) => backoff(full, n, 0))).toEqual([1000, 1000, 2000, 4000]);
    expect([1, 2, 3, 4].map((n) => backoff(full, n, 0.75))).toEqual([250, 250, 500, 1000]);
  });
  it('a share of jitter takes that much off at most', () => {
    expect(backoff({ ...retry, jitter: 0.2 }, 1, 0.999)).toBe(800);
    expect(backoff({ ...retry, jitter: 0.2 }, 1, 0)).toBe(1000);
  });
  it('counts tries until one lasts, then starts over', () => {
    const d = new Driver().send('connect').fail();
    expect(d.delay('retry')).toBe(1000);
    expect(d.state).toMatchObject({ status: 'reconnecting', attempt: 1, nextRetryAt: d.now + 1000 });
    d.timer('retry').send('opened').fail();
    expect(d.delay('retry')).toBe(2000);
    d.timer('retry').send('opened');
    d.now += 10000;
    expect(d.fail().delay('retry')).toBe(1000);
  });
  it('gives up after the retries allowed, and says why', () => {
    const d = new Driver({ retry: { ...retry, maxRetries: 2 } }).send('connect').fail().timer('retry').fail().timer('retry').fail();
    expect(d.state.status).toBe('failed');
    expect(d.state.error).toMatchObject({ code: 'exhausted', cause: { code: 'network' } });
  });
  it('Retry-After wins over everything', () => {
    const d = open().receive({ serverRetry: 300 }).fail({ retryable: true, retryAfter: 7000 });
    expect(d.delay('retry')).toBe(7000);
  });
  it("the hub's retry wins for the first try after its stream, then the own delays go on", () => {
    const d = open().receive({ serverRetry: 300 }).fail();
    expect(d.delay('retry')).toBe(300);
    expect(d.timer('retry').fail().delay('retry')).toBe(2000);
  });
  it('what is not retryable fails at once', () => {
    expect(open().fail({ status: 403 }).state.status).toBe('failed');
  });
  it('no answer in time counts as a failure', () => {
    const d = new Driver().send('connect');
    expect(d.delay('watch')).toBe(10000);
    expect(d.timer('watch').state).toMatchObject({ status: 'reconnecting', error: { code: 'timeout' } });
  });
});

describe('tokens', () => {
  it('a first 401 asks for a new token at once, a second fails', () => {
    const d = new Driver({ getToken: () => 't' }).send('connect').fail({ status: 401 });
    expect(d.effects).toContainEqual(['open', 'rejected']);
    expect(d.fail({ status: 401 }).state.status).toBe('failed');
  });
  it('a token that had worked is expired', () => {
    const d = open({ getToken: () => 't' }).fail().timer('retry').fail({ status: 401 });
    expect(d.effects).toContainEqual(['open', 'expired']);
  });
  it('without getToken a 401 is final', () => {
    expect(new Driver().send('connect').fail({ status: 401 }).state.status).toBe('failed');
  });
  it('the hub saying that the token expired has the next one asked for', () => {
    const d = open({ getToken: () => 't' }).receive({ token: 'expired' }).fail().timer('retry');
    expect(d.effects).toContainEqual(['open', 'expired']);
  });
});

describe('the watchdog', () => {
  it('waits 2.5 times what the hub announces', () => {
    expect(open().receive({ heartbeat: 15000 }).delay('watch')).toBe(37500);
  });
  it('is off when nothing was announced, or with 0', () => {
    expect(open().delay('watch')).toBeNull();
    expect(open({ heartbeatTimeout: 0 }).receive({ heartbeat: 15000 }).delay('watch')).toBeNull();
  });
  it('goes by timestamps: any byte puts it off', () => {
    const d = open({ heartbeatTimeout: 1000 });
    expect(d.delay('watch')).toBe(1000);
    d.now += 900;
    d.receive({});
    d.now += 100;
    expect(d.timer('watch').delay('watch')).toBe(900);
    d.now += 900;
    expect(d.timer('watch').state).toMatchObject({ status: 'reconnecting', error: { code: 'timeout' } });
  });
  it('on visible, pageshow and online a stream that was silent for too long is replaced at once', () => {
    for (const input of ['visible', 'pageshow', 'online'] as const) {
      const d = open({ heartbeatTimeout: 1000 });
      d.now += 5000;
      d.send(input);
      expect(d.did('open'), input).toBe(true);
      expect(open({ heartbeatTimeout: 1000 }).send(input).did('open'), input).toBe(false);
    }
  });
  it('a try that is overdue when the tab comes back starts at once', () => {
    const d = open().fail();
    expect(d.send('visible').did('open')).toBe(false);
    d.now += 1000;
    expect(d.send('visible').did('open')).toBe(true);
  });
});

describe('hidden and offline', () => {
  it('stays open in the background by default', () => {
    expect(open().send('hidden').delay('hidden')).toBeUndefined();
  });
  it('closes after the grace, and connects again on visible', () => {
    const d = open({ whenHidden: 'close' }).send('hidden');
    expect(d.delay('hidden')).toBe(30000);
    expect(d.timer('hidden').state).toMatchObject({ status: 'disconnected', paused: 'hidden' });
    expect(d.send('online').did('open')).toBe(false);
    expect(d.send('visible').state).toMatchObject({ status: 'connecting', paused: null });
  });
  it('does not close when it comes back within the grace', () => {
    expect(open({ whenHidden: 'close' }).send('hidden', 'visible').delay('hidden')).toBeNull();
  });
  it('a page in the back/forward cache has no stream, and gets one on its return', () => {
    const d = open().send('pagehide');
    expect(d.state).toMatchObject({ status: 'disconnected', paused: 'hidden' });
    expect(d.send('pageshow').did('open')).toBe(true);
  });
  it('neither wakes a client that nobody asked to connect', () => {
    const d = new Driver({ whenHidden: 'close', hiddenGraceMs: 0 }).send('hidden').timer('hidden').send('pagehide', 'visible', 'pageshow', 'online');
    expect(d.state.status).toBe('disconnected');
    expect(d.did('open')).toBe(false);
  });
  it('offline never exhausts the retries; online tries at once', () => {
    const d = open({ retry: { ...retry, maxRetries: 1 } }).send('offline').fail().timer('retry').fail().timer('retry').fail();
    expect(d.state).toMatchObject({ status: 'reconnecting', paused: 'offline' });
    d.send('online');
    expect(d.did('open')).toBe(true);
    expect(d.state).toMatchObject({ paused: null, attempt: 0 });
  });
});

describe('polling', () => {
  const config = { retry: { ...retry, maxRetries: 0 }, onExhausted: poll({ probeEvery: 60000 }) };
  const fallen = () => new Driver(config).send('connect').fail();

  it('starts after the last retry, and the stream is tried from time to time', () => {
    const d = fallen();
    expect(d.did('poll')).toBe(true);
    expect(d.delay('retry')).toBe(60000);
    expect(d.state).toMatchObject({ status: 'reconnecting', transport: 'polling' });
    expect(d.send({ type: 'opened' }).state).toMatchObject({ status: 'connected', transport: 'polling', error: null });
  });
  it('a failed probe changes nothing but the time of the next', () => {
    const d = fallen().send({ type: 'opened' }).timer('retry');
    expect(d.state.status).toBe('connected');
    expect(d.fail().delay('retry')).toBe(60000);
    expect(d.state).toMatchObject({ status: 'connected', transport: 'polling' });
  });
  it('a stream that opens ends it', () => {
    const d = fallen().send({ type: 'opened' }).timer('retry').send('opened');
    expect(d.did('stopPolling')).toBe(true);
    expect(d.state).toMatchObject({ status: 'connected', transport: 'sse' });
  });
  it('a poll that is refused for good fails', () => {
    const d = fallen().send({ type: 'failed', error: new FreshetError('auth', 'no', { status: 403 }) });
    expect(d.state.status).toBe('failed');
    expect(d.did('stopPolling')).toBe(true);
  });
  it('can be the start', () => {
    const d = new Driver({ ...config, start: 'poll' }).send('connect');
    expect([d.did('poll'), d.did('open')]).toEqual([true, false]);
  });
});

it('an announced change of channels reopens what is open, and waits for the next try otherwise', () => {
  expect(open().send('refresh').did('open')).toBe(true);
  expect(new Driver().send('connect', 'refresh').did('open')).toBe(true);
  expect(open().fail().send('refresh').did('open')).toBe(false);
  expect(new Driver().send('refresh').did('open')).toBe(false);
});

it('never changes the state it was given', () => {
  const before = Object.freeze({ ...open().state, channels: Object.freeze({}) }) as State;
  for (const input of [{ type: 'failed', conn: before.conn, error: new FreshetError('network', 'x') }, { type: 'disconnect' }] as Input[])
    expect(step(base, before, input, 0, 0)[0]).not.toBe(before);
});
