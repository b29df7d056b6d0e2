import { useFreshet } from '@freshet/client/react';
import type { FreshetEvent } from '@freshet/client';
import { api, ApiError } from '@kit';
import { useCallback, useEffect, useRef, useState } from 'react';

export interface Live<T> {
  data: T | undefined;
  error: ApiError | null;
  refetch: () => void;
}

export interface LiveOptions<T> {
  /** Event types after which the whole is fetched anew. */
  on: readonly string[];
  /** Takes an event into what is shown; `undefined`: fetch instead. */
  apply?: (data: T, event: FreshetEvent) => T | undefined;
}

/** Of `system_notification`: the company's data is another. */
const replaced = ({ type, data }: FreshetEvent) => type === 'system_notification' && (data as { scope?: string } | null)?.scope === 'data';

/**
 * What a path answers, kept true by events. It fetches at once, again after a gap and when the stream
 * opens later than the fetch began; never two at a time: what comes meanwhile is fetched after it.
 */
export function useLive<T>(path: string, options: LiveOptions<T>): Live<T> {
  const client = useFreshet();
  const latest = useRef(options);
  latest.current = options;
  const [state, setState] = useState<{ data: T | undefined; error: ApiError | null }>({ data: undefined, error: null });
  const load = useRef(() => {});

  useEffect(() => {
    const ends = new AbortController();
    let busy = false;
    let again = false;
    let safe = false;
    let waiting: FreshetEvent[] = [];

    async function fetchAll(): Promise<void> {
      if (busy) {
        again = true;
        return;
      }
      busy = true;
      waiting = [];
      safe = client.getSnapshot().isConnected;
      try {
        const whole = await api<T>(path, { signal: ends.signal });
        const data = waiting.reduce<T>((before, event) => latest.current.apply?.(before, event) ?? before, whole);
        if (!ends.signal.aborted) setState({ data, error: null });
        client.markFresh();
      } catch (error) {
        if (error instanceof ApiError && !ends.signal.aborted) setState((before) => ({ ...before, error }));
      }
      busy = false;
      if (again && !ends.signal.aborted) {
        again = false;
        void fetchAll();
      }
    }
    load.current = () => void fetchAll();
    load.current();
    const offs = [
      client.on('gap', load.current),
      client.on('open', () => {
        if (!safe) load.current();
      }),
      client.on('*', (_, event) => {
        if (!latest.current.on.includes(event.type)) return void (replaced(event) && load.current());
        if (replaced(event) || !latest.current.apply) return load.current();
        if (busy) waiting.push(event);
        setState((before) => {
          const next = before.data && latest.current.apply?.(before.data, event);
          if (before.data && !next) queueMicrotask(load.current);
          return next ? { ...before, data: next } : before;
        });
      }),
    ];
    return () => {
      ends.abort();
      offs.forEach((off) => off());
    };
  }, [client, path]);
  return { ...state, refetch: useCallback(() => load.current(), []) };
}

/** Does something on the server; what was refused is `error`, and is forgotten at the next try. */
export function useAct(done: () => void) {
  const [busy, setBusy] = useState<string | null>(null);
  const [error, setError] = useState<string | null>(null);
  const act = useCallback(
    async (path: string, body: unknown = {}): Promise<boolean> => {
      setBusy(path);
      setError(null);
      try {
        await api(path, { body });
        done(); // the events say so too; without a stream this does
        return true;
      } catch (failed) {
        setError(failed instanceof ApiError ? failed.detail : String(failed));
        return false;
      } finally {
        setBusy(null);
      }
    },
    [done],
  );
  return { act, busy, error, forget: useCallback(() => setError(null), []) };
}
