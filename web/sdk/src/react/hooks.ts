import { useCallback, useEffect, useRef, useSyncExternalStore, type RefObject } from 'react';
import type { Client } from '../client.js';
import type { EventMap, FreshetEvent, PublishOptions, Snapshot } from '../types.js';
import { useFreshet } from './provider.js';

/** The newest value in a ref, so that an effect need not run again for a new function. */
export function useLatest<T>(value: T): RefObject<T> {
  const ref = useRef(value);
  useEffect(() => {
    ref.current = value;
  });
  return ref;
}

/** The connection, or what `selector` takes of it; renders again only when that changes. */
export function useConnection<T = Snapshot>(
  selector: (snapshot: Snapshot) => T = (snapshot) => snapshot as unknown as T,
  client: Client<never> = useFreshet<never>(),
): T {
  const get = () => selector(client.getSnapshot());
  return useSyncExternalStore(client.subscribeSnapshot, get, get);
}

/** The state alone: `connected`, `reconnecting` and so on. */
export const useConnectionState = (): Snapshot['status'] => useConnection(({ status }) => status);

/** Calls back for every event of a type, whatever the channel. */
export function useEvent<Data = unknown>(type: string, listener: (data: Data, event: FreshetEvent<Data>) => void): void {
  const client = useFreshet();
  const latest = useLatest(listener);
  useEffect(
    () => client.on(type, (data, event) => latest.current(data as Data, event as FreshetEvent<Data>)),
    [client, type, latest],
  );
}

/** Publishes through the client. The function stays the same. */
export function usePublish(): (type: string, data: unknown, options?: PublishOptions) => Promise<string | null> {
  const client = useFreshet<EventMap>();
  return useCallback((type, data, options) => client.publish(type, data, options), [client]);
}

/** The last events of the client, and a function that forgets them. */
export function useEventHistory(): { events: readonly FreshetEvent[]; clear: () => void } {
  const client = useFreshet();
  return { events: useSyncExternalStore(client.subscribeSnapshot, client.recent, client.recent), clear: client.clearRecent };
}
