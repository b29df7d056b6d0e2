/** What a server refused, or that it could not be reached (status 0). */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  constructor(
    readonly status: number,
    /** The `error` of problem+json, "conflict"; "unreachable" without an answer. */
    readonly code: string,
    /** A sentence for whoever reads it; also the message. */
    readonly detail: string,
  ) {
    super(detail);
  }
}

export interface ApiOptions {
  /** Default `GET`, `POST` with a body. */
  method?: string;
  /** Sent as JSON. */
  body?: unknown;
  signal?: AbortSignal;
}

type Json = Record<string, unknown>;
const rejected = new Set<() => void>();

/** Calls `cb` whenever a request was answered with 401. Returns its end. */
export function onRejected(cb: () => void): () => void {
  rejected.add(cb);
  return () => rejected.delete(cb);
}

/** A problem's words: of problem+json, of the documents' {"error": "..."}, or the status alone. */
function problem(status: number, told: Json): ApiError {
  const text = (name: string) => (typeof told[name] === 'string' ? (told[name] as string) : undefined);
  return new ApiError(status, text('code') ?? text('error') ?? 'failed', text('detail') ?? text('message') ?? text('title') ?? text('error') ?? `The server answered ${status}.`);
}

const early = new Map<string, Promise<Response>>();

/**
 * Begins to fetch while the page's code is still being read; the first `api(path)` without options
 * takes the answer. Call it where a page's module begins.
 */
export function preload(path: string): void {
  const answer = fetch(path, { headers: { Accept: 'application/json' }, credentials: 'same-origin', cache: 'no-store' });
  answer.catch(() => null); // whoever asks for it is told
  early.set(path, answer);
}

/** The request that was begun early; only an answer that was let in, for somebody may have signed in since. */
async function taken(path: string): Promise<Response | null> {
  const begun = early.get(path);
  early.delete(path);
  const answer = await begun?.catch(() => null);
  return answer?.ok ? answer : null;
}

/** Sends a request to this site and reads JSON; nothing (204) is `null`. Throws {@link ApiError}; aborted requests throw what `fetch` throws. */
export async function api<T = unknown>(path: string, { method, body, signal }: ApiOptions = {}): Promise<T> {
  let answer: Response;
  try {
    const begun = method || body !== undefined || signal ? null : await taken(path);
    answer = begun ?? await fetch(path, {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: { Accept: 'application/json', ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: signal ?? null,
      credentials: 'same-origin',
      cache: 'no-store',
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, 'unreachable', 'The server did not answer. Nothing was changed here.');
  }
  const text = await answer.text();
  let told: unknown = null;
  try {
    told = text ? JSON.parse(text) : null;
  } catch {
    if (answer.ok) throw new ApiError(answer.status, 'malformed', 'The answer was not JSON.');
  }
  if (answer.ok) return told as T;
  if (answer.status === 401) rejected.forEach((cb) => cb());
  throw problem(answer.status, typeof told === 'object' && told !== null ? (told as Json) : {});
}
