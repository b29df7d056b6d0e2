import type { FreshetError } from './errors.js';
import type { Poll } from './polling.js';
import type { Share } from './sharing/share.js';
import type { FreshetEvent, Lazy, Logger, Params, PersistOptions, RetryOptions, TokenReason } from './types.js';

/** Options of {@link createClient}. Times are in milliseconds. */
export interface ClientOptions {
  /** Address of the stream, for instance `/v1/stream`. A function is asked again at every attempt. */
  url: Lazy<string>;
  /** Channels to follow from the start. Default: none, for routes that fix them. */
  channels?: readonly string[];
  /** More query parameters. A function is asked again at every attempt. Default: none. */
  params?: Lazy<Params>;
  /** How events are wrapped; `null` asks for nothing. Default `'full'`, which names channels. */
  envelope?: 'full' | 'named' | 'typed' | 'flat' | 'update' | null;
  /** What the hub calls the first event of a stream. Default `'freshet.open'`. */
  openEvent?: string;
  /** `'eventsource'` uses the browser's own: no `headers`, no `getToken`. Default `'fetch'`. */
  transport?: 'fetch' | 'eventsource';
  /** `tabs()` from `@freshet/client/sharing`. Default: every tab has its own connection. */
  share?: Share;
  /** As for `fetch`. Default `'same-origin'`. */
  credentials?: RequestCredentials;
  /** Takes the place of the global `fetch`. */
  fetch?: typeof fetch;
  /** Request headers. A function is asked again at every attempt. Default: none. */
  headers?: Lazy<Record<string, string>>;
  /** Gives the bearer token. Never called twice at a time. Default: none is sent. */
  getToken?: (why: { reason: TokenReason }) => string | null | Promise<string | null>;
  /** Where to go on from. Default: the persisted one, else what the hub calls latest. */
  lastEventId?: string;
  /** Keeps the last id over a page load. Default: off. */
  persist?: PersistOptions;
  /** When and how often to try again. */
  retry?: RetryOptions;
  /** The hub must answer within this, in ms. Default 10000. */
  connectTimeout?: number;
  /** Silence that counts as a dead connection, in ms; 0 is off. Default: 2.5 times what the hub announces. */
  heartbeatTimeout?: number;
  /** What happens while the tab is in the background. Default `'keep'`. */
  whenHidden?: 'keep' | 'close';
  /** With `whenHidden: 'close'`: how long to wait first, in ms. Default 30000. */
  hiddenGraceMs?: number;
  /** After the last retry: `'fail'`, or `poll()` from `@freshet/client/polling`. Default `'fail'`. */
  onExhausted?: 'fail' | Poll;
  /** `'poll'` begins with polling and tries the stream later; needs `onExhausted: poll()`. Default `'stream'`. */
  start?: 'stream' | 'poll';
  /** `'error'` shows `error` in place of `failed`, and on each failure. Default `'canonical'`. */
  states?: 'canonical' | 'error';
  /** Only these event types. Default: all. */
  events?: readonly string[];
  /** Only events for which this is true. Default: all. */
  filter?: (event: FreshetEvent) => boolean;
  /** How many events {@link Client.recent} keeps. Default `{ maxEvents: 100 }`. */
  history?: { maxEvents: number };
  /** Hands events over at once (`false`), once a frame (`'raf'`) or every so many ms. Default `false`. */
  batch?: false | 'raf' | number;
  /** Told of every failure, also of those that are retried. */
  onError?: (error: FreshetError) => void;
  /** Where to report. Default: the console, while `localStorage[debugKey]` is `'true'`. */
  logger?: Logger;
  /** Switch in `localStorage` that turns the log on. Default `'freshet-debug'`. */
  debugKey?: string;
  /** Where to publish. Default: `publish` beside the stream, else `/v1/publish`. */
  publishUrl?: string;
  /** Where to poll and to read history. Default: `events` beside the stream, else `/v1/events`. */
  eventsUrl?: string;
}

/** The options with all defaults filled in that the connection goes by. */
export interface Settings extends ClientOptions {
  retry: Required<RetryOptions>;
  connectTimeout: number;
  hiddenGraceMs: number;
  openEvent: string;
}

/** `base`, with what is given; what is given as `undefined` is not given. */
export function fill<T extends object>(base: T, given: Partial<T> | undefined): T {
  for (const name in given) if (given[name] !== undefined) base[name] = given[name]!;
  return base;
}

export const toSettings = (options: ClientOptions): Settings => ({
  ...fill({ connectTimeout: 10000, hiddenGraceMs: 30000, openEvent: 'freshet.open', envelope: 'full' } as Settings, options as Settings),
  retry: fill<Required<RetryOptions>>({ initialDelay: 1000, maxDelay: 30000, factor: 2, jitter: 'full', maxRetries: Infinity, resetAfter: 10000 }, options.retry),
});
