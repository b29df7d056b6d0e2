import { api, ApiError } from '@kit';
import { useAlerts, useDensity } from '@freshet/client/compat/crowd';
import { useEffect, useState } from 'react';
import type { Alert, Emergency, Reading, VenueState } from './types';

const STATE = '/api/crowd-risk/state';
/** Rest after a failed fetch of the whole, in ms. */
const RETRY_MS = 3000;
/** How many alerts of the past are shown. */
const RECENT = 30;

/** A reading takes its zone's place; one that is older than what is shown changes nothing. */
export function applyReading(state: VenueState, reading: Reading): VenueState {
  return {
    ...state,
    zones: state.zones.map((zone) =>
      zone.id === reading.zoneId && (zone.changedAt ?? 0) <= reading.timestamp
        ? { ...zone, people: reading.people, density: reading.density, level: reading.level, source: reading.source, areaM2: reading.areaM2, changedAt: reading.timestamp }
        : zone,
    ),
  };
}

const newestFirst = (a: Alert, b: Alert) => b.id - a.id;

export function applyAlert(state: VenueState, alert: Alert): VenueState {
  const others = state.openAlerts.filter(({ id }) => id !== alert.id);
  return {
    ...state,
    openAlerts: alert.status === 'resolved' ? others : [...others, alert].sort(newestFirst),
    recentAlerts: [...state.recentAlerts.filter(({ id }) => id !== alert.id), alert].sort(newestFirst).slice(0, RECENT),
  };
}

export const applyEmergency = (state: VenueState, emergency: Emergency | null): VenueState => ({ ...state, emergency });

/** Asked for before React has drawn anything; without a session it is nothing. */
let early: Promise<VenueState> | null = null;
export function preloadVenue(): void {
  early = api<VenueState>(STATE);
  early.catch(() => null);
}

function read(): Promise<VenueState> {
  const first = early;
  early = null;
  return first?.catch(() => api<VenueState>(STATE)) ?? api<VenueState>(STATE);
}

/**
 * The venue: the whole when the page opens, then what the two streams bring. The whole is fetched
 * anew whenever something could be missing: a stream was opened (or polling began), a gap was told,
 * or the server says `refresh`. What arrives while it is being fetched is applied after it.
 */
export function useVenue() {
  const density = useDensity().client;
  const alerts = useAlerts().client;
  const [state, setState] = useState<VenueState | null>(null);
  const [error, setError] = useState<string | null>(null);

  useEffect(() => {
    type Change = (state: VenueState) => VenueState;
    let late: Change[] | null = null;
    let again = false;
    let ended = false;
    let retry: ReturnType<typeof setTimeout> | undefined;

    const change = (by: Change) => {
      late?.push(by);
      setState((before) => before && by(before));
    };
    async function fetchAll() {
      if (late) return void (again = true);
      const missed: Change[] = (late = []);
      try {
        const whole = await read();
        if (ended) return;
        setState(missed.reduce((all, by) => by(all), whole));
        setError(null);
        density.markFresh();
        alerts.markFresh();
      } catch (failed) {
        if (ended) return;
        setError(failed instanceof ApiError ? failed.detail : String(failed));
        clearTimeout(retry);
        if (!(failed instanceof ApiError) || failed.status === 0 || failed.status >= 500) retry = setTimeout(whole, RETRY_MS);
      }
      late = null;
      if (again && !ended) {
        again = false;
        void fetchAll();
      }
    }
    const whole = () => void fetchAll();
    const offs = [
      density.on('density', (data) => change((all) => applyReading(all, data as Reading))),
      alerts.on('alert', (data) => change((all) => applyAlert(all, data as Alert))),
      alerts.on('emergency', (data) => change((all) => applyEmergency(all, data as Emergency | null))),
      ...[density, alerts].flatMap((client) => [client.on('open', whole), client.on('gap', whole), client.on('refresh', whole)]),
    ];
    whole();
    return () => {
      ended = true;
      clearTimeout(retry);
      offs.forEach((off) => off());
    };
  }, [density, alerts]);
  return { state, error };
}
