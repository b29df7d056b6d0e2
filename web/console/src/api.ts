/** A request that the hub refused, or that did not reach it (status 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

const TOKEN = 'freshet-console-token';
const TENANT = 'freshet-console-tenant';
const listeners = new Set<() => void>();

/** What this tab keeps: gone when it is closed. */
function stored(name: string): string {
  try {
    return sessionStorage.getItem(name) ?? '';
  } catch {
    return ''; // storage is switched off
  }
}

let session = { token: stored(TOKEN), tenant: stored(TENANT) };

export const getSession = () => session;
export function subscribeSession(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function setSession(change: Partial<typeof session>): void {
  session = { ...session, ...change };
  try {
    sessionStorage.setItem(TOKEN, session.token);
    sessionStorage.setItem(TENANT, session.tenant);
  } catch {
    // then only this page knows
  }
  for (const listener of listeners) listener();
}

export const authorization = (token = session.token): Record<string, string> => (token ? { Authorization: `Bearer ${token}` } : {});

/** Query parameters, those without a value left out; the tenant is the one that was chosen. */
export function query(path: string, params: Record<string, string | number | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries({ tenant: session.tenant, ...params })) if (value !== undefined && value !== '') search.set(name, String(value));
  return search.size ? `${path}?${search}` : path;
}

/** Asks the hub. Resolves to the JSON of its answer; throws {@link ApiError}. */
export async function call<T>(path: string, init: RequestInit & { token?: string; also?: number[] } = {}): Promise<T> {
  const { token, also = [], headers, ...rest } = init;
  let answer: Response;
  try {
    answer = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(10_000), ...rest, headers: { ...authorization(token), ...(headers as Record<string, string>) } });
  } catch {
    throw new ApiError(0, 'The hub does not answer.');
  }
  const body: unknown = await answer.json().catch(() => null);
  if (answer.ok || also.includes(answer.status)) return body as T;
  const problem = body as { title?: string; detail?: string } | null;
  throw new ApiError(answer.status, problem?.detail ? `${problem.title}: ${problem.detail}` : `The hub answered ${answer.status}.`);
}
