/** The bus company's names: `useSSE` with its badge, its delays and its console lines. */
import { createElement, useEffect, useState } from 'react';
import type { Client } from '../client.js';
import type { ClientOptions } from '../options.js';
import { tripsPreset } from '../presets.js';
import { useLatest } from '../react/hooks.js';
import { ConnectionStatusBadge } from '../react/ui/connection.js';
import type { EventMap, FreshetEvent, Snapshot } from '../types.js';
import { sharedClient, useClient, useControls, type Controls } from './shared.js';

export { tripsPreset } from '../presets.js';
export { closeSharedClients } from './shared.js';

/** Delay between two tries, in ms. */
export const RECONNECT_INTERVAL = 5000;

export type TripChange =
  | { type: 'trip-updated'; tripId: string; changes: Record<string, unknown> }
  | { type: 'trip-added' | 'trip-removed'; tripId: string };

export interface TripUpdate {
  type: 'update';
  changes: TripChange[];
  timestamp: number;
}

export interface UseSSEOptions {
  /** Default `/api/events/company-trips`. */
  url?: string;
  /** Default `true`. */
  enabled?: boolean;
  /** Delay between two tries, in ms. Default 5000. */
  reconnectInterval?: number;
  /** Every message, the opening one among them, as its JSON. */
  onMessage?: (message: { type: string; [member: string]: unknown }) => void;
  /** Only `update` messages. */
  onUpdate?: (update: TripUpdate) => void;
  onConnected?: () => void;
  onError?: (error: Error) => void;
  /** More of {@link ClientOptions}. */
  client?: Partial<ClientOptions>;
}

export interface UseSSEResult extends Controls {
  isConnected: boolean;
  error: Error | null;
  status: Snapshot['status'];
  lastMessage: unknown;
}

function speak(client: Client<EventMap>): () => void {
  let tried = false;
  const offs = [
    client.on('status', ({ status }) => {
      if (status === 'connected') console.log(`SSE connected at ${new Date().toISOString()}`);
      if (status === 'reconnecting' && !tried) console.log('Attempting to reconnect SSE...');
      tried = status === 'reconnecting';
    }),
    client.on('error', (error) => console.error('SSE error:', error)),
  ];
  return () => offs.forEach((off) => off());
}

const message = ({ type, data }: FreshetEvent) =>
  (typeof data === 'object' && data !== null && 'type' in data ? data : { type, data }) as { type: string };

/** Follows the company's trips; closes while the tab is hidden. Takes its options, or an address and options. */
export function useSSE(url: string, options?: UseSSEOptions): UseSSEResult;
export function useSSE(options?: UseSSEOptions): UseSSEResult;
export function useSSE(first: string | UseSSEOptions = {}, second: UseSSEOptions = {}): UseSSEResult {
  const options = typeof first === 'string' ? { ...second, url: first } : first;
  const { url = tripsPreset.url, enabled = true, reconnectInterval: ms = RECONNECT_INTERVAL } = options;
  const client = sharedClient(`trips ${url} ${ms}`, () => ({
    ...tripsPreset, url, ...options.client, retry: { ...tripsPreset.retry, initialDelay: ms, maxDelay: ms, ...options.client?.retry },
  }));
  const latest = useLatest(options);
  const [lastMessage, setLastMessage] = useState<unknown>(null);

  useEffect(() => {
    const offs = [
      speak(client),
      client.on('*', (_, event) => {
        const told = message(event);
        setLastMessage(told);
        latest.current.onMessage?.(told);
        if (told.type === 'update') latest.current.onUpdate?.(told as TripUpdate);
      }),
      client.on('open', () => latest.current.onConnected?.()),
      client.on('error', (error) => latest.current.onError?.(error)),
    ];
    return () => offs.forEach((off) => off());
  }, [client, latest]);
  const { isConnected, error, status } = useClient(client, enabled);
  return { isConnected, error, status, lastMessage, ...useControls(client) };
}

/** Applies what changed to a list of trips; a trip that was added needs a fetch, which `needsRefetch` tells. */
export function applyTripChanges<T extends { id: string }>(trips: readonly T[], changes: readonly TripChange[]) {
  const changed = new Map<string, object>();
  for (const change of changes)
    if (change.type === 'trip-updated') changed.set(change.tripId, { ...changed.get(change.tripId), ...change.changes });
  const removed = new Set(changes.filter(({ type }) => type === 'trip-removed').map(({ tripId }) => tripId));
  return {
    trips: trips.filter(({ id }) => !removed.has(id)).map((trip) => (changed.has(trip.id) ? { ...trip, ...changed.get(trip.id) } : trip)),
    needsRefetch: changes.some(({ type }) => type === 'trip-added'),
  };
}

const words = Object.fromEntries(['connecting', 'reconnecting', 'disconnected', 'failed', 'error'].map((state) => [state, 'Connecting...']));

/** Green "Real-time" while connected, grey "Connecting..." otherwise. */
export const ConnectionStatus = ({ isConnected }: { isConnected: boolean }) =>
  createElement(ConnectionStatusBadge, { calm: true, state: isConnected ? 'connected' : 'connecting', labels: { ...words, connected: 'Real-time' } });
