import { api, ApiError, Button, format, Notice, Panel, Select, TextField, Tile, Tiles } from '@kit';
import { useState } from 'react';
import { type Data, type GateEvent } from './model';
import { Choose, Gate, lotNames, page, seconds, type PageProps } from './parts';

const EVENTS: Record<GateEvent['event'], string> = { vehicle_entry: 'Entries', vehicle_exit: 'Exits' };

interface Passed {
  event: GateEvent['event'];
  plateNumber: string;
  duration?: number;
  capacity: { empty: number };
}

/** Staff at a gate whose camera could not read a plate. */
function ByHand({ data }: { data: Data }) {
  const [lot, setLot] = useState(data.lots[0]?.parkingLotId ?? '');
  const [plate, setPlate] = useState('');
  const [event, setEvent] = useState<GateEvent['event']>('vehicle_entry');
  const [busy, setBusy] = useState(false);
  const [told, setTold] = useState<{ tone: 'good' | 'bad'; text: string } | null>(null);
  async function send() {
    setBusy(true);
    try {
      const passed = await api<Passed>('/api/monitor/gate', { body: { parkingLotId: lot, plateNumber: plate, event } });
      const stay = passed.duration === undefined ? '' : `, stayed ${seconds(passed.duration)}`;
      setTold({ tone: 'good', text: `${passed.plateNumber}: ${passed.event === 'vehicle_entry' ? 'entry' : 'exit'} recorded${stay}; ${format.number(passed.capacity.empty)} slots free.` });
      setPlate('');
    } catch (error) {
      setTold({ tone: 'bad', text: error instanceof ApiError ? error.detail : String(error) });
    } finally {
      setBusy(false);
    }
  }
  return (
    <Panel title="By hand" note="For a plate that the gate could not read.">
      <form
        className="p-form"
        onSubmit={(submitted) => {
          submitted.preventDefault();
          void send();
        }}
      >
        <Select label="At lot" value={lot} onChange={setLot} options={data.lots.map(({ parkingLotId, name }) => ({ value: parkingLotId, label: name }))} />
        <Select label="What" value={event} onChange={setEvent} options={[{ value: 'vehicle_entry', label: 'Entry' }, { value: 'vehicle_exit', label: 'Exit' }]} />
        <TextField label="Plate" value={plate} onChange={setPlate} maxLength={15} placeholder="AB 1234" required />
        <Button type="submit" kind="main" busy={busy}>
          Record
        </Button>
      </form>
      {told && (
        <Notice tone={told.tone} onDismiss={() => setTold(null)}>
          {told.text}
        </Notice>
      )}
    </Panel>
  );
}

function Gates({ data, stale }: PageProps) {
  const [lot, setLot] = useState('');
  const [event, setEvent] = useState<GateEvent['event'] | ''>('');
  const [plate, setPlate] = useState('');
  const wanted = plate.trim().toUpperCase().replace(/[\s-]+/g, ' ');
  const rows = (data.gateEvents ?? []).filter((one) => (!lot || one.parkingLotId === lot) && (!event || one.event === event) && one.plateNumber.includes(wanted));
  const { today } = data;
  return (
    <>
      <Tiles label="Today">
        <Tile label="Entries today" value={today?.entries} hint="since 00:00 UTC" />
        <Tile label="Exits today" value={today?.exits} hint="since 00:00 UTC" />
        <Tile label="Average stay" value={today?.stays ? seconds(Math.round(today.staySeconds / today.stays)) : null} hint={today?.stays ? `of ${format.number(today.stays)} that left` : 'nobody has left yet'} />
        <Tile label="Inside now" value={data.lots.reduce((sum, one) => sum + one.occupied, 0)} hint={`${format.number(data.lots.reduce((sum, one) => sum + one.empty, 0))} slots free`} />
      </Tiles>
      <ByHand data={data} />
      <Panel title="Gate events" stale={stale}>
        <div className="p-filters" role="group" aria-label="Filter">
          <Choose label="Lot" value={lot} onChange={setLot} all="All lots" options={lotNames(data)} />
          <Choose label="Event" value={event} onChange={setEvent} all="Entries and exits" options={EVENTS} />
          <TextField label="Plate" type="search" value={plate} onChange={setPlate} placeholder="any" maxLength={15} />
        </div>
        <Gate data={data} rows={rows.slice(0, 60)} empty={data.gateEvents?.length ? 'No event among the latest 100 is like that.' : 'Nobody has come or gone yet.'} />
      </Panel>
    </>
  );
}

page('Gate monitor', '/api/parking/gate-events?limit=100', (props) => <Gates {...props} />);
