import { ConnectionStatusBadge, ConnectionStatusBanner, useSSEConnection, type SSEConnection } from '@freshet/client/compat/cockpit';
import { api, Notice, RequireSession, Select, Shell, useSession, useStaleSince, WorldControl, type Session } from '@kit';
import { useEffect, useState, type ReactNode } from 'react';
import type { Company } from './types';
import './cockpit.css';

export const APP = 'cockpit';
/** Who may change something; the server decides, this only spares useless buttons. */
export const mayChange = ({ role }: Session) => role === 'MANAGER' || role === 'SUPER_ADMIN';
export const maySeeReports = ({ role }: Session) => role !== 'VIEWER';

/** A channel of the company; all of a page's components share its one connection. */
export const useChannel = (companyId: string, channel: string): SSEConnection => useSSEConnection({ companyId, channel, enablePollingFallback: true });

const asked = () => new URLSearchParams(location.search).get('company');

/**
 * The companies that may be seen, and which of them is shown: the address names it for those who have a
 * choice. Whoever has none needs not wait for the list.
 */
function useCompanies({ tenant, role }: Session): { companies: Company[] | null; company: Company | null; error: string | null } {
  const [companies, setCompanies] = useState<Company[] | null>(null);
  const [error, setError] = useState<string | null>(null);
  useEffect(() => {
    api<{ companies: Company[] }>('/api/companies').then((told) => setCompanies(told.companies), (failed: Error) => setError(failed.message));
  }, []);
  const wanted = asked() ?? (role === 'SUPER_ADMIN' ? null : tenant);
  const found = companies?.find(({ id }) => wanted === null || id === wanted);
  const company = found ?? (wanted === tenant && !companies ? { id: tenant, name: '', currency: 'EUR' } : null);
  return { companies, company, error: error ?? (companies && !company ? `You may not see the company ${wanted}, or there is none.` : null) };
}

function Bar({ companies, company }: { companies: Company[] | null; company: Company }) {
  return (
    <div className="c-bar">
      {companies && companies.length > 1 ? (
        <Select
          label="Company"
          value={company.id}
          options={companies.map(({ id, name }) => ({ value: id, label: name }))}
          onChange={(id) => location.assign(`?company=${encodeURIComponent(id)}`)}
        />
      ) : (
        <p className="c-name">{company.name}</p>
      )}
      <WorldControl app={APP} />
    </div>
  );
}

const HeaderStatus = ({ companyId, channel }: { companyId: string; channel: string }) => <ConnectionStatusBadge connection={useChannel(companyId, channel)} />;

export interface ContentProps {
  session: Session;
  company: Company;
  connection: SSEConnection;
  /** Since when what is shown may be old; `null`: it is live. */
  stale: number | null;
}

function Content({ session, company, channel, children }: { session: Session; company: Company; channel: string; children: (props: ContentProps) => ReactNode }) {
  const connection = useChannel(company.id, channel);
  const stale = useStaleSince(connection);
  const [dismissed, setDismissed] = useState(false);
  useEffect(() => setDismissed(false), [connection.status]);
  const told = channel === 'dashboard-updates' && connection.status === 'failed'; // by DashboardWithSSE
  return (
    <>
      {stale !== null && !dismissed && !told && <ConnectionStatusBanner connection={connection} onDismiss={() => setDismissed(true)} />}
      {children({ session, company, connection, stale })}
    </>
  );
}

function SignedIn({ session, title, channel, allowed, children }: PageProps & { session: Session }) {
  const { companies, company, error } = useCompanies(session);
  const query = asked() === null ? '' : `?company=${encodeURIComponent(asked()!)}`;
  const nav = [
    { href: `/cockpit/${query}`, label: 'Dashboard' },
    { href: `/cockpit/evidence/${query}`, label: 'Evidence' },
    { href: `/cockpit/reports/${query}`, label: 'Reports' },
  ];
  const may = allowed?.(session) ?? true;
  return (
    <Shell app={APP} title={title} nav={nav} status={company && may ? <HeaderStatus companyId={company.id} channel={channel} /> : undefined}>
      {error && <Notice tone="bad">{error}</Notice>}
      {company && <Bar companies={companies} company={company} />}
      {company && may && (
        <Content session={session} company={company} channel={channel}>
          {children}
        </Content>
      )}
      {!may && <Notice tone="warn">Your role, {session.role}, does not include this page.</Notice>}
    </Shell>
  );
}

export interface PageProps {
  title: string;
  channel: string;
  /** Who may open it. Default: everybody. */
  allowed?: (session: Session) => boolean;
  children: (props: ContentProps) => ReactNode;
}

/** A page of the cockpit: signing in, the company, the state of its channel, then its content. */
export function Page(props: PageProps) {
  const { session } = useSession(APP);
  if (session) return <SignedIn {...props} session={session} />;
  return (
    <Shell app={APP} title={props.title}>
      <RequireSession app={APP}>{() => null}</RequireSession>
    </Shell>
  );
}
