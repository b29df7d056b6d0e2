import { useEffect, useSyncExternalStore, type ReactNode } from 'react';
import { api, ApiError, onRejected } from './api';
import { Badge, Button } from './parts';
import { Notice } from './layout';

/** Who is signed in to an application. */
export interface Session {
  login: string;
  name: string;
  tenant: string;
  role: string;
  admin: boolean;
}

/** A login to try, as the server lists them. */
export interface DemoLogin {
  login: string;
  name: string;
  tenant: string;
  role: string;
  password: string;
}

interface State {
  session: Session | null;
  logins: DemoLogin[];
  loading: boolean;
  error: ApiError | null;
}

/** One application's session, for all of a page's components. */
class Store {
  state: State = { session: null, logins: [], loading: true, error: null };
  readonly #listeners = new Set<() => void>();
  /** Somebody was signed in on this page: streams were opened as them. */
  #used = false;

  constructor(readonly app: string) {
    void this.load();
    onRejected(() => {
      if (this.state.session) void this.load();
    });
  }

  readonly subscribe = (cb: () => void) => {
    this.#listeners.add(cb);
    return () => this.#listeners.delete(cb);
  };

  #set(change: Partial<State>) {
    this.state = { ...this.state, ...change };
    if (this.state.session) this.#used = true;
    this.#listeners.forEach((cb) => cb());
  }

  async load() {
    try {
      this.#set({ session: await api<Session>(`/api/${this.app}/session`), loading: false, error: null });
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) return this.#set({ loading: false, error: asError(error) });
      this.#set({ session: null });
      await this.#list();
    }
  }

  async #list() {
    try {
      const told = await api<{ logins: DemoLogin[] }>(`/api/${this.app}/logins`);
      this.#set({ logins: told.logins, loading: false, error: null });
    } catch (error) {
      this.#set({ loading: false, error: asError(error) });
    }
  }

  readonly login = async (login: string, password: string): Promise<void> => {
    try {
      const session = await api<Session>(`/api/${this.app}/login`, { body: { login, password } });
      if (this.#used) location.reload(); // its streams and stores were somebody else's
      else this.#set({ session, error: null });
    } catch (error) {
      this.#set({ error: asError(error) });
    }
  };

  readonly logout = async (): Promise<void> => {
    await api(`/api/${this.app}/logout`, { method: 'POST', body: {} }).catch(() => null);
    location.reload();
  };
}

const asError = (error: unknown) => (error instanceof ApiError ? error : new ApiError(0, 'failed', String(error)));
const stores = new Map<string, Store>();

function storeOf(app: string): Store {
  let store = stores.get(app);
  if (!store) stores.set(app, (store = new Store(app)));
  return store;
}

/** Asks for the session before React renders: `mount` of a page may call it, `useSession` then finds it under way. */
export const preloadSession = (app: string): void => void storeOf(app);

/** The application's session. `login` and `logout` never reject: what went wrong is in `error`. */
export function useSession(app: string) {
  const store = storeOf(app);
  const state = useSyncExternalStore(store.subscribe, () => store.state);
  return { ...state, login: store.login, logout: store.logout };
}

/** The demo logins, grouped by company, until somebody is signed in; then its children. */
export function RequireSession({ app, children }: { app: string; children: (session: Session) => ReactNode }) {
  const { session, logins, loading, error, login } = useSession(app);
  useEffect(() => {
    if (session) document.documentElement.dataset.tenant = session.tenant;
  }, [session]);
  if (session) return <>{children(session)}</>;
  if (loading) return <div className="k-waiting" aria-busy="true" />;
  const tenants = [...new Set(logins.map(({ tenant }) => tenant))];
  return (
    <section className="k-logins" aria-labelledby="k-logins">
      <h2 id="k-logins">Sign in as</h2>
      <p className="k-quiet">A demonstration: everybody here has their own view of the same live data. Pick somebody; use a second browser profile to be somebody else at the same time.</p>
      {error && <Notice tone="bad">{error.detail}</Notice>}
      {tenants.map((tenant) => (
        <div className="k-tenant" key={tenant} role="group" aria-label={tenant}>
          <h3>{tenant}</h3>
          <ul>
            {logins
              .filter((one) => one.tenant === tenant)
              .map((one) => (
                <li key={one.login}>
                  <span className="k-who">
                    <b>{one.name}</b> <Badge>{one.role}</Badge>
                    <small>
                      {one.login} / {one.password}
                    </small>
                  </span>
                  <Button kind="main" onClick={() => login(one.login, one.password)} label={`Sign in as ${one.name}, ${tenant}`}>
                    Sign in
                  </Button>
                </li>
              ))}
          </ul>
        </div>
      ))}
    </section>
  );
}
