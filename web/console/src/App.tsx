import { lazy, Suspense, useEffect } from 'react';
import { setSession } from './api';
import { startLive, useAsked, useLive, useSession } from './live';
import { duration } from './maths';
import { Channels } from './pages/Channels';
import { Login } from './pages/Login';
import { Overview } from './pages/Overview';
import { System } from './pages/System';
import { Link, usePath } from './router';
import { useTheme, type Theme } from './theme';

const Channel = lazy(() => import('./pages/Channel').then((m) => ({ default: m.Channel })));
const Config = lazy(() => import('./pages/Config').then((m) => ({ default: m.Config })));
const Connections = lazy(() => import('./pages/Connections').then((m) => ({ default: m.Connections })));
const Publish = lazy(() => import('./pages/Publish').then((m) => ({ default: m.Publish })));
const Token = lazy(() => import('./pages/Token').then((m) => ({ default: m.Token })));

const pages = [
  ['', 'Overview'],
  ['/channels', 'Channels'],
  ['/connections', 'Connections'],
  ['/system', 'System'],
  ['/config', 'Configuration'],
  ['/publish', 'Publish'],
  ['/token', 'Token'],
] as const;

function Page({ path, shown }: { path: string; shown: 'light' | 'dark' }) {
  const channel = /^\/channels\/([^/]+)$/.exec(path)?.[1];
  if (channel) return <Channel key={channel} name={decodeURIComponent(channel)} />;
  switch (path) {
    case '':
      return <Overview shown={shown} />;
    case '/channels':
      return <Channels />;
    case '/connections':
      return <Connections />;
    case '/system':
      return <System />;
    case '/config':
      return <Config />;
    case '/publish':
      return <Publish />;
    case '/token':
      return <Token />;
    default:
      return (
        <>
          <h1>Nothing here</h1>
          <p>
            <Link to="">To the overview</Link>
          </p>
        </>
      );
  }
}

function Hub() {
  const { samples, error } = useLive();
  const stats = samples.at(-1)?.stats;
  const away = error?.status === 0;
  return (
    <p className={`hub ${away ? 'bad' : ''}`} role="status">
      <span aria-hidden="true" className="dot">{away ? '×' : '●'}</span>
      {away ? 'Hub unreachable' : 'Hub answering'}
      {!away && stats && <span className="version">{stats.version}</span>}
    </p>
  );
}

function Settings({ theme, setTheme }: { theme: Theme; setTheme: (theme: Theme) => void }) {
  const { tenant, token } = useSession();
  const tenants = useAsked<{ tenants: { tenant: string }[] }>('/v1/tenants?limit=1000', 30_000).data?.tenants ?? [];
  return (
    <div className="settings">
      <label>
        Tenant
        <input list="tenants" value={tenant} placeholder="default" spellCheck={false} onChange={(event) => setSession({ tenant: event.target.value.trim() })} />
      </label>
      <datalist id="tenants">{tenants.map(({ tenant: name }) => <option key={name} value={name} />)}</datalist>
      <label>
        Theme
        <select value={theme} onChange={(event) => setTheme(event.target.value as Theme)}>
          <option value="auto">as the system</option>
          <option value="light">light</option>
          <option value="dark">dark</option>
        </select>
      </label>
      {token && (
        <button type="button" onClick={() => setSession({ token: '' })}>
          Forget token
        </button>
      )}
    </div>
  );
}

export function App() {
  const path = usePath();
  const { theme, setTheme, shown } = useTheme();
  const { error, asked, samples } = useLive();
  // The hub may be one without this endpoint: then there is no such page.
  const listed = useAsked<unknown>('/v1/connections?limit=1', 60_000);
  const hasConnections = listed.data !== null;
  useEffect(startLive, []);
  const shownPages = pages.filter(([to]) => to !== '/connections' || hasConnections);
  const title = pages.find(([to]) => (to ? path.startsWith(to) : !path))?.[1] ?? 'Nothing here';
  useEffect(() => {
    document.title = `${title} · Freshet`;
  }, [title]);
  const locked = error?.status === 401 && path !== '/token';
  const uptime = samples.at(-1)?.stats.uptimeSeconds;
  return (
    <div className="shell">
      <a className="skip" href="#main">To the content</a>
      <header>
        <Link to="" className="brand" aria-label="Freshet, overview">
          <svg viewBox="0 0 24 24" aria-hidden="true">
            <path d="M2 8c3.300 0 3.300-3 6.700-3S12 8 15.300 8s3.300-3 6.700-3" />
            <path d="M2 14c3.300 0 3.300-3 6.700-3s3.300 3 6.600 3 3.300-3 6.700-3" />
            <path d="M2 20c3.300 0 3.300-3 6.700-3s3.300 3 6.600 3 3.300-3 6.700-3" />
          </svg>
          Freshet
        </Link>
        <nav aria-label="Pages">
          {shownPages.map(([to, name]) => (
            <Link key={to} to={to} aria-current={title === name ? 'page' : undefined}>
              {name}
            </Link>
          ))}
        </nav>
        <div className="foot">
          <Hub />
          {uptime !== undefined && error?.status !== 0 && <p className="up">up {duration(uptime)}</p>}
          <Settings theme={theme} setTheme={setTheme} />
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        {!asked ? null : locked ? (
          <Login />
        ) : (
          <Suspense fallback={<p className="quiet">Loading…</p>}>
            <Page path={path} shown={shown} />
          </Suspense>
        )}
      </main>
    </div>
  );
}
