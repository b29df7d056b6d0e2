import { api, ApiError, Button, Dialog, Field, Notice, NumberField, TextField } from '@kit';
import { useState } from 'react';
import { localMoment } from './model';

const tomorrow = () => {
  const date = new Date();
  date.setDate(date.getDate() + 1);
  date.setHours(10, 0, 0, 0);
  return localMoment(date);
};

/** A trip beyond the daily timetable. The pages hear of it from the database. */
export function AddTrip({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog open={open} title="Add a trip" onClose={onClose}>
      <Form onClose={onClose} />
    </Dialog>
  );
}

function Form({ onClose }: { onClose: () => void }) {
  const [origin, setOrigin] = useState('');
  const [destination, setDestination] = useState('');
  const [departure, setDeparture] = useState(tomorrow);
  const [capacity, setCapacity] = useState(49);
  const [price, setPrice] = useState(12.5);
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  async function send() {
    setBusy(true);
    try {
      await api('/api/trips', { body: { origin, destination, departure, capacity, priceCents: Math.round(price * 100) } });
      onClose();
    } catch (failed) {
      setError(failed instanceof ApiError ? failed.detail : String(failed));
      setBusy(false);
    }
  }
  return (
    <form
      className="k-form"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      {error && <Notice tone="bad">{error}</Notice>}
      <TextField label="From" value={origin} onChange={setOrigin} maxLength={80} required />
      <TextField label="To" value={destination} onChange={setDestination} maxLength={80} required />
      <Field label="Departs">{(props) => <input {...props} type="datetime-local" value={departure} required onChange={(event) => setDeparture(event.target.value)} />}</Field>
      <div className="k-row">
        <NumberField label="Seats" value={capacity} min={1} max={120} onChange={setCapacity} />
        <NumberField label="Price of a seat, €" value={price} min={0} max={1000} step={0.5} onChange={setPrice} />
      </div>
      <div className="k-row">
        <Button type="submit" kind="main" busy={busy}>
          Add the trip
        </Button>
        <Button onClick={onClose}>Cancel</Button>
      </div>
    </form>
  );
}
