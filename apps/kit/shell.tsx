import { useEffect, type ReactNode } from 'react';
import { Icon } from './icon';
import { useSession } from './session';
import { ThemeSwitch } from './theme';

/** The mark: three waves. */
export const Mark = () => (
  <svg className="k-mark" viewBox="0 0 24 24" aria-hidden="true">
    <path d="M2 8c3.3 0 3.3-3 6.7-3S12 8 15.3 8s3.3-3 6.7-3" />
    <path d="M2 14c3.3 0 3.3-3 6.7-3s3.3 3 6.6 3 3.3-3 6.7-3" />
    <path d="M2 20c3.3 0 3.3-3 6.7-3s3.3 3 6.6 3 3.3-3 6.7-3" />
  </svg>
);

/** Who is signed in, and the way out. */
function Who({ app }: { app: string }) {
  const { session, logout } = useSession(app);
  if (!session) return null;
  return (
    <span className="k-session">
      <span className="k-person">
        <b>{session.name}</b>
        <small>
          {session.tenant}, {session.role}
        </small>
      </span>
      <button type="button" className="k-icon" onClick={logout} aria-label="Sign out" title="Sign out">
        <Icon name="out" />
      </button>
    </span>
  );
}

export interface ShellProps {
  /** The application's name: its session and cookie. */
  app: string;
  /** Of the page: heading and window. */
  title: string;
  /** The application's pages. The one at the window's address is marked. */
  nav?: readonly { href: string; label: string }[];
  /** The connection, at the title; shown to whoever is signed in. */
  status?: ReactNode;
  children: ReactNode;
}

const here = (href: string) => new URL(href, location.href).pathname.replace(/\/$/, '') === location.pathname.replace(/\/$/, '');

/** A page's frame: header with the way back to the gallery, pages, status, session, theme; then its content. */
export function Shell({ app, title, nav = [], status, children }: ShellProps) {
  const { session } = useSession(app);
  useEffect(() => {
    document.title = `${title} · Freshet`;
  }, [title]);
  return (
    <div className="k-shell">
      <a className="k-skip" href="#main">
        To the content
      </a>
      <header className="k-top">
        <a className="k-home" href="/" aria-label="All applications" title="All applications">
          <Mark />
        </a>
        <h1>{title}</h1>
        {status && session && <div className="k-status">{status}</div>}
        {nav.length > 0 && (
          <nav aria-label="Pages">
            {nav.map(({ href, label }) => (
              <a key={href} href={href} aria-current={here(href) ? 'page' : undefined}>
                {label}
              </a>
            ))}
          </nav>
        )}
        <div className="k-right">
          <Who app={app} />
          <ThemeSwitch />
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        {children}
      </main>
    </div>
  );
}
