import { createContext, createElement as h, useContext, useEffect, useMemo, useState, type ReactNode } from 'react';
import type { Client } from '../../client.js';
import type { ClientOptions } from '../../options.js';
import { poll } from '../../polling.js';
import { sibling } from '../../rest.js';
import { alertPreset, densityPreset } from '../../presets.js';
import type { EventMap, FreshetEvent } from '../../types.js';
import { sharedClient, useClient } from '../shared.js';
import { errorHandler } from './errors.js';

export type ConnectionState = 'connecting' | 'connected' | 'disconnected' | 'error' | 'reconnecting';

/** One measurement; the members are the application's. */
export interface DensityReading {
  [member: string]: unknown;
}
export interface AlertEvent {
  [member: string]: unknown;
}
export interface EmergencyMode {
  [member: string]: unknown;
}

export interface StreamProviderProps {
  /** Address of the stream. Default: the documented one. */
  url?: string;
  /** Channel that is polled when streaming is not to be had. Default `density`. */
  channel?: string;
  /** Most readings or alerts kept. Default 100. */
  maxEvents?: number;
  /** More of {@link ClientOptions}. */
  client?: Partial<ClientOptions>;
  children?: ReactNode;
}

/** Tells the error handler of failed connections and of messages that are no JSON. */
function watchErrors(client: Client<EventMap>, url: string): () => void {
  const offs = [
    client.on('error', (error) => errorHandler.handleDataStreamError(error, 'sse-connection', { url, code: error.code })),
    client.on('message', (data, event: FreshetEvent) => {
      if (typeof data === 'string') errorHandler.handleDataStreamError(new Error('no JSON'), 'sse-parse', { event: data, id: event.id });
    }),
  ];
  return () => offs.forEach((off) => off());
}

interface Density {
  readings: readonly DensityReading[];
  latest: DensityReading | null;
  connectionState: ConnectionState;
  /** `true` while the readings come by polling. */
  isPolling: boolean;
  /** The connection beneath: its snapshot, its gaps, further types of events. */
  client: Client<EventMap>;
}
const DensityContext = createContext<Density | null>(null);

/** Follows the density stream; polls after 5 failed tries, every 5 s. */
export function DensityProvider({ url = densityPreset.url, channel = 'density', maxEvents = 100, client: more, children }: StreamProviderProps) {
  const client = sharedClient(`density ${url}`, () => ({
    ...densityPreset, url, eventsUrl: `${sibling(url.replace(/\?.*/, ''), 'events')}?channel=${encodeURIComponent(channel)}`, onExhausted: poll({ interval: 5000 }), ...more,
  }));
  const { status, transport } = useClient(client);
  const [readings, setReadings] = useState<readonly DensityReading[]>([]);
  useEffect(() => {
    const offs = [
      watchErrors(client, url),
      client.on('density', (data) => setReadings((list) => [...list, data as DensityReading].slice(-maxEvents))),
    ];
    return () => offs.forEach((off) => off());
  }, [client, url, maxEvents]);
  const value = useMemo(
    () => ({ readings, latest: readings[readings.length - 1] ?? null, connectionState: status as ConnectionState, isPolling: transport === 'polling', client }),
    [readings, status, transport, client],
  );
  return h(DensityContext.Provider, { value }, children);
}

interface Alerts {
  alerts: readonly AlertEvent[];
  emergency: EmergencyMode | null;
  connectionState: ConnectionState;
  /** The connection beneath. */
  client: Client<EventMap>;
}
const AlertContext = createContext<Alerts | null>(null);

/** Follows alerts and the emergency mode; stops after 5 failed tries. */
export function AlertProvider({ url = alertPreset.url, maxEvents = 100, client: more, children }: Omit<StreamProviderProps, 'channel'>) {
  const client = sharedClient(`alerts ${url}`, () => ({ ...alertPreset, url, ...more }));
  const { status } = useClient(client);
  const [alerts, setAlerts] = useState<readonly AlertEvent[]>([]);
  const [emergency, setEmergency] = useState<EmergencyMode | null>(null);
  useEffect(() => {
    const offs = [
      watchErrors(client, url),
      client.on('alert', (data) => setAlerts((list) => [...list, data as AlertEvent].slice(-maxEvents))),
      client.on('emergency', (data) => setEmergency(data as EmergencyMode | null)),
    ];
    return () => offs.forEach((off) => off());
  }, [client, url, maxEvents]);
  const value = useMemo(() => ({ alerts, emergency, connectionState: status as ConnectionState, client }), [alerts, emergency, status, client]);
  return h(AlertContext.Provider, { value }, children);
}

function use<T>(value: T | null, name: string): T {
  if (value === null) throw new Error(`this hook needs ${name} above it`);
  return value;
}

export const useDensity = (): Density => use(useContext(DensityContext), 'a DensityProvider');
export const useAlerts = (): Alerts => use(useContext(AlertContext), 'an AlertProvider');
export const useDensityConnectionState = (): ConnectionState => useDensity().connectionState;
export const useAlertConnectionState = (): ConnectionState => useAlerts().connectionState;
