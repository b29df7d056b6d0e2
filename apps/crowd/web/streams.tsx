import { AlertProvider, ConnectionStatus, DensityProvider, errorHandler, useAlertConnectionState, useAlerts, useDensity, useDensityConnectionState, type StreamFailure } from '@freshet/client/compat/crowd';
import { Badge, Button, Empty, format, Panel, useStaleSince } from '@kit';
import { useEffect, useState, useSyncExternalStore, type ReactNode } from 'react';

/** Where density is polled when it can't be streamed: the hub's own events, real ones. */
const POLL = '/api/crowd-risk/density-poll';

/** Both streams, for all that is below. fetch: in place of the browser's, to simulate failures. */
export function Streams({ fetches = {}, children }: { fetches?: { density?: typeof fetch; alerts?: typeof fetch }; children: ReactNode }) {
  return (
    <DensityProvider client={{ eventsUrl: POLL, ...(fetches.density && { fetch: fetches.density }) }}>
      <AlertProvider client={{ ...(fetches.alerts && { fetch: fetches.alerts }) }}>{children}</AlertProvider>
    </DensityProvider>
  );
}

function useSnapshot(which: 'density' | 'alerts') {
  const { client } = { density: useDensity(), alerts: useAlerts() }[which];
  return useSyncExternalStore(client.subscribeSnapshot, client.getSnapshot);
}
export const useDensitySnapshot = () => useSnapshot('density');
export const useAlertSnapshot = () => useSnapshot('alerts');

/** Since when densities (or alerts) on screen may be old; `null` while they are live. */
export const useDensityStale = () => useStaleSince(useDensitySnapshot());
export const useAlertsStale = () => useStaleSince(useAlertSnapshot());

/** The two dots of the header. */
export function StatusDots() {
  const density = useDensityConnectionState();
  const alerts = useAlertConnectionState();
  const { isPolling } = useDensity();
  return (
    <div className="c-dots">
      <span data-stream="density">
        Density: <ConnectionStatus state={density} showLabel={false} />
        {isPolling && <small>polling</small>}
      </span>
      <span data-stream="alerts">
        Alerts: <ConnectionStatus state={alerts} showLabel={false} />
      </span>
    </div>
  );
}

/** What a connection is doing, in words. */
export function useStreamWords(which: 'density' | 'alerts'): string {
  const { status, transport, attempt, nextRetryAt } = useSnapshot(which);
  if (transport === 'polling') return status === 'connected' ? 'Polling every 5 seconds; the stream is tried again once a minute' : 'Polling every 5 seconds, without an answer';
  if (status === 'connected') return 'Connected, streaming';
  if (status === 'connecting') return 'Connecting';
  if (nextRetryAt) return `Failed; try ${attempt} of 5 at ${format.time(nextRetryAt)}`;
  if (attempt > 0 && status === 'reconnecting') return `Trying again, ${attempt} of 5`;
  return status === 'disconnected' ? 'Not connected' : 'Given up after 5 tries';
}

/** Shown when the alert stream has stopped trying: only a person starts it again. */
export function AlertsStopped() {
  const { client } = useAlerts();
  const { status, nextRetryAt, attempt, error } = useAlertSnapshot();
  if (status !== 'error' || nextRetryAt) return null;
  return (
    <div className="k-notice c-stopped" data-tone="bad" role="alert">
      <div>The alert stream has stopped {attempt > 5 ? 'after five failed attempts' : `(${error?.message ?? 'refused'})`}: alerts here may be old, and new ones do not arrive.</div>
      <Button onClick={() => client.reconnect()}>Connect again</Button>
    </div>
  );
}

const failures: StreamFailure[] = [];
const watchers = new Set<() => void>();
let shown: readonly StreamFailure[] = [];
errorHandler.onError((failure) => {
  failures.unshift(failure);
  failures.length = Math.min(failures.length, 50);
  shown = [...failures];
  watchers.forEach((watcher) => watcher());
});
const watch = (watcher: () => void) => {
  watchers.add(watcher);
  return () => void watchers.delete(watcher);
};

const where = ({ context }: StreamFailure) => String(context.url ?? '').split('/').pop() || 'a message';
const words = ({ error, context }: StreamFailure) => (context.code === 'exhausted' ? 'No further attempt: gave up after five' : error instanceof Error ? error.message : String(error));

/** What the error handler was told since the page was opened, newest first. */
export function StreamErrors() {
  const list = useSyncExternalStore(watch, () => shown);
  const [max, setMax] = useState(5);
  useEffect(() => {
    if (!list.length) setMax(5);
  }, [list.length]);
  return (
    <Panel title="Stream errors" note="What the error handler was told since this page was opened.">
      {list.length === 0 && <Empty>None: both streams have held.</Empty>}
      {list.length > 0 && (
        <ol className="c-errors" aria-label="Stream errors">
          {list.slice(0, max).map((failure, i) => (
            <li key={`${failure.time} ${list.length - i}`}>
              <time>{format.time(failure.time)}</time> <Badge tone="bad">{failure.source}</Badge> <b>{where(failure)}</b> <span>{words(failure)}</span>
              {failure.context.code !== undefined && <code> {String(failure.context.code)}</code>}
              {typeof failure.context.event === 'string' && <code> {failure.context.event.slice(0, 120)}</code>}
            </li>
          ))}
        </ol>
      )}
      {list.length > max && (
        <Button kind="quiet" onClick={() => setMax(50)}>
          Show all {list.length}
        </Button>
      )}
    </Panel>
  );
}
