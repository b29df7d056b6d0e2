import { createElement as h, useEffect, useState, type ReactNode } from 'react';
import type { Snapshot } from '../../types.js';

/** What the status components read of a connection; a snapshot fits, and so do the compat hooks. */
export type ConnectionLike = Partial<
  Pick<Snapshot, 'attempt' | 'nextRetryAt' | 'lastEventId' | 'transport' | 'stale' | 'paused'>
> & {
  status?: string;
  state?: string;
  error?: { message: string } | string | null;
  reconnect?: () => void;
};

export interface StatusProps {
  /** A snapshot, or what a hook returned. Either this or `state`. */
  connection?: ConnectionLike | undefined;
  /** The state alone. */
  state?: string | undefined;
  /** Words in place of the defaults, per state. */
  labels?: Readonly<Record<string, string>>;
}

type Tone = 'good' | 'wait' | 'bad';

const LOOKS: Record<string, [Tone, string, string]> = {
  connected: ['good', '\u2713', 'Connected'],
  connecting: ['wait', '\u2026', 'Connecting'],
  reconnecting: ['wait', '\u21bb', 'Reconnecting'],
  disconnected: ['bad', '\u00d7', 'Disconnected'],
  failed: ['bad', '!', 'Connection failed'],
  error: ['bad', '!', 'Connection error'],
};

export function look({ connection, state, labels }: StatusProps) {
  const name = state ?? connection?.status ?? connection?.state ?? 'disconnected';
  const [tone, icon, words] = LOOKS[name] ?? LOOKS.disconnected!;
  const stale = connection?.stale && name === 'connected' ? ', data may be out of date' : '';
  const way = connection?.transport === 'polling' && name === 'connected' ? ' (polling)' : '';
  return { name, tone, icon, label: labels?.[name] ?? words + way + stale };
}

export function dot({ tone, icon }: { tone: Tone; icon: string }): ReactNode {
  return h('span', { className: 'fr-dot', 'data-tone': tone, 'aria-hidden': true }, icon);
}

export const problem = (error: ConnectionLike['error']): string | null =>
  (typeof error === 'object' ? error?.message : error) ?? null;

/** Details as pairs of words, for those who want to know. */
export function details(connection: ConnectionLike = {}): [string, string][] {
  const { attempt, lastEventId, transport, error } = connection;
  const list: [string, string | null | undefined][] = [
    ['Transport', transport],
    ['Attempt', attempt ? String(attempt) : null],
    ['Last event', lastEventId],
    ['Last error', problem(error)],
  ];
  return list.filter((pair): pair is [string, string] => !!pair[1]);
}

/** Whole seconds until a moment, counting down. */
export function useCountdown(until: number | null | undefined): number | null {
  const [now, setNow] = useState(0);
  useEffect(() => {
    if (!until) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [until]);
  return until && now ? Math.max(0, Math.ceil((until - now) / 1000)) : null;
}
