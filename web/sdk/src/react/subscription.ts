import { useEffect, useState } from 'react';
import type { FreshetEvent } from '../types.js';
import { useLatest } from './hooks.js';
import { useFreshet } from './provider.js';

export interface UseSubscriptionOptions {
  /** Only these types. Default: all. */
  events?: readonly string[];
  /** Only events for which this is true. Default: all. */
  filter?: (event: FreshetEvent) => boolean;
  /** `false` ends it for the time being. Default `true`. */
  enabled?: boolean;
  onEvent?: (event: FreshetEvent) => void;
  /** How many events `events` keeps; 0 renders for none. Default 100. */
  maxEvents?: number;
}

/** Follows a channel while the component is mounted. */
export function useSubscription(channel: string, options: UseSubscriptionOptions = {}) {
  const { events: types, enabled = true, maxEvents = 100 } = options;
  const client = useFreshet();
  const latest = useLatest(options);
  const [events, setEvents] = useState<readonly FreshetEvent[]>([]);
  const wanted = types?.join('\n');

  useEffect(() => {
    if (!enabled) return;
    return client.subscribe(
      channel,
      (event) => {
        latest.current.onEvent?.(event);
        if (maxEvents) setEvents((list) => [...list, event].slice(-maxEvents));
      },
      {
        ...(wanted !== undefined && { events: wanted.split('\n') }),
        filter: (event) => latest.current.filter?.(event) ?? true,
      },
    );
  }, [client, channel, enabled, maxEvents, wanted, latest]);
  return { events, lastEvent: events[events.length - 1] ?? null, clear: () => setEvents([]) };
}
