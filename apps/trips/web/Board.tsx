import { api, ApiError, Button, Flash, format, IconButton, Notice, Panel, StaleFrame, Table, Tabs, TextField, Tile, Tiles, WorldControl, type Column, type Session } from '@kit';
import { useEffect, useMemo, useState } from 'react';
import { AddTrip } from './AddTrip';
import { clockOf, dayName, dayOf, salesOf, totals, type Change, type Trip } from './model';
import { isAdmin, Route, SalesBadge, Seats } from './parts';
import { chosenInAddress, useTrips } from './useTrips';

/** The chosen trips are in the address: a reload follows the same ones. */
function toAddress(chosen: readonly string[]) {
  const url = new URL(location.href);
  if (chosen.length) url.searchParams.set('trips', chosen.join(','));
  else url.searchParams.delete('trips');
  history.replaceState(null, '', url);
}

/** The dashboard of a company's office. */
export function Board({ session, onConnection }: { session: Session; onConnection: (isConnected: boolean) => void }) {
  const [chosen, setChosen] = useState<readonly string[]>(chosenInAddress);
  const { data, error, changes, stream } = useTrips(chosen);
  useEffect(() => onConnection(stream.isConnected), [stream.isConnected, onConnection]);
  function follow(ids: readonly string[]) {
    setChosen(ids);
    toAddress(ids);
  }
  if (!data) return error ? <Notice tone="bad">{error}</Notice> : <div className="k-waiting" aria-busy="true" />;
  return (
    <StaleFrame snapshot={stream}>
      <div className="k-stack">
        {error && <Notice tone="bad">{error}</Notice>}
        <Figures trips={data.trips} name={data.company.name} />
        <div className="k-columns t-columns">
          <Trips trips={data.trips} session={session} chosen={chosen} onFollow={follow} />
          <div className="k-stack">
            <Happened changes={changes} />
            <Panel title="Travellers" note="They book online and at the counters, and change their minds, through the same endpoints as these pages.">
              <WorldControl app="trips" label="Travellers" />
            </Panel>
          </div>
        </div>
      </div>
    </StaleFrame>
  );
}

function Figures({ trips, name }: { trips: readonly Trip[]; name: string }) {
  const sum = useMemo(() => totals(trips), [trips]);
  return (
    <section aria-label={name} className="t-figures">
      <h2>{name}</h2>
      <Tiles label={`Figures of ${name}`}>
        <Tile label="Trips" value={sum.trips} />
        <Tile label="Seats free" value={sum.free} />
        <Tile label="Seats sold" value={sum.sold} hint={sum.occupancy === null ? undefined : `${format.percent(sum.occupancy, 1)} of all`} />
        <Tile label="Bookings" value={sum.bookings} />
        <Tile label="Revenue" value={format.money(Math.round(sum.revenue))} />
        <Tile label="Sold out" value={sum.soldOut} tone={sum.soldOut ? 'info' : 'neutral'} />
        <Tile label="Halted" value={sum.halted} tone={sum.halted ? 'warn' : 'neutral'} hint={sum.halted ? 'not on sale' : undefined} />
      </Tiles>
    </section>
  );
}

interface TripsProps {
  trips: readonly Trip[];
  session: Session;
  chosen: readonly string[];
  onFollow: (ids: readonly string[]) => void;
}

