/** What following a stream does not need as long as all goes well: loaded when first used. */
import type { Env } from './browser.js';
import { FreshetAuthError, FreshetContentTypeError, FreshetHttpError, FreshetParseError, asError, type FreshetError } from './errors.js';
import type { Json } from './event.js';
import type { ClientOptions } from './options.js';
import { ask, withQuery, type Resolve, type Target } from './request.js';
import type { FreshetEvent, Gap, HistoryOptions, Params, PublishOptions, TokenReason } from './types.js';

/** The error that an answer stands for. */
export async function httpError(response: Response, now: number): Promise<FreshetError> {
  const { status } = response;
  const problem = (await response.json().catch(() => null)) as Json | null;
  const after = response.headers.get('Retry-After');
  const wait = after ? (+after >= 0 ? +after * 1000 : Date.parse(after) - now) : -1;
  const message = `${status} ${problem?.detail ?? response.statusText}`;
  const retryable = status >= 500 || [408, 425, 429].includes(status);
  const extra = { status, retryable, ...(wait >= 0 && { retryAfter: wait }) };
  return status === 401 || status === 403
    ? new FreshetAuthError('auth', message, extra)
    : new FreshetHttpError('http', message, extra);
}

/** Why an answer is no stream: its status, else its content type. */
export const refusal = async (response: Response, now: number): Promise<FreshetError> =>
  response.status === 200
    ? new FreshetContentTypeError('content-type', `no event stream: ${response.headers.get('Content-Type')}`)
    : httpError(response, now);

/** One request for JSON; after a 401 once more, with a new token. */
export async function requestJson(
  env: Env,
  resolve: Resolve,
  endpoint: 'events' | 'publish',
  query: Params,
  init: RequestInit,
  reason: TokenReason | null = null,
): Promise<unknown> {
  let response: Response;
  let target: Target;
  try {
    target = await resolve(reason, query, endpoint);
    const { url, headers, credentials } = target;
    response = await env.fetch(url, {
      ...init,
      headers: { ...(init.headers as Record<string, string>), ...headers },
      credentials,
      cache: 'no-store',
    });
  } catch (thrown) {
    throw asError(thrown);
  }
  if (response.status === 401 && !reason && target.headers.Authorization)
    return requestJson(env, resolve, endpoint, query, init, 'expired');
  if (!response.ok) throw await httpError(response, env.now());
  try {
    return await response.json();
  } catch (thrown) {
    throw new FreshetParseError('parse', 'the answer is no JSON', { cause: thrown });
  }
}

/** `/v1/events` beside `/v1/stream`; the hub's own path where the stream is a route. */
export function sibling(url: string, name: string): string {
  const [, origin, path, query] = /^(\w+:\/\/[^/]+)?([^?]*)(.*)/.exec(url)!;
  const base = path!.endsWith('/v1/stream') ? path!.slice(0, -6) : '/v1/';
  return (origin ?? '') + base + name + (name === 'events' ? query : '');
}

/** Where to publish, or to read events, for a client of this stream. */
export function addressOf(endpoint: 'events' | 'publish', options: ClientOptions, query: Params): string {
  const address = options[`${endpoint}Url`] ?? sibling(ask(options.url), endpoint);
  return endpoint === 'events' ? withQuery(options, query, address) : address;
}

/** One answer of `GET /v1/events`. */
export interface Page {
  events: FreshetEvent[];
  cursor: string | null;
  gap: Gap | null;
}

export async function fetchPage(env: Env, resolve: Resolve, query: Params, signal: AbortSignal): Promise<Page> {
  const page = (await requestJson(env, resolve, 'events', query, { signal })) as Partial<Page>;
  return {
    events: page.events ?? [],
    cursor: page.cursor ?? null,
    gap: page.gap ?? null,
  };
}

/** Publishes one event; resolves to its id. */
export async function publish(
  env: Env, resolve: Resolve, type: string, data: unknown, options: PublishOptions, signal: AbortSignal,
): Promise<string | null> {
  const answer = (await requestJson(env, resolve, 'publish', {}, {
    method: 'POST',
    body: JSON.stringify({ ...options, type, data }),
    headers: { 'Content-Type': 'application/json' },
    signal,
  })) as { id?: string } | null;
  return answer?.id ?? null;
}

/** Kept events page by page, oldest first. */
export async function* history(
  env: Env, resolve: Resolve, { since = 'earliest', last, channels }: HistoryOptions, query: Params, signal: AbortSignal,
): AsyncGenerator<FreshetEvent> {
  const limit = 1000;
  let kept: FreshetEvent[] = [];
  let from: Params = { since };
  for (;;) {
    const page = await fetchPage(env, resolve, { ...query, envelope: null, channel: channels, ...from, limit }, signal);
    if (last === undefined) yield* page.events;
    else kept = [...kept, ...page.events].slice(-last);
    if (page.events.length < limit || !page.cursor) break;
    from = { lastEventId: page.cursor };
  }
  if (last) yield* kept;
}
