import { useEffect, useMemo, useSyncExternalStore } from 'react';
import type { FreshetError } from '../../errors.js';
import type { ClientOptions } from '../../options.js';
import { useLatest } from '../../react/hooks.js';
import type { FreshetEvent, Snapshot } from '../../types.js';
import { useClient, useControls, type Controls } from '../shared.js';
import { createCustomEvent, rentalClient, type SSEEventType } from './events.js';
import { showToast, toastText } from './toast.js';

export interface UseSSEOptions {
  /** Default `true`. */
  enabled?: boolean;
  /** Default `false`. */
  showToasts?: boolean;
  /** Default: all types. */
  eventTypes?: readonly SSEEventType[];
  onEvent?: (event: FreshetEvent) => void;
  /** Default 100. */
  maxEvents?: number;
  /** More of {@link ClientOptions}, for instance `share: tabs()`; the first to connect decides. */
  client?: Partial<ClientOptions>;
}

export interface UseSSEResult extends Controls {
  isConnected: boolean;
  status: Snapshot['status'];
  /** How events come: `'polling'` where no stream is to be had and `onExhausted: poll()` was given. */
  transport: Snapshot['transport'];
  /** Events were missed; see {@link Snapshot}. */
  stale: boolean;
  lastEvent: FreshetEvent | null;
  events: readonly FreshetEvent[];
  error: FreshetError | null;
  clearEvents: () => void;
  sendEvent: (type: SSEEventType, data: unknown) => Promise<string | null>;
}

/** The rental stream: its state, its last events, toasts if wished for. */
export function useSSE(options: UseSSEOptions = {}): UseSSEResult {
  const { enabled = true, maxEvents = 100, eventTypes } = options;
  const client = rentalClient(maxEvents, options.client);
  const { isConnected, status, error, transport, stale } = useClient(client, enabled);
  const all = useSyncExternalStore(client.subscribeSnapshot, client.recent, client.recent);
  const wanted = eventTypes?.join();
  const events = useMemo(() => all.filter(({ type }) => type !== 'connected' && (wanted === undefined || wanted.split(',').includes(type))), [all, wanted]);
  const latest = useLatest(options);
  useEffect(
    () =>
      client.on('*', (_, event) => {
        const { eventTypes: types, showToasts, onEvent } = latest.current;
        if (event.type === 'connected' || (types && !types.includes(event.type as SSEEventType))) return;
        onEvent?.(event);
        if (showToasts) showToast(toastText(event));
      }),
    [client, latest],
  );
  return {
    isConnected, status, error, transport, stale, events, lastEvent: events[events.length - 1] ?? null,
    clearEvents: client.clearRecent, sendEvent: createCustomEvent, ...useControls(client),
  };
}
