import { createContext, createElement, useContext, useEffect, type ReactNode } from 'react';
import type { Client } from '../client.js';
import type { EventMap } from '../types.js';
import { retain } from './retain.js';

const Context = createContext<Client<EventMap> | null>(null);

export interface FreshetProviderProps {
  /** The client that the hooks below use; make it once, outside of the component. */
  client: Client<never> | Client<EventMap>;
  /** `false` leaves connecting to the application. Default `true`. */
  autoConnect?: boolean;
  /** How long the connection outlives the last provider, in ms. Default 1000. */
  lingerMs?: number;
  children?: ReactNode;
}

/** Hands a client to the hooks below, and keeps it connected while it is mounted. */
export function FreshetProvider({ client, autoConnect = true, lingerMs, children }: FreshetProviderProps) {
  const value = client as Client<EventMap>;
  useEffect(() => (autoConnect ? retain(value, lingerMs) : undefined), [value, autoConnect, lingerMs]);
  return createElement(Context.Provider, { value }, children);
}

/** The client of the nearest {@link FreshetProvider}. */
export function useFreshet<M extends object = EventMap>(): Client<M> {
  const client = useContext(Context);
  if (!client) throw new Error('useFreshet needs a FreshetProvider above it');
  return client as unknown as Client<M>;
}