function Trips({ trips, session, chosen, onFollow }: TripsProps) {
  const [day, setDay] = useState('all');
  const [find, setFind] = useState('');
  const [picked, setPicked] = useState<ReadonlySet<string> | null>(null);
  const [adding, setAdding] = useState(false);
  const [notice, setNotice] = useState<string | null>(null);
  const days = useMemo(() => [...new Set(trips.map(dayOf))].sort(), [trips]);
  const shownDay = days.includes(day) ? day : 'all';
  const needle = find.trim().toLowerCase();
  const found = trips.filter((trip) => (shownDay === 'all' || dayOf(trip) === shownDay) && (!needle || `${trip.id} ${trip.origin} ${trip.destination}`.toLowerCase().includes(needle)));
  // those that have left are at the end: nobody can do anything about them
  const gone = (trip: Trip) => salesOf(trip) === 'departed';
  const shown = [...found.filter((trip) => !gone(trip)), ...found.filter(gone)];
  async function remove(trip: Trip) {
    try {
      await api(`/api/trips/${trip.id}`, { method: 'DELETE' });
      setNotice(null);
    } catch (failed) {
      setNotice(failed instanceof ApiError ? `${trip.id}: ${failed.detail}` : String(failed));
    }
  }
  const pick = (id: string, on: boolean) => setPicked((before) => {
    const next = new Set(before);
    if (on) next.add(id);
    else next.delete(id);
    return next;
  });
  return (
    <Panel
      title={chosen.length ? `${chosen.length} chosen trips` : 'Trips'}
      actions={
        picked ? (
          <>
            <Button kind="main" small disabled={!picked.size} onClick={() => (onFollow([...picked]), setPicked(null))}>
              Follow {picked.size || 'none'}
            </Button>
            <Button small onClick={() => setPicked(null)}>
              Cancel
            </Button>
          </>
        ) : (
          <>
            {chosen.length > 0 ? (
              <Button small onClick={() => onFollow([])}>
                Follow all
              </Button>
            ) : (
              <Button small onClick={() => setPicked(new Set())} title="Only these trips are sent to this page">
                Choose trips
              </Button>
            )}
            {isAdmin(session) && (
              <Button small onClick={() => setAdding(true)}>
                Add a trip
              </Button>
            )}
          </>
        )
      }
    >
      {notice && (
        <Notice tone="warn" onDismiss={() => setNotice(null)}>
          {notice}
        </Notice>
      )}
      <div className="t-tools">
        <Tabs label="Day" tabs={[{ id: 'all', label: 'All days' }, ...days.map((id) => ({ id, label: dayName(id) }))]} chosen={shownDay} onChoose={setDay} />
        <TextField label="Find" type="search" value={find} onChange={setFind} placeholder="Place or trip" />
      </div>
      <Table
        label="Trips"
        columns={columns(picked, pick, isAdmin(session) ? remove : null, shownDay === 'all')}
        rows={shown}
        rowKey={(trip) => trip.id}
        rowProps={(trip) => ({ 'data-halted': trip.bookingHalted ? '' : undefined })}
        empty={trips.length ? 'No trip matches the filter.' : 'No trip is planned from today on.'}
      />
      <AddTrip open={adding} onClose={() => setAdding(false)} />
    </Panel>
  );
}

function columns(picked: ReadonlySet<string> | null, pick: (id: string, on: boolean) => void, remove: ((trip: Trip) => Promise<void>) | null, withDay: boolean): Column<Trip>[] {
  return [
    ...(picked ? [{ head: '', label: 'Chosen', cell: (trip: Trip) => <input type="checkbox" className="t-pick" aria-label={`Follow ${trip.id}`} checked={picked.has(trip.id)} onChange={(event) => pick(trip.id, event.target.checked)} /> }] : []),
    {
      head: 'Departs',
      bare: true,
      cell: (trip) => (
        <span className="t-when">
          {withDay && <span className="k-quiet">{dayName(dayOf(trip))} </span>}
          {clockOf(trip)}
        </span>
      ),
    },
    {
      head: 'Trip',
      names: true,
      cell: (trip) => (
        <>
          <Route trip={trip} /> <span className="t-id">{trip.id}</span>
        </>
      ),
    },
    { head: 'Free', bare: true, cell: (trip) => <Seats trip={trip} /> },
    { head: 'Bookings', align: 'end', cell: (trip) => <Flash value={trip.bookingsCount} /> },
    { head: 'Sales', bare: true, cell: (trip) => <SalesBadge trip={trip} /> },
    ...(remove ? [{ head: '', label: 'Take off', cell: (trip: Trip) => <span className="t-remove">{trip.bookingsCount === 0 && <IconButton icon="close" label={`Take off ${trip.id}`} onClick={() => void remove(trip)} />}</span> }] : []),
  ];
}

const Happened = ({ changes }: { changes: readonly Change[] }) => (
  <Panel title="Just now">
    {changes.length ? (
      <ol className="t-changes" aria-label="Changes, newest first">
        {changes.slice(0, 14).map((change) => (
          <li key={change.n}>
            <time>{format.time(change.at)}</time> <b>{change.tripId}</b> <span>{change.text}</span>
          </li>
        ))}
      </ol>
    ) : (
      <p className="k-empty">Nothing has changed since this page was opened.</p>
    )}
  </Panel>
);
