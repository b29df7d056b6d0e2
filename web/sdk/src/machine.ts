/**
 * The connection as one pure function: `step(config, state, input, now, dice)` gives the next state
 * and what is to be done. It knows no timers, no network and no browser.
 */
import { FreshetExhaustedError, FreshetTimeoutError, type FreshetError } from './errors.js';
import type { Settings } from './options.js';
import type { RetryOptions, Snapshot, Status, TokenReason } from './types.js';

/** The options that the machine goes by. */
export type MachineConfig = Pick<
  Settings,
  'retry' | 'connectTimeout' | 'heartbeatTimeout' | 'whenHidden' | 'hiddenGraceMs' | 'onExhausted' | 'start' | 'getToken'
>;

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** The snapshot that the application sees, and what only the machine needs. */
export interface State extends Writable<Snapshot> {
  status: Status;
  offline: boolean;
  /** Failures in a row; a connection that holds clears them. */
  failures: number;
  connectedAt?: number | undefined;
  /** What the hub's `retry:` said, for the next try. */
  serverRetry?: number | undefined;
  /** How often the hub beats, in ms. */
  heartbeat?: number | undefined;
  /** Number of the stream in use: inputs of others are late and ignored. */
  conn: number;
  /** What the next request for a token will give as its reason. */
  token: TokenReason | null;
  /** A 401 has been answered with a new token that has not worked yet. */
  renewed?: boolean;
}

/** `watch` is the wait for an answer, then for the next byte. */
export type TimerName = 'retry' | 'watch' | 'hidden';

/** What a stream or a poll brought, besides its events. */
export type Received = Partial<
  Pick<State, 'lastEventId' | 'clientId' | 'resumed' | 'heads' | 'stale' | 'heartbeat' | 'serverRetry' | 'token'>
>;

export type Input =
  | { type: 'connect' | 'disconnect' | 'reconnect' | 'refresh' | 'fresh' }
  | { type: 'hidden' | 'visible' | 'pagehide' | 'pageshow' | 'online' | 'offline' }
  | { type: 'timer'; name: TimerName }
  // Without `conn`: of a poll
  | { type: 'opened'; conn?: number | undefined }
  | { type: 'received'; conn: number; what: Received }
  | { type: 'failed'; conn?: number | undefined; error: FreshetError };

/** What is to be done; a timer of that name is set anew, or cleared without a time. */
export type Effect =
  | ['open', TokenReason | null]
  | ['abort' | 'poll' | 'stopPolling']
  | [TimerName, number | undefined];

export const initialState = (lastEventId: string | null, offline = false): State => ({
  status: 'disconnected', isConnected: false, transport: null, paused: null, attempt: 0, nextRetryAt: null,
  lastEventId, lastActivityAt: null, error: null, clientId: null, resumed: false, stale: false, heads: {},
  offline, failures: 0, conn: 0, token: 'initial',
});

/** The polling that takes over after the last retry. */
export const pollOf = ({ onExhausted }: MachineConfig) => (onExhausted === 'fail' ? undefined : onExhausted);

/** The delay before try number `attempt` (from 1), in ms; `dice` is in [0, 1). */
export function backoff(retry: Required<RetryOptions>, attempt: number, dice: number): number {
  const full = retry.jitter === 'full';
  const grown = retry.initialDelay * retry.factor ** Math.max(0, attempt - (full ? 2 : 1));
  return Math.round(Math.min(retry.maxDelay, grown) * (1 - (full ? 1 : +retry.jitter) * dice));
}

