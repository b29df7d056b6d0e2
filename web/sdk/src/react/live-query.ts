import { useCallback, useEffect, useRef, useState } from 'react';
import type { FreshetEvent } from '../types.js';
import { useLatest } from './hooks.js';
import { useFreshet } from './provider.js';

export interface LiveQueryOptions<T> {
  /** Fetches the whole: first, after a gap, and when an event of `invalidateOn` comes. */
  fetcher: (signal: AbortSignal) => Promise<T>;
  channel: string;
  /** Applies one change; the same object means that nothing changed. */
  apply?: (data: T, event: FreshetEvent) => T;
  /** Event types after which the whole is fetched anew. Default: none. */
  invalidateOn?: readonly string[];
}

export interface LiveQuery<T> {
  data: T | undefined;
  error: unknown;
  isLoading: boolean;
  refetch: () => void;
}

/** How long the first fetch waits for the stream, in ms. */
const PATIENCE_MS = 500;

/** First the whole, then its changes. What arrives while the whole is being fetched is applied after it. */
export function useLiveQuery<T>(options: LiveQueryOptions<T>): LiveQuery<T> {
  const { channel } = options;
  const client = useFreshet();
  const latest = useLatest(options);
  const [state, setState] = useState<Omit<LiveQuery<T>, 'refetch'>>({ data: undefined, error: null, isLoading: true });
  const load = useRef(() => {});

  useEffect(() => {
    let abort = new AbortController();
    let waiting: FreshetEvent[] | null = null;
    /** The stream was open before the whole was asked for: no change can lie between the two. */
    let safe = false;
    const change = (data: T, event: FreshetEvent) => latest.current.apply?.(data, event) ?? data;

    async function fetchAll(): Promise<void> {
      abort.abort();
      clearTimeout(patience);
      safe = client.getSnapshot().isConnected;
      const own = (abort = new AbortController());
      const late: FreshetEvent[] = (waiting = []);
      setState((before) => ({ ...before, isLoading: true }));
      try {
        const whole = await latest.current.fetcher(own.signal);
        if (own.signal.aborted) return;
        waiting = null;
        setState({ data: late.reduce(change, whole), error: null, isLoading: false });
        client.markFresh();
      } catch (error) {
        if (own.signal.aborted) return;
        waiting = null;
        setState((before) => ({ ...before, error, isLoading: false }));
      }
    }
    load.current = () => void fetchAll();
    // Better one fetch after the stream has opened than two; but no page waits long for a hub
    const patience = setTimeout(() => load.current(), PATIENCE_MS);
    if (client.getSnapshot().isConnected) load.current();
    const offs = [
      client.on('gap', load.current),
      client.on('open', () => {
        if (!safe) load.current();
      }),
      client.subscribe(channel, (event) => {
        if (latest.current.invalidateOn?.includes(event.type)) load.current();
        else if (waiting) waiting.push(event);
        else setState((before) => (before.data === undefined ? before : { ...before, data: change(before.data, event) }));
      }),
    ];
    return () => {
      clearTimeout(patience);
      abort.abort();
      offs.forEach((off) => off());
    };
  }, [client, channel, latest]);
  return { ...state, refetch: useCallback(() => load.current(), []) };
}
