import type { FreshetEvent } from '@freshet/client';
import type { SSEConnection } from '@freshet/client/compat/cockpit';
import { api, ApiError } from '@kit';
import { useCallback, useEffect, useRef, useState } from 'react';

export interface Fetched<T> {
  /** What was fetched last; stays while something newer is under way or fails. */
  data: T | null;
  /** What went wrong the last time. */
  error: ApiError | null;
  /** Fetches anew. Calls during a request make one more after it. */
  reload: () => void;
}

/** What `path` answers. */
export function useFetched<T>(path: string): Fetched<T> {
  const [state, setState] = useState<{ path: string; data: T | null; error: ApiError | null }>({ path, data: null, error: null });
  const run = useRef(() => {});
  useEffect(() => {
    const abort = new AbortController();
    let busy = false;
    let again = false;
    async function load(): Promise<void> {
      again = true;
      if (busy) return;
      busy = true;
      while (again && !abort.signal.aborted) {
        again = false;
        try {
          const data = await api<T>(path, { signal: abort.signal });
          if (!abort.signal.aborted) setState({ path, data, error: null });
        } catch (thrown) {
          const error = thrown instanceof ApiError ? thrown : new ApiError(0, 'failed', String(thrown));
          if (!abort.signal.aborted) setState((before) => ({ ...before, error }));
        }
      }
      busy = false;
    }
    run.current = () => void load();
    void load();
    return () => abort.abort();
  }, [path]);
  const reload = useCallback(() => run.current(), []);
  return { data: state.data, error: state.error, reload };
}

/**
 * Fetches anew when the stream has opened (what happened while it was down, or before it was up, may
 * not have been seen) and after a gap, which is made good by that.
 */
export function useCatchUp({ isConnected, stale, markFresh }: SSEConnection, reload: () => void): void {
  useEffect(() => {
    if (!isConnected) return;
    reload();
    if (stale) markFresh();
  }, [isConnected, stale, markFresh, reload]);
}

/** What `path` answers, anew with each event of these types. */
export function useLive<T>(path: string, connection: SSEConnection, types: readonly string[], onEvent?: (event: FreshetEvent) => void): Fetched<T> {
  const fetched = useFetched<T>(path);
  const latest = useRef({ types, onEvent });
  latest.current = { types, onEvent };
  const { subscribe } = connection;
  const { reload } = fetched;
  useCatchUp(connection, reload);
  useEffect(
    () =>
      subscribe((event) => {
        if (!latest.current.types.includes(event.type)) return;
        reload();
        latest.current.onEvent?.(event);
      }),
    [subscribe, reload],
  );
  return fetched;
}
