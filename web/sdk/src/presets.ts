/** Each application's documented behaviour, as options. Jitter is 0 where exact delays are documented. */
import type { ClientOptions } from './options.js';

/** What all routes have in common: events without a name, opened by `connected`, a beat at least every 30 s. */
const route = { envelope: null, openEvent: 'connected', heartbeatTimeout: 75000 } as const;

export const tripsPreset = {
  ...route,
  url: '/api/events/company-trips',
  retry: { initialDelay: 5000, maxDelay: 5000, factor: 1, jitter: 0, maxRetries: Infinity },
  whenHidden: 'close',
  hiddenGraceMs: 0,
} satisfies Partial<ClientOptions>;

export const cockpitPreset = {
  ...route,
  url: '/api/sse/stream',
  retry: { initialDelay: 1000, maxDelay: 30000, factor: 2, jitter: 0, maxRetries: 10 },
} satisfies Partial<ClientOptions>;

export const rentalPreset = {
  ...route,
  url: '/api/sse',
  publishUrl: '/api/sse',
  whenHidden: 'close',
  debugKey: 'sse-debug',
} satisfies Partial<ClientOptions>;

export const parkingPreset = {
  ...route,
  url: '/api/sse/dashboard',
  retry: { initialDelay: 2000, maxDelay: 32000, factor: 2, jitter: 0, maxRetries: 5 },
} satisfies Partial<ClientOptions>;

const crowd = {
  ...route,
  retry: { initialDelay: 1000, maxDelay: 30000, factor: 2, jitter: 0, maxRetries: 5 },
  states: 'error',
} satisfies Partial<ClientOptions>;

/** Falls back to polling: hand it `onExhausted: poll()`. */
export const densityPreset = { ...crowd, url: '/api/crowd-risk/density-stream' } satisfies Partial<ClientOptions>;

export const alertPreset = { ...crowd, url: '/api/crowd-risk/alert-stream' } satisfies Partial<ClientOptions>;