export function step(
  config: MachineConfig,
  before: State,
  input: Input,
  now: number,
  dice: number,
): [State, Effect[]] {
  const { retry } = config;
  const polls = pollOf(config);
  const s = { ...before };
  const fx: Effect[] = [];
  const timer = (name: TimerName, ms?: number) => fx.push([name, ms]);
  const silence = () => config.heartbeatTimeout ?? (s.heartbeat ?? 0) * 2.5;
  /** Polling carries the events; streams are only probed. */
  const polling = () => s.transport === 'polling';
  const idle = () => s.status === 'disconnected' || s.status === 'failed';

  function drop(): void {
    fx.push(['abort']);
    timer('retry');
    timer('watch');
    s.conn++;
    s.nextRetryAt = null;
    s.connectedAt = undefined;
    if (!polling()) s.transport = null;
  }
  function stop(status: Status, paused: State['paused'] = null): void {
    if (polling()) fx.push(['stopPolling']);
    s.transport = null;
    drop();
    s.clientId = null;
    s.status = status;
    s.paused = paused;
  }
  function open(): void {
    drop();
    s.paused = null;
    if (!polling()) s.status = idle() || s.status === 'connecting' ? 'connecting' : 'reconnecting';
    fx.push(['open', s.token]);
    timer('watch', config.connectTimeout);
  }
  function poll(status: Status): void {
    s.status = status;
    s.transport = 'polling';
    fx.push(['poll']);
    timer('retry', polls!.probeEvery);
  }
  function begin(): void {
    s.failures = 0;
    s.renewed = false;
    s.error = s.paused = null;
    if (config.start === 'poll' && !polling()) poll('connecting');
    else open();
  }
  function fail(error: FreshetError): void {
    const worked = s.connectedAt;
    if (worked && now - worked >= retry.resetAfter) s.failures = 0;
    drop();
    if (error.status === 204) return stop('disconnected'); // the server wants no more of it
    s.error = error;
    if (error.status === 401 && config.getToken && !s.renewed) {
      s.renewed = true;
      s.token = s.token ? 'rejected' : 'expired';
      return open();
    }
    if (polling()) return void timer('retry', polls!.probeEvery);
    if (!error.retryable) return stop('failed');
    s.status = 'reconnecting';
    if (s.offline) s.paused = 'offline';
    if (++s.failures > retry.maxRetries && !s.offline) {
      if (polls) return poll('reconnecting');
      s.error = new FreshetExhaustedError('exhausted', 'exhausted', { cause: error });
      return stop('failed');
    }
    const delay = error.retryAfter ?? (worked && s.serverRetry) ?? backoff(retry, s.failures, dice);
    s.nextRetryAt = now + delay;
    timer('retry', delay);
  }
  /** How long it may still be silent, in ms; a stream that was silent for longer is given up. */
  function check(): void {
    const limit = s.connectedAt ? silence() : config.connectTimeout;
    const left = limit - (now - s.lastActivityAt!);
    if (s.connectedAt && (!limit || left > 0)) return void (limit && timer('watch', left));
    fail(new FreshetTimeoutError('timeout', 'silent for too long', { retryable: true }));
  }
  /** Time may have passed unseen. */
  function wake(due: number): void {
    if (s.connectedAt) check();
    if (s.nextRetryAt && s.nextRetryAt <= due) open();
  }

  const conn = 'conn' in input && input.conn;
  if (conn && conn !== s.conn) return [before, fx];
  switch (input.type) {
    case 'connect':
      if (s.status === 'disconnected' && !s.paused) begin();
      break;
    case 'reconnect':
      begin();
      break;
    case 'disconnect':
      timer('hidden');
      stop('disconnected');
      s.failures = 0;
      s.error = null;
      break;
    case 'refresh': // what is followed has changed
      if (!idle() && !s.nextRetryAt) open();
      break;
    case 'fresh':
      s.stale = false;
      break;
    case 'hidden':
      if (config.whenHidden === 'close') timer('hidden', config.hiddenGraceMs);
      break;
    case 'pagehide': // a stream would keep the page out of the back/forward cache
      if (!idle()) stop('disconnected', 'hidden');
      break;
    case 'online':
      s.offline = false;
      if (s.paused === 'hidden') break;
      if (s.paused) s.failures = 0;
      s.paused = null;
      wake(Infinity);
      break;
    case 'visible':
    case 'pageshow':
      timer('hidden');
      if (s.paused === 'hidden') begin();
      else wake(s.connectedAt ? Infinity : now);
      break;
    case 'offline':
      s.offline = true;
      break;
    case 'opened':
      s.status = 'connected';
      s.lastActivityAt = now;
      s.error = s.token = null;
      if (!conn) break;
      if (polling()) fx.push(['stopPolling']);
      s.renewed = false;
      s.transport = 'sse';
      s.connectedAt = now;
      s.paused = null;
      s.serverRetry = s.heartbeat = undefined;
      timer('watch', silence() || undefined);
      break;
    case 'received':
      Object.assign(s, input.what);
      s.lastActivityAt = now;
      if (input.what.heartbeat && s.connectedAt) timer('watch', silence() || undefined);
      break;
    case 'failed':
      if (conn) fail(input.error);
      else {
        s.error = input.error;
        if (s.error.retryable) s.status = 'reconnecting';
        else stop('failed');
      }
      break;
    case 'timer':
      if (input.name === 'retry') open();
      else if (input.name === 'watch') check();
      else if (!idle()) stop('disconnected', 'hidden');
  }
  s.isConnected = s.status === 'connected';
  s.attempt = s.isConnected ? 0 : s.failures;
  return [s, fx];
}
