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

const ask = <T>(lazy: T | (() => T)): T => (typeof lazy === 'function' ? (lazy as () => T)() : lazy);

/** Adds what the URL does not have yet. */
function withQuery(url: string, query: Params): string {
  const [path, search] = url.split('?');
  const all = new URLSearchParams(search);
  for (const name in query)
    if (!all.has(name)) [query[name] ?? []].flat().forEach((one) => all.append(name, one as string));
  return `${all}` ? `${path}?${all}` : url;
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
    let url = ask(options.url);
    if (beside) url = options[`${beside}Url`] ?? (await import('./rest.js')).sibling(url, beside);
    return {
      url: beside === 'publish' ? url : withQuery(url, { ...query, ...ask(options.params) }),
      headers: { ...ask(options.headers), ...(token && { Authorization: `Bearer ${token}` }) },
      credentials,
    };
  };
}
