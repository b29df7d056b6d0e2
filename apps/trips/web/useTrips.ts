import { applyTripChanges, useSSE, type TripChange, type TripUpdate } from '@freshet/client/compat/trips';
import { api, ApiError } from '@kit';
import { useCallback, useEffect, useRef, useState } from 'react';
import { describe, type Change, type Dashboard, type Trip } from './model';

/** How many changes are kept for the list of what just happened. */
const KEPT = 40;

/** Changes that tell of more than one trip's numbers: the whole is fetched. */
const isStructural = ({ type }: { type: string }) => type !== 'trip-updated';

/** Where the company's trips are asked for; with `chosen` only those. */
export const pathOf = (chosen: readonly string[]) => `/api/trips/dashboard${chosen.length ? `?trips=${chosen.map(encodeURIComponent).join(',')}` : ''}`;

/** Their stream; `timetable` is the key of what concerns them all. */
const streamOf = (chosen: readonly string[]) =>
  `/api/events/company-trips${chosen.length ? `?${[...chosen, 'timetable'].map((id) => `key=${encodeURIComponent(id)}`).join('&')}` : ''}`;

/** The trips that the address says are followed; none: all. */
export const chosenInAddress = () => new URLSearchParams(location.search).get('trips')?.split(',').filter(Boolean) ?? [];

/**
 * The company's trips: first the whole, then what changes. With `chosen` only those trips are
 * followed, and the hub sends nothing about the others.
 */
export function useTrips(chosen: readonly string[]) {
  const [data, setData] = useState<Dashboard | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [changes, setChanges] = useState<readonly Change[]>([]);
  const held = useRef<Dashboard | null>(null);
  const fetching = useRef({ running: false, again: false, late: [] as TripChange[] });
  const path = pathOf(chosen);
  const asked = useRef(path);
  asked.current = path;

  const show = useCallback((next: Dashboard | null) => {
    held.current = next;
    setData(next);
  }, []);

  const refetch = useCallback(async () => {
    const own = fetching.current;
    if (own.running) {
      own.again = true;
      return;
    }
    own.running = true;
    do {
      own.again = false;
      own.late = [];
      const mine = asked.current;
      try {
        const whole = await api<Dashboard>(mine);
        if (mine !== asked.current) own.again = true;
        else show({ ...whole, trips: applyTripChanges(whole.trips, own.late).trips });
        setError(null);
      } catch (failed) {
        setError(failed instanceof ApiError ? failed.detail : String(failed));
      }
    } while (own.again);
    own.running = false;
  }, [show]);

  const apply = useCallback(
    (told: readonly TripChange[]) => {
      if (fetching.current.running) fetching.current.late.push(...told);
      if (held.current) show({ ...held.current, trips: applyTripChanges(held.current.trips, told).trips });
    },
    [show],
  );

  const onUpdate = useCallback(
    ({ changes: told, timestamp }: TripUpdate) => {
      const before = new Map(held.current?.trips.map((trip) => [trip.id, trip]));
      apply(told);
      const lines = told.filter(({ tripId }) => tripId !== 'timetable').map((change) => ({
        at: timestamp,
        tripId: change.tripId,
        text: change.type === 'trip-updated' ? describe(before.get(change.tripId), change.changes) : change.type === 'trip-added' ? 'new trip' : 'taken off',
      }));
      if (lines.length) setChanges((old) => [...lines.map((line, i) => ({ ...line, n: (old[0]?.n ?? 0) + i + 1 })).reverse(), ...old].slice(0, KEPT));
      if (told.some(isStructural)) void refetch();
    },
    [apply, refetch],
  );

  // what changed while nobody listened is in the whole: it is fetched whenever the stream opens
  const stream = useSSE({
    url: streamOf(chosen),
    onUpdate,
    onConnected: () => void refetch(),
  });
  useEffect(() => void refetch(), [path, refetch]);

  /** Puts the answer of a request of this page in its place, without waiting for the stream. */
  const put = useCallback((trip: Trip) => {
    if (held.current) show({ ...held.current, trips: held.current.trips.map((one) => (one.id === trip.id ? trip : one)) });
  }, [show]);

  return { data, error, changes, stream, refetch, put };
}
