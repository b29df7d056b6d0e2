import { browserEnv } from '../../browser.js';
import { createClient, type Client } from '../../client.js';
import { asError, type FreshetError } from '../../errors.js';
import type { ClientOptions } from '../../options.js';
import { poll } from '../../polling.js';
import { cockpitPreset } from '../../presets.js';
import { createResolve } from '../../request.js';
import type { EventMap, FreshetEvent, Off, Snapshot } from '../../types.js';

export type ConnectionState = Snapshot['status'];

export interface SSEClientOptions {
  companyId: string;
  channel: string;
  /** Default `/api/sse/stream`; polls go to `events` beside it. */
  url?: string;
  /** First delay, in ms. Default 1000. */
  initialRetryDelay?: number;
  /** Longest delay, in ms. Default 30000. */
  maxRetryDelay?: number;
  /** Default 10. */
  maxRetries?: number;
  onConnectionChange?: (state: ConnectionState) => void;
  onMessage?: (event: FreshetEvent) => void;
  onError?: (error: FreshetError) => void;
  /** Polls after the last try, every `pollInterval` ms. Default `false`. */
  enablePollingFallback?: boolean;
  /** Default 5000. */
  pollInterval?: number;
  /** More of {@link ClientOptions}. */
  client?: Partial<ClientOptions>;
}

export function cockpitOptions(options: SSEClientOptions): ClientOptions {
  const { companyId, channel, initialRetryDelay = 1000, maxRetryDelay = 30000, maxRetries = 10, pollInterval = 5000 } = options;
  const url = options.url ?? cockpitPreset.url;
  return {
    ...cockpitPreset,
    url,
    channels: [channel],
    params: { companyId },
    // Polled at the stream's own place: a route has its own cookie, tenant and channels
    eventsUrl: `${url.replace(/\?.*/, '').replace(/stream$/, 'events')}?tenant=${encodeURIComponent(companyId)}`,
    retry: { ...cockpitPreset.retry, initialDelay: initialRetryDelay, maxDelay: maxRetryDelay, maxRetries },
    ...(options.enablePollingFallback && { onExhausted: poll({ interval: pollInterval }) }),
    ...options.client,
  };
}

/** The cockpit's client: one channel of one company. */
export function createSSEClient(options: SSEClientOptions): Client<EventMap> {
  const client = createClient<EventMap>(cockpitOptions(options));
  const { onConnectionChange, onMessage, onError } = options;
  if (onConnectionChange) client.on('status', ({ status }) => onConnectionChange(status));
  if (onMessage) client.on('*', (_, event) => onMessage(event));
  if (onError) client.on('error', onError);
  return client;
}

export interface PollingFallbackOptions extends Pick<SSEClientOptions, 'companyId' | 'channel' | 'onMessage' | 'onError' | 'client'> {
  /** Rest between two polls, in ms. Default 5000. */
  pollInterval?: number;
}

/** Polling by itself, from now on. */
export class PollingFallback {
  private stopIt: Off | null = null;
  private cursor: string | null = null;

  constructor(private readonly options: PollingFallbackOptions) {}

  get isActive(): boolean {
    return this.stopIt !== null;
  }

  start(): void {
    if (this.stopIt) return;
    const { pollInterval = 5000, onMessage, onError, channel } = this.options;
    const options = cockpitOptions(this.options);
    const env = browserEnv();
    this.stopIt = poll({ interval: pollInterval }).start({
      env: options.fetch ? { ...env, fetch: options.fetch } : env,
      resolve: createResolve(options),
      query: () => ({ channel }),
      cursor: () => this.cursor,
      on: {
        opened() {},
        settled() {},
        event: (event) => onMessage?.(event),
        position: (id) => (this.cursor = id),
        failed: (error) => onError?.(asError(error)),
      },
    });
  }

  stop(): void {
    this.stopIt?.();
    this.stopIt = null;
  }
}
