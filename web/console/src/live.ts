import { useEffect, useState, useSyncExternalStore } from 'react';
import { ApiError, call, getSession, subscribeSession } from './api';
import { keep, WINDOW_MS, type Sample, type Stats } from './maths';

/** The hub's statistics, asked every second. */
export interface Live {
  samples: readonly Sample[];
  error: ApiError | null;
  /** Asked at least once. */
  asked: boolean;
}

const EVERY_MS = 1000;
const KEPT = 'freshet-console-samples';

/** What this tab read before it was loaded anew. */
function kept(): Sample[] {
  try {
    const samples = JSON.parse(sessionStorage.getItem(KEPT) ?? '[]') as Sample[];
    sessionStorage.removeItem(KEPT);
    return samples.filter(({ at }) => at > Date.now() - WINDOW_MS);
  } catch {
    return [];
  }
}

function store(): void {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(live.samples));
  } catch {
    // then the charts begin anew
  }
}

let live: Live = { samples: kept(), error: null, asked: false };
const listeners = new Set<() => void>();

function tell(change: Partial<Live>): void {
  live = { ...live, asked: true, ...change };
  for (const listener of listeners) listener();
}

/** May be long: not kept. */
type Lists = Record<'connectionsByTenant' | 'connectionsByCompany' | 'connectionsByChannel', unknown>;

async function ask(): Promise<void> {
  const { token } = getSession();
  try {
    const { connectionsByTenant, connectionsByCompany, connectionsByChannel, ...stats } = await call<Stats & Lists>('/v1/stats', { signal: AbortSignal.timeout(5000) });
    if (token === getSession().token) tell({ samples: keep(live.samples, { at: Date.now(), stats }), error: null });
  } catch (error) {
    if (token === getSession().token) tell({ error: error as ApiError });
  }
}

/** Asks from now on. Returns its end. */
export function startLive(): () => void {
  let timer: ReturnType<typeof setTimeout>;
  let round = 0;
  const again = async () => {
    clearTimeout(timer);
    const mine = ++round;
    await ask();
    if (mine === round) timer = setTimeout(again, live.error?.status === 401 ? 10 * EVERY_MS : EVERY_MS);
  };
  let { token } = getSession();
  const off = subscribeSession(() => {
    // Another token may see another part of the hub
    if (token !== getSession().token) live = { ...live, samples: [] };
    token = getSession().token;
    void again();
  });
  addEventListener('pagehide', store);
  void again();
  return () => {
    round++;
    clearTimeout(timer);
    removeEventListener('pagehide', store);
    off();
  };
}

export function useLive(): Live {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, () => live);
}

export const useSession = () => useSyncExternalStore(subscribeSession, getSession);

/** What an endpoint says, asked again every `everyMs`; `again()` asks at once. */
export function useAsked<T>(path: string, everyMs: number, also: number[] = []) {
  const { token } = useSession();
  const [state, setState] = useState<{ path: string; data: T | null; error: ApiError | null }>({ path, data: null, error: null });
  const [round, setRound] = useState(0);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const end = new AbortController();
    const ask = async () => {
      try {
        const data = await call<T>(path, { signal: end.signal, also });
        if (!end.signal.aborted) setState({ path, data, error: null });
      } catch (error) {
        if (!end.signal.aborted) setState((old) => ({ path, data: old.path === path ? old.data : null, error: error as ApiError }));
      }
      if (!end.signal.aborted) timer = setTimeout(ask, everyMs);
    };
    void ask();
    return () => {
      end.abort();
      clearTimeout(timer);
    };
  }, [path, everyMs, token, round]);
  const fresh = state.path === path ? state : { data: null, error: null };
  return { ...fresh, again: () => setRound((n) => n + 1) };
}
