import type { Env } from './browser.js';
import type { Settings } from './options.js';
import type { Target } from './request.js';
import { FreshetError } from './errors.js';
import { ended, type StreamHandlers } from './transport.js';

const CONTROL = ['message', 'ping', 'freshet.open', 'freshet.gap', 'freshet.beat', 'freshet.close'];

/** Opens a stream with the browser's `EventSource`, for the event names given. */
export function openEventSource(
  env: Env, target: Target, lastEventId: string | null, on: StreamHandlers, { openEvent, events = [], getToken, headers }: Settings,
): () => void {
  if (getToken || headers) throw new FreshetError('config', 'an EventSource sends no headers');
  const query = lastEventId ? (target.url.includes('?') ? '&' : '?') + 'lastEventId=' + encodeURIComponent(lastEventId) : '';
  const url = target.url + query;
  const init = { withCredentials: target.credentials === 'include' };
  const source = env.eventSource?.(url, init) ?? new EventSource(url, init);
  let last = lastEventId ?? '';
  source.onopen = () => on.opened();
  const take = (event: MessageEvent<string>) => {
    const id = event.lastEventId;
    on.message({ ...(id !== last && { id }), event: event.type === 'message' ? '' : event.type, data: event.data });
    last = id;
    on.settled();
  };
  for (const name of new Set([...CONTROL, openEvent, ...events])) source.addEventListener(name, take);
  source.onerror = () => {
    source.close();
    on.failed(ended());
  };
  return () => source.close();
}
