import { useEffect, useState, type ReactNode } from 'react';
import { format } from './format';
import { Icon } from './icon';

/** The mark of what may be old: "stale since 12:03:10". */
export const Stale = ({ since }: { since: number }) => (
  <span className="k-stale" role="status">
    <Icon name="clock" /> stale since {format.time(since)}
  </span>
);

/** What is needed of a client's snapshot; with the documents' hooks, `{ isConnected }` alone will do. */
export interface Freshness {
  isConnected: boolean;
  /** Unix ms of the last byte. */
  lastActivityAt?: number | null;
  /** Events were missed and the whole has not been fetched since. */
  stale?: boolean;
}

/**
 * Since when what is on screen may be old; `null` while it is live. A connection that is only being
 * opened is given `graceMs` (default 1500) before anything is marked.
 */
export function useStaleSince({ isConnected, lastActivityAt, stale }: Freshness, graceMs = 1500): number | null {
  const live = isConnected && !stale;
  const [since, setSince] = useState<number | null>(null);
  useEffect(() => {
    if (live) return setSince(null);
    const moment = lastActivityAt ?? Date.now();
    const timer = setTimeout(() => setSince((before) => before ?? moment), graceMs);
    return () => clearTimeout(timer);
    // the moment of the loss, not of each later try
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [live, graceMs]);
  return since;
}

/** Its children, dimmed and marked while the stream is down, instead of a blank. */
export function StaleFrame({ snapshot, graceMs, children }: { snapshot: Freshness; graceMs?: number; children: ReactNode }) {
  const since = useStaleSince(snapshot, graceMs);
  return (
    <div className="k-frame" data-stale={since ? true : undefined}>
      {since !== null && <Stale since={since} />}
      {children}
    </div>
  );
}
