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

/** Tenants, sources and the store, with their health. */
export function System() {
  const { data, error } = useAsked<Ready>('/readyz', 2000, [503]);
  const stats = useLive().samples.at(-1)?.stats;
  const tenants = Object.entries(stats?.connectionsByTenant ?? {}).sort((a, b) => b[1] - a[1]);
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
                  <td><Sign ok={source.ok}>{source.ok ? 'well' : 'failing'}</Sign></td>
                  <td>{told(source) || '–'}</td>
                </tr>
              ))}
            </Table>
          ) : (
            <p className="empty">None configured: events come from publishers.</p>
          )}
        </section>
      )}
      <section>
        <h2>Tenants</h2>
        {tenants.length ? (
          <Table label="Tenants" head={['Tenant', ['Connections', 'n'], 'Channels']}>
            {tenants.map(([name, connections]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td className="n">{number(connections)}</td>
                <td><button type="button" aria-label={`Show channels of ${name}`} onClick={() => { setSession({ tenant: name }); navigate('/channels'); }}>Show channels</button></td>
              </tr>
            ))}
          </Table>
        ) : (
          <p className="empty">{stats?.tenants ? `${number(stats.tenants)} known, none with open connections.` : 'None known yet.'}</p>
        )}
      </section>
    </>
  );
}
