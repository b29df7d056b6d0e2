/** One page for all tests; the query says what it shows. */
import * as React from 'react';
import { createRoot } from 'react-dom/client';
import { createClient, type ClientOptions } from '@freshet/client';
import { poll } from '@freshet/client/polling';
import { FreshetProvider, useConnection, useEventHistory, useToasts } from '@freshet/client/react';
import {
  ConnectionStatus, ConnectionStatusBadge, ConnectionStatusBanner, ConnectionStatusCompact, EventLog, SSEStatus, SSEStatusCompact, Toaster,
} from '@freshet/client/react/ui';
import { tabs } from '@freshet/client/sharing';

const query = new URLSearchParams(location.search);
const number = (name: string) => (query.has(name) ? +query.get(name)! : undefined);
const tokens = query.get('tokens')?.split(',');
const asked: string[] = [];

const options: ClientOptions = {
  url: '/v1/stream',
  channels: ['a'],
  ...(query.has('share') && { share: tabs({ mode: query.get('share') as 'auto' }) }),
  ...(query.has('poll') && { onExhausted: poll({ interval: 100, probeEvery: 500 }), retry: { initialDelay: 20, maxRetries: 2 } }),
  ...(query.has('hidden') && { whenHidden: 'close' as const, hiddenGraceMs: number('hidden')! }),
  ...(query.has('transport') && { transport: 'eventsource' as const }),
  ...(query.has('batch') && { batch: 'raf' as const }),
  ...(query.has('persist') && { persist: { storage: sessionStorage, key: 'last' } }),
  ...(tokens && {
    getToken: ({ reason }) => {
      asked.push(reason);
      return tokens.shift() ?? null;
    },
  }),
};
const client = createClient(options);
const got: unknown[] = [];
const gaps: unknown[] = [];
const statuses: string[] = [];
client.on('*', (data) => got.push(data));
client.on('gap', (gap) => gaps.push(gap));
client.on('status', ({ status }) => statuses.push(status));
Object.assign(window, { client, got, gaps, statuses, asked });

function View() {
  const connection = useConnection();
  const { events, clear } = useEventHistory();
  const { toasts, dismiss } = useToasts({ duration: 60000, max: 2 });
  return (
    <>
      <p>
        <ConnectionStatus connection={connection} showDetails /> <ConnectionStatusCompact connection={connection} />{' '}
        <ConnectionStatusBadge connection={connection} /> <SSEStatusCompact connection={connection} />
      </p>
      <ConnectionStatusBanner connection={connection} onDismiss={() => {}} />
      <SSEStatus connection={connection} onConnect={client.connect} onDisconnect={client.disconnect} onReconnect={client.reconnect} />
      <EventLog events={events} onClear={clear} max={20} />
      <Toaster toasts={toasts} onDismiss={dismiss} />
    </>
  );
}

if (query.has('ui'))
  createRoot(document.getElementById('app')!).render(
    <React.StrictMode><FreshetProvider client={client}><View /></FreshetProvider></React.StrictMode>,
  );
else if (!query.has('idle')) client.connect();
