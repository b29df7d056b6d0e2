import { useCallback, useEffect, useMemo } from 'react';
import { useLatest } from '../../react/hooks.js';
import type { FreshetEvent, Off, Snapshot } from '../../types.js';
import { sharedClient, useClient, useControls, type Controls } from '../shared.js';
import { cockpitOptions, type SSEClientOptions } from './client.js';

export interface UseSSEConnectionOptions
  extends Omit<SSEClientOptions, 'onConnectionChange' | 'onMessage' | 'onError'> {
  /** Default `true`. */
  autoConnect?: boolean;
}

export interface SSEConnection extends Controls, Pick<Snapshot, 'status' | 'isConnected' | 'attempt' | 'nextRetryAt' | 'lastEventId' | 'error' | 'transport' | 'stale'> {
  state: Snapshot['status'];
  isPolling: boolean;
  subscribe: (listener: (event: FreshetEvent) => void) => Off;
  /** After a gap has been made good by fetching anew: `stale` goes. */
  markFresh: () => void;
}

/** A channel of a company; components that ask for the same one share its connection. */
export function useSSEConnection(options: UseSSEConnectionOptions): SSEConnection {
  const { companyId, channel, autoConnect = true, url, initialRetryDelay, maxRetryDelay, maxRetries, enablePollingFallback, pollInterval } = options;
  const key = ['cockpit', url, companyId, channel, initialRetryDelay, maxRetryDelay, maxRetries, enablePollingFallback, pollInterval].join(' ');
  const client = sharedClient(key, () => cockpitOptions(options));
  const snapshot = useClient(client, autoConnect);
  const controls = useControls(client);
  const { status, isConnected, attempt, nextRetryAt, lastEventId, error, transport, stale } = snapshot;
  const subscribe = useCallback(
    (listener: (event: FreshetEvent) => void) => client.on('*', (_, event) => listener(event)),
    [client],
  );
  return useMemo(
    () => ({
      status, state: status, isConnected, attempt, nextRetryAt, lastEventId, error, transport, stale,
      isPolling: transport === 'polling',
      subscribe,
      markFresh: client.markFresh,
      ...controls,
    }),
    [client, subscribe, controls, status, isConnected, attempt, nextRetryAt, lastEventId, error, transport, stale],
  );
}

/** Calls back with the data of one event type. */
export function useSSEMessage<Data = unknown>(
  { subscribe }: Pick<SSEConnection, 'subscribe'>,
  type: string | readonly string[],
  callback: (data: Data, event: FreshetEvent) => void,
): void {
  const latest = useLatest({ type, callback });
  useEffect(
    () =>
      subscribe((event) => {
        const { type: wanted, callback: call } = latest.current;
        if ([wanted].flat().includes(event.type)) call(event.data as Data, event);
      }),
    [subscribe, latest],
  );
}

/** A hook for one channel and its event types. */
function channelHook(channel: string, types: readonly string[]) {
  return <Data = unknown>(companyId: string, onUpdate: (data: Data, event: FreshetEvent) => void, options: Partial<UseSSEConnectionOptions> = {}): SSEConnection => {
    const connection = useSSEConnection({ ...options, companyId, channel });
    useSSEMessage(connection, types, onUpdate);
    return connection;
  };
}

export const useDashboardUpdates = channelHook('dashboard-updates', ['dashboard-update']);
export const useEvidenceUpdates = channelHook('evidence-updates', ['evidence-update', 'evidence-deleted']);
export const useReportUpdates = channelHook('report-updates', ['report-ready', 'report-failed']);
