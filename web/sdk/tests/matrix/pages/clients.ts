/** A page that follows the hub with one client of the matrix, and reports what it gets. */
import { fetchEventSource } from '@microsoft/fetch-event-source';
import { EventSourcePolyfill } from 'event-source-polyfill';

const query = new URLSearchParams(location.search);
const urls = { named: query.get('named')!, unnamed: query.get('unnamed')! };
let last: Promise<unknown> = Promise.resolve();
const report = (stream: string, event: string, data: string, id: string) =>
  void (last = last.then(() => fetch(`/report?${query}`, { method: 'POST', body: JSON.stringify({ stream, event, data, id }) })));

interface Source {
  addEventListener(type: string, listener: (event: MessageEvent<string>) => void): void;
}
function listen(source: Source, stream: string): void {
  for (const type of ['freshet.open', 'freshet.gap', 'tick', 'message'])
    source.addEventListener(type, ({ data, lastEventId }) => report(stream, type, data, lastEventId));
}

for (const [stream, url] of Object.entries(urls)) {
  if (query.get('client') === 'native') listen(new EventSource(url), stream);
  else if (query.get('client') === 'event-source-polyfill') listen(new EventSourcePolyfill(url), stream);
  else
    void fetchEventSource(url, {
      onmessage: ({ event, data, id }) => report(stream, event || 'message', data, id),
      onerror: () => 100, // ms until the next try
    });
}
