import type { ClientOptions } from './options.js';
import type { Params, TokenReason } from './types.js';

/** Where to send a request, with all that the application adds to it. */
export interface Target {
  url: string;
  headers: Record<string, string>;
  credentials?: RequestCredentials | undefined;
}

/** Works out a target; a new token is asked for when `reason` says why. `beside` turns the stream's URL into another. */
export type Resolve = (
  reason: TokenReason | null,
  query: Params,
  beside?: 'events' | 'publish',
) => Promise<Target>;

/** The value, also of what is asked for it at every attempt. */
export const ask = <T>(lazy: T | (() => T)): T => (typeof lazy === 'function' ? (lazy as () => T)() : lazy);

/** The stream's address, or another, with what its query does not have yet. */
export function withQuery({ url, params }: ClientOptions, query: Params, address = ask(url)): string {
  const [path, search] = address.split('?');
  const all = new URLSearchParams(search);
  const more = { ...query, ...ask(params) };
  for (const name in more)
    if (!all.has(name)) [more[name] ?? []].flat().forEach((one) => all.append(name, one as string));
  return `${all}` ? `${path}?${all}` : address;
}

export function createResolve(options: ClientOptions): Resolve {
  const { getToken, credentials } = options;
  let token: string | null | undefined;
  let asking: Promise<unknown> | undefined;

  async function renew(reason: TokenReason): Promise<void> {
    try {
      token = await getToken!({ reason });
    } finally {
      asking = undefined;
    }
  }
  return async (reason, query, beside) => {
    if (getToken && (asking || token === undefined || (reason && reason !== 'initial')))
      await (asking = asking ?? renew(reason ?? 'initial'));
    return {
      url: beside ? (await import('./rest.js')).addressOf(beside, options, query) : withQuery(options, query),
      headers: { ...ask(options.headers), ...(token && { Authorization: `Bearer ${token}` }) },
      credentials,
    };
  };
}
