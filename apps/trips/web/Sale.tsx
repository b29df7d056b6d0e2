import { api, ApiError, Badge, Button, Flash, format, Notice, NumberField, Panel, Switch, Table, Tabs, TextField } from '@kit';
import { useEffect, useState } from 'react';
import { clockOf, dayName, dayOf, type Booking, type Trip } from './model';
import { Route, SalesBadge } from './parts';

type Told = { tone: 'good' | 'bad'; text: string } | null;
const seatsOf = (n: number) => `${n} ${n === 1 ? 'seat' : 'seats'}`;
const euro = (cents: number) => format.money(cents / 100);

/** One trip at the counter: what is free, the sale, its bookings. */
export function Sale({ trip, onTrip }: { trip: Trip; onTrip: (trip: Trip) => void }) {
  const [told, setTold] = useState<Told>(null);
  const bookings = useBookings(trip);
  /** Runs a request, shows the trip it answers with, and says what happened. */
  async function run(request: () => Promise<{ trip: Trip; booking?: Booking }>, say: (booking: Booking | undefined) => string) {
    try {
      const answer = await request();
      onTrip(answer.trip);
      setTold({ tone: 'good', text: say(answer.booking) });
      return true;
    } catch (failed) {
      setTold({ tone: 'bad', text: failed instanceof ApiError ? failed.detail : String(failed) });
      return false;
    }
  }
  const refund = (booking: Booking) => run(() => api(`/api/trips/bookings/${booking.id}/refund`, { body: {} }), () => `${seatsOf(booking.seats)} of ${booking.name} given back, ${euro(booking.seats * trip.priceCents)} returned.`);
  const halt = (halted: boolean) => run(() => api(`/api/trips/${trip.id}/halt`, { body: { halted } }), () => (halted ? 'Sales of this trip are halted, everywhere.' : 'This trip is on sale again.'));
  return (
    <div className="k-stack">
      <Panel
        title={`${dayName(dayOf(trip))} ${clockOf(trip)}`}
        actions={<Switch label="Halt sales" checked={trip.bookingHalted} onChange={(halted) => void halt(halted)} />}
      >
        <div className="t-head">
          <p className="t-big">
            <Route trip={trip} />
          </p>
          <p className="t-facts">
            <span className="t-id">{trip.id}</span> <SalesBadge trip={trip} /> <span>{euro(trip.priceCents)} a seat</span>
          </p>
          <p className="t-free" data-testid="free">
            <span>
              <Flash value={trip.availableSlots} />
            </span>{' '}
            of {trip.capacity} seats free
          </p>
        </div>
        {told && (
          <Notice tone={told.tone} onDismiss={() => setTold(null)}>
            {told.text}
          </Notice>
        )}
        <SaleForm trip={trip} onSell={(body) => run(() => api(`/api/trips/${trip.id}/bookings`, { body }), (booking) => `${seatsOf(booking?.seats ?? 0)} sold to ${booking?.name ?? ''}, booking ${booking?.id ?? ''}.`)} />
      </Panel>
      <Panel title="Bookings" note={`${format.number(trip.bookingsCount)} paid`}>
        <Table
          label="Bookings"
          rows={bookings}
          rowKey={(one) => String(one.id)}
          empty="Nobody has booked this trip yet."
          columns={[
            { head: 'Name', cell: (one) => one.name },
            { head: 'Seats', align: 'end', cell: (one) => one.seats },
            { head: 'Sold', cell: (one) => (one.soldAt === 'online' ? 'Online' : 'Counter') },
            { head: 'Status', cell: (one) => <Badge tone={one.status === 'paid' ? 'good' : 'neutral'}>{one.status === 'paid' ? 'Paid' : 'Refunded'}</Badge> },
            {
              head: '',
              label: 'Refund',
              align: 'end',
              cell: (one) =>
                one.status === 'paid' && (
                  <Button small onClick={() => void refund(one)} label={`Refund ${one.name}, booking ${one.id}`}>
                    Refund
                  </Button>
                ),
            },
          ]}
        />
      </Panel>
    </div>
  );
}

/** The trip's bookings: fetched anew when their count or its seats change, whoever sold. */
function useBookings({ id, bookingsCount, availableSlots }: Trip): readonly Booking[] {
  const [bookings, setBookings] = useState<readonly Booking[]>([]);
  useEffect(() => {
    const own = new AbortController();
    api<{ bookings: Booking[] }>(`/api/trips/${id}`, { signal: own.signal }).then(
      (told) => setBookings(told.bookings),
      () => null, // what is shown stays; the next change asks again
    );
    return () => own.abort();
  }, [id, bookingsCount, availableSlots]);
  return bookings;
}

interface SaleBody {
  name: string;
  seats: number;
  soldAt: 'counter' | 'online';
}

function SaleForm({ trip, onSell }: { trip: Trip; onSell: (body: SaleBody) => Promise<boolean> }) {
  const [soldAt, setSoldAt] = useState<'counter' | 'online'>('counter');
  const [name, setName] = useState('');
  const [seats, setSeats] = useState(1);
  const [busy, setBusy] = useState(false);
  async function sell() {
    setBusy(true);
    if (await onSell({ name: name.trim() || 'Walk-in', seats, soldAt })) {
      setName('');
      setSeats(1);
    }
    setBusy(false);
  }
  return (
    <Tabs label="Kind of sale" tabs={[{ id: 'counter', label: 'Counter' }, { id: 'online', label: 'Online booking' }]} chosen={soldAt} onChoose={setSoldAt}>
      <form
        className="k-form"
        onSubmit={(event) => {
          event.preventDefault();
          void sell();
        }}
      >
        <div className="t-sale">
          <TextField label={soldAt === 'online' ? 'Name, as in the web shop' : 'Name'} value={name} onChange={setName} maxLength={80} placeholder={soldAt === 'online' ? '' : 'Walk-in'} required={soldAt === 'online'} />
          <NumberField label="Seats" value={seats} min={1} max={9} onChange={setSeats} />
          <Button type="submit" kind="main" busy={busy}>
            {soldAt === 'online' ? 'Book' : 'Sell'} {seatsOf(seats)} for {euro(seats * trip.priceCents)}
          </Button>
        </div>
      </form>
    </Tabs>
  );
}
