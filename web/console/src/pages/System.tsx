import { useState } from 'react';
import { setSession } from '../api';
import { useAsked, useLive } from '../live';
import { bytes, number } from '../maths';
import { Sign, Table, Trouble } from '../parts';
import { navigate } from '../router';

interface Ready {
  ready: boolean;
  draining: boolean;
  store: { kind: string; ok: boolean; detail?: string };
  sources: Record<string, { ok: boolean } & Record<string, unknown>>;
}

/** What a source says besides whether it is well. */
const told = (source: Record<string, unknown>) =>
  Object.entries(source)
    .filter(([name, value]) => name !== 'ok' && value !== '' && value !== null)
    .map(([name, value]) => `${name}: ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
    .join(', ');

interface Tenant {
  tenant: string;
  connections: number;
  channels: number;
  events: number;
  bytes: number;
  rate: number;
  configured: boolean;
}

/** Everybody who is connected, has channels or is named in the configuration, a page at a time. */
function Tenants() {
  const [pages, setPages] = useState<string[]>(['']);
  const after = pages.at(-1);
  const { data, error } = useAsked<{ tenants: Tenant[]; next: string | null }>(`/v1/tenants?limit=50${after ? `&after=${encodeURIComponent(after)}` : ''}`, 3000);
  const rows = data?.tenants ?? [];
  return (
    <section>
      <h2>Tenants</h2>
      <Trouble error={error} />
      {rows.length > 0 && (
        <Table label="Tenants" head={['Tenant', ['Connections', 'n'], ['Events/s', 'n'], ['Events kept', 'n'], ['Bytes', 'n'], ['Channels', 'n'], 'Open']}>
          {rows.map(({ tenant, connections, channels, events, bytes: size, rate }) => (
            <tr key={tenant}>
              <th scope="row">{tenant}</th>
              <td data-is="Connections" className="n">{number(connections)}</td>
              <td data-is="Events/s" className="n">{number(rate)}</td>
              <td data-is="Events kept" className="n">{number(events)}</td>
              <td data-is="Bytes" className="n">{bytes(size)}</td>
              <td data-is="Channels" className="n">{number(channels)}</td>
              <td><button type="button" aria-label={`Show channels of ${tenant}`} onClick={() => { setSession({ tenant }); navigate('/channels'); }}>Show channels</button></td>
            </tr>
          ))}
        </Table>
      )}
      {data && rows.length === 0 && <p className="empty">None known yet.</p>}
      {(pages.length > 1 || data?.next) && (
        <div className="bar">
          <button type="button" disabled={pages.length === 1} onClick={() => setPages(pages.slice(0, -1))}>Back</button>
          <button type="button" disabled={!data?.next} onClick={() => setPages([...pages, data!.next!])}>Next</button>
        </div>
      )}
    </section>
  );
}

/** Tenants, sources and the store, with their health. */
export function System() {
  const { data, error } = useAsked<Ready>('/readyz', 2000, [503]);
  const stats = useLive().samples.at(-1)?.stats;
  const sources = Object.entries(data?.sources ?? {});
  return (
    <>
      <h1>System</h1>
      <Trouble error={error} />
      {data && (
        <p className="lead" role="status">
          <Sign ok={data.ready}>{data.ready ? 'Ready' : data.draining ? 'Shutting down' : 'Not ready'}</Sign>
        </p>
      )}
      {data && (
        <section>
          <h2>Store</h2>
          <dl className="facts">
            <div><dt>Kind</dt><dd>{data.store.kind}</dd></div>
            <div><dt>State</dt><dd><Sign ok={data.store.ok}>{data.store.ok ? 'takes events' : (data.store.detail ?? 'takes nothing')}</Sign></dd></div>
            {stats && (
              <>
                <div><dt>Events kept</dt><dd>{number(stats.historySize)}, {bytes(stats.historyBytes)}</dd></div>
                <div><dt>Size</dt><dd>{stats.storeBytes ? bytes(stats.storeBytes) : '–'}</dd></div>
                <div><dt>Commits</dt><dd>{number(stats.storeCommits)}, {number(stats.storeErrors)} failed</dd></div>
                <div><dt>Waiting</dt><dd>{number(stats.queueEvents)} events</dd></div>
              </>
            )}
          </dl>
        </section>
      )}
      {data && (
        <section>
          <h2>Sources</h2>
          {sources.length ? (
            <Table label="Sources" head={['Source', 'State', 'Details']}>
              {sources.map(([name, source]) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td data-is="State"><Sign ok={source.ok}>{source.ok ? 'well' : 'failing'}</Sign></td>
                  <td data-is="Details">{told(source) || '–'}</td>
                </tr>
              ))}
            </Table>
          ) : (
            <p className="empty">None configured: events come from publishers.</p>
          )}
        </section>
      )}
      <Tenants />
    </>
  );
}
