import { useEffect, useMemo, useSyncExternalStore } from 'react';
import { createClient, type Client } from '../client.js';
import type { ClientOptions } from '../options.js';
import { retain } from '../react/retain.js';
import type { EventMap, Snapshot } from '../types.js';

const clients = new Map<string, Client<EventMap>>();

/** One client per key, however many components ask: connections are reused over remounts. */
export function sharedClient(key: string, options: () => ClientOptions): Client<EventMap> {
  let client = clients.get(key);
  if (!client) clients.set(key, (client = createClient(options())));
  return client;
}

/** For tests, and for applications that change their user: ends all shared connections. */
export function closeSharedClients(): void {
  clients.forEach((client) => client.close());
  clients.clear();
}

/** Keeps a client connected while mounted; its snapshot. */
export function useClient(client: Client<EventMap>, enabled = true): Snapshot {
  useEffect(() => (enabled ? retain(client) : undefined), [client, enabled]);
  return useSyncExternalStore(client.subscribeSnapshot, client.getSnapshot, client.getSnapshot);
}

export interface Controls {
  connect: () => void;
  disconnect: () => void;
  reconnect: () => void;
}

export function useControls({ connect, disconnect, reconnect }: Client<EventMap>): Controls {
  return useMemo(() => ({ connect, disconnect, reconnect }), [connect, disconnect, reconnect]);
}
