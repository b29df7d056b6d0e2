import type { FreshetError } from './errors.js';

/** One event, as a listener gets it. */
export interface FreshetEvent<Data = unknown, Type extends string = string> {
  /** Its position in the tenant's log; `null` where the stream gave none. */
  readonly id: string | null;
  /** The channel; `null` where the stream's envelope does not name it. */
  readonly channel: string | null;
  readonly type: Type;
  /** What the event is about, in a keyed channel. */
  readonly key?: string;
  /** When the hub took it, in milliseconds since 1970; `null` where the stream does not say. */
  readonly time: number | null;
  /** `true` for a tombstone: what `key` names is gone. */
  readonly deleted?: boolean;
  readonly data: Data;
}

/** Which data each event type carries: the type parameter of {@link createClient}. */
export type EventMap = Record<string, unknown>;

/** The five states of a connection. */
export type Status = 'disconnected' | 'connecting' | 'connected' | 'reconnecting' | 'failed';

/** A loss that the hub declared: events that this client was owed are no longer kept. */
export interface Gap {
  readonly reason: string;
  readonly channels: readonly string[];
  readonly from?: string;
  readonly oldest?: string;
}

/** Everything about the connection at one moment. Immutable: a change is a new object. */
export interface Snapshot {
  /** With `states: 'error'`, `error` stands for `failed` and is passed through on each failure. */
  readonly status: Status | 'error';
  readonly isConnected: boolean;
  readonly transport: 'sse' | 'polling' | null;
  /** Why it rests although it is wanted. */
  readonly paused: null | 'hidden' | 'offline';
  /** Failed tries in a row; 0 while connected. */
  readonly attempt: number;
  /** When the next try starts, in milliseconds since 1970. */
  readonly nextRetryAt: number | null;
  readonly lastEventId: string | null;
  /** When the last byte came, in milliseconds since 1970. */
  readonly lastActivityAt: number | null;
  readonly error: FreshetError | null;
  /** The hub's name for this connection. */
  readonly clientId: string | null;
  /** `true` when the hub took the stream up where it had ended. */
  readonly resumed: boolean;
  /** `true` from a gap until {@link Client.markFresh}. */
  readonly stale: boolean;
  /** Newest position of each channel that the hub told of, `null` for an empty one; `isFresh()` compares it with what came. */
  readonly heads: Readonly<Record<string, string | null>>;
}

/** When and how often to try again. Times in milliseconds. */
export interface RetryOptions {
  /** Delay before the first try. Default 1000. */
  initialDelay?: number;
  /** No delay is longer. Default 30000. */
  maxDelay?: number;
  /** Each delay is this many times the one before. Default 2. */
  factor?: number;
  /**
   * `'full'` (default): anywhere between 0 and the delay, and the first two tries both within
   * `initialDelay`, so that a hub that only restarts is found again at once. A number from 0 to 1:
   * up to that share of the delay is taken off; 0 gives the exact delays.
   */
  jitter?: 'full' | number;
  /** Tries after the first failure, then `onExhausted`. Default `Infinity`. */
  maxRetries?: number;
  /** A connection that lasted this long clears the count of failures, in ms. Default 10000. */
  resetAfter?: number;
}

/** Why a token is wanted. */
export type TokenReason = 'initial' | 'expired' | 'rejected';

/** Where the last event id is kept over a page load. */
export interface PersistOptions {
  storage: Pick<Storage, 'getItem' | 'setItem'>;
  key: string;
}

/** Where the client reports what goes on. `console` fits. */
export interface Logger {
  debug(...args: unknown[]): void;
  warn(...args: unknown[]): void;
  error(...args: unknown[]): void;
}

/** Query parameters; arrays are sent as one parameter each, `null` and `undefined` left out. */
export type Params = Record<string, string | number | boolean | readonly string[] | null | undefined>;

/** A value, or a function that is asked again at every attempt. */
export type Lazy<T> = T | (() => T);

export type Listener<Data = unknown, Type extends string = string> = (
  data: Data,
  event: FreshetEvent<Data, Type>,
) => void;

export type Off = () => void;

/** What {@link Client.subscribe} takes besides channel and callback. */
export interface SubscribeOptions {
  /** Only these event types. Default: all. */
  events?: readonly string[];
  /** Only events for which this is true. */
  filter?: (event: FreshetEvent) => boolean;
  /** Ends the subscription when aborted. */
  signal?: AbortSignal;
}

export interface PublishOptions {
  /** Default: the client's only channel. */
  channel?: string;
  /** A repeat under the same key is published once. Default: none. */
  idempotencyKey?: string;
  /** What the event is about, in a keyed channel. */
  key?: string;
}

/** Which part of the past {@link Client.history} reads. */
export interface HistoryOptions {
  /** An id, `earliest` (default), an age (`10m`), or a time. */
  since?: string | number;
  /** Only the last so many of them. Default: all. */
  last?: number;
  /** Default: the channels that the client follows. */
  channels?: readonly string[];
}
