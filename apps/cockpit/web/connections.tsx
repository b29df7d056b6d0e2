import { ConnectionStatusCompact } from '@freshet/client/compat/cockpit';
import { useDashboardUpdate } from '@freshet/client/compat/cockpit/DashboardWithSSE';
import { Badge, Button, format, Meter, Notice, Panel } from '@kit';
import { useState } from 'react';
import { useSend } from './forms';
import { useCatchUp, useFetched } from './live';
import type { Stats } from './types';

/** Of a company, as the hub counts them. */
const LIMIT = 100;

interface Update {
  key: string;
  at: string;
  text: string;
}

const words = (text: string) => text.replaceAll('_', ' ');

/** The stream itself: how many follow it, what came last, and a broadcast to try it with. Administrators only. */
export function ConnectionsPanel({ companyId }: { companyId: string }) {
  const { data, error, reload } = useFetched<Stats>(`/sse/stats?tenant=${companyId}`);
  const [updates, setUpdates] = useState<Update[]>([]);
  const test = useSend(() => {});
  const connection = useDashboardUpdate((update, event) => {
    const text = update.widgets ? `${words(update.reason ?? 'update')}: ${update.widgets.join(', ')}` : `${String(update.metric)} ${String(update.value)}`;
    const at = format.time(update.timestamp ?? event.time ?? Date.now());
    setUpdates((before) => [{ key: event.id ?? `${before.length}`, at, text }, ...before].slice(0, 8));
  });
  useCatchUp(connection, reload);
  const mine = data?.connectionsByCompany[companyId] ?? 0;
  return (
    <div className="c-connections">
      <Panel
        title="Live connections"
        note="Of this company, over all of its channels; a hundred at most."
        actions={
          <>
            <ConnectionStatusCompact connection={connection} />
            <Button small onClick={reload}>
              Count again
            </Button>
          </>
        }
      >
        {error && <Notice tone="bad">{error.detail}</Notice>}
        {test.error && <Notice tone="bad">{test.error}</Notice>}
        {data && (
          <>
            <Meter value={mine} max={LIMIT} warnAt={LIMIT * 0.8} label="Connections of the company" />
            <dl className="c-stats">
              {Object.entries(data.connectionsByChannel).map(([channel, count]) => (
                <div key={channel}>
                  <dt>{channel}</dt>
                  <dd>{format.number(count)}</dd>
                </div>
              ))}
              <div>
                <dt>by streaming</dt>
                <dd>{format.number(data.connectionsByTransport.sse ?? 0)}</dd>
              </div>
              <div>
                <dt>events kept for those who return</dt>
                <dd>{format.number(data.historySize)}</dd>
              </div>
              <div>
                <dt>events that could not be published</dt>
                <dd>{data.eventsFailed ? <Badge tone="bad">{data.eventsFailed}</Badge> : '0'}</dd>
              </div>
            </dl>
          </>
        )}
        <h3>Latest updates</h3>
        {updates.length === 0 ? (
          <p className="k-quiet">None since this page was opened.</p>
        ) : (
          <ol className="c-updates" aria-label="Latest updates">
            {updates.map(({ key, at, text }) => (
              <li key={key}>
                <time>{at}</time> {text}
              </li>
            ))}
          </ol>
        )}
        <div className="c-end">
          <Button
            busy={test.busy}
            onClick={() =>
              void test.send('/sse/test-broadcast', {
                companyId,
                channel: 'dashboard-updates',
                type: 'dashboard-update',
                data: { widgets: ['at-a-glance'], reason: 'test_broadcast', timestamp: new Date().toISOString() },
              })
            }
          >
            Send a test broadcast
          </Button>
        </div>
      </Panel>
    </div>
  );
}
