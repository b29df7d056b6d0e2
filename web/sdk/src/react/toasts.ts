import { useCallback, useEffect, useRef, useState } from 'react';
import type { FreshetEvent } from '../types.js';
import { useLatest } from './hooks.js';
import { useFreshet } from './provider.js';

export interface Toast {
  id: number;
  event: FreshetEvent;
  /** What to show; always as text. */
  text: string;
}

export interface UseToastsOptions {
  /** Event types that make a toast. Default: all. */
  events?: readonly string[];
  /** The text of a toast; `null` makes none. Default: the type, and the data's `message` if it has one. */
  text?: (event: FreshetEvent) => string | null;
  /** How long a toast stays, in ms. Default 5000. */
  duration?: number;
  /** Most toasts at a time; the oldest go first. Default 5. */
  max?: number;
  /** Default `true`. */
  enabled?: boolean;
}

const describe = ({ type, data }: FreshetEvent): string => {
  const message = (data as { message?: unknown } | null)?.message;
  return typeof message === 'string' ? message : type.replace(/[_-]/g, ' ');
};

/** Toasts for events as they come; show them with `Toaster`. */
export function useToasts(options: UseToastsOptions = {}) {
  const client = useFreshet();
  const latest = useLatest(options);
  const count = useRef(0);
  const [toasts, setToasts] = useState<readonly Toast[]>([]);
  // The same list when it is gone already: nothing is drawn again for it
  const dismiss = useCallback(
    (id: number) => setToasts((list) => (list.some((toast) => toast.id === id) ? list.filter((toast) => toast.id !== id) : list)),
    [],
  );
  const enabled = options.enabled ?? true;

  useEffect(() => {
    if (!enabled) return;
    const timers = new Set<ReturnType<typeof setTimeout>>();
    const off = client.on('*', (_, event) => {
      const { events, text = describe, duration = 5000, max = 5 } = latest.current;
      const shown = !events || events.includes(event.type) ? text(event as FreshetEvent) : null;
      if (shown === null) return;
      const id = ++count.current;
      setToasts((list) => [...list, { id, event: event as FreshetEvent, text: shown }].slice(-max));
      const timer = setTimeout(() => {
        timers.delete(timer);
        dismiss(id);
      }, duration);
      timers.add(timer);
    });
    return () => {
      off();
      timers.forEach(clearTimeout);
    };
  }, [client, dismiss, enabled, latest]);
  return { toasts, dismiss };
}
