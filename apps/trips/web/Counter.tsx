import { Flash, Notice, Panel, StaleFrame, Tabs } from '@kit';
import { useEffect, useMemo, useRef, useState } from 'react';
import { clockOf, dayName, dayOf, salesOf, type Trip } from './model';
import { SalesBadge } from './parts';
import { Sale } from './Sale';
import { useTrips } from './useTrips';

const NONE: readonly string[] = [];

/** The portal of a cashier: pick a trip, sell, give back, halt. */
export function Counter({ onConnection }: { onConnection: (isConnected: boolean) => void }) {
  const { data, error, stream, put } = useTrips(NONE);
  const [day, setDay] = useState<string | null>(null);
  const [id, setId] = useState<string | null>(null);
  const sale = useRef<HTMLDivElement>(null);
  /** Where the sale is below the list, it comes into view. */
  function choose(one: Trip) {
    setId(one.id);
    if (sale.current && sale.current.offsetTop > innerHeight / 2) requestAnimationFrame(() => sale.current?.scrollIntoView({ block: 'start' }));
  }
  useEffect(() => onConnection(stream.isConnected), [stream.isConnected, onConnection]);
  const trips = useMemo(() => data?.trips.filter((trip) => salesOf(trip) !== 'departed') ?? [], [data]);
  if (!data) return error ? <Notice tone="bad">{error}</Notice> : <div className="k-waiting" aria-busy="true" />;
  const days = [...new Set(trips.map(dayOf))].sort();
  const shownDay = day !== null && days.includes(day) ? day : days[0];
  const listed = trips.filter((trip) => dayOf(trip) === shownDay);
  const trip = trips.find((one) => one.id === id) ?? listed[0];
  return (
    <StaleFrame snapshot={stream}>
      <div className="k-columns t-counter">
        <Panel title={data.company.name}>
          <Tabs label="Day" tabs={days.map((one) => ({ id: one, label: dayName(one) }))} chosen={shownDay ?? ''} onChoose={(one) => (setDay(one), setId(null))} />
          {listed.length ? (
            <ul className="t-choices" aria-label="Trips">
              {listed.map((one) => (
                <Choice key={one.id} trip={one} chosen={one.id === trip?.id} onChoose={() => choose(one)} />
              ))}
            </ul>
          ) : (
            <p className="k-empty">No trip is to come.</p>
          )}
        </Panel>
        <div ref={sale}>{trip && <Sale key={trip.id} trip={trip} onTrip={put} />}</div>
      </div>
    </StaleFrame>
  );
}

const Choice = ({ trip, chosen, onChoose }: { trip: Trip; chosen: boolean; onChoose: () => void }) => (
  <li>
    <button type="button" aria-pressed={chosen} data-key={trip.id} onClick={onChoose}>
      <span className="t-clock">{clockOf(trip)}</span>
      <span className="t-where">
        {trip.origin} <span aria-hidden="true">→</span> <span className="k-hidden">to</span> {trip.destination} <span className="t-id">{trip.id}</span>
      </span>
      <span className="t-left">
        <b>
          <Flash value={trip.availableSlots} />
        </b>{' '}
        <span className="k-quiet">free</span>
      </span>
      <span className="t-state">{salesOf(trip) !== 'open' && <SalesBadge trip={trip} />}</span>
    </button>
  </li>
);
