import { Badge, Flash, format, Panel, Table, Tile, Tiles, WorldControl, type Session } from '@kit';
import { useState } from 'react';
import { blind, isOpen, type AlertRow, type Data, type Lot, type ViolationRow } from './model';
import { Alerts, ALERTS, Cameras, Choose, Feed, inOrder, lotNames, LotLink, LotMeter, page, seconds, Violations, VIOLATIONS } from './parts';

function Figures({ data }: { data: Data }) {
  const { lots, totals, today } = data;
  const total = lots.reduce((sum, lot) => sum + lot.totalSlots, 0);
  const occupied = lots.reduce((sum, lot) => sum + lot.occupied, 0);
  const cameras = lots.reduce((sum, lot) => sum + lot.cameras, 0);
  const down = lots.reduce((sum, lot) => sum + blind(data, lot.parkingLotId), 0);
  return (
    <Tiles label={data.operator.name}>
      <Tile label="Free slots" value={lots.reduce((sum, lot) => sum + lot.empty, 0)} hint={`of ${format.number(total)} in ${lots.length} lots`} />
      <Tile label="Occupancy" value={total ? format.percent(occupied / total) : null} hint={`${format.number(occupied)} vehicles`} />
      <Tile label="Open alerts" value={totals.alertsOpen} tone={totals.alertsOpen ? 'warn' : 'neutral'} hint={totals.alertsOpen ? 'active or acknowledged' : 'nothing to see to'} />
      <Tile label="Open violations" value={totals.violationsOpen} hint={`${format.money(totals.penaltiesOpen, data.operator.currency)} in penalties`} />
      <Tile label="Cameras" value={`${cameras - down} / ${cameras}`} tone={down ? 'bad' : 'neutral'} hint={down ? `${down} not reporting` : 'all reporting'} />
      {today && <Tile label="In / out today" value={`${format.number(today.entries)} / ${format.number(today.exits)}`} hint={today.stays ? `average stay ${seconds(Math.round(today.staySeconds / today.stays))}` : 'since 00:00 UTC'} />}
    </Tiles>
  );
}

function Lots({ data, lots, stale }: { data: Data; lots: readonly Lot[]; stale: number | null }) {
  const open = (lot: Lot) => (data.alerts ?? []).filter((one) => one.parkingLotId === lot.parkingLotId && isOpen(one)).length;
  return (
    <Panel title="Lots" stale={stale}>
      <Table<Lot>
        label="Lots"
        rows={lots}
        rowKey={(lot) => lot.parkingLotId}
        empty="This operator has no lots."
        columns={[
          { head: 'Lot', cell: (lot) => <LotLink data={data} lot={lot.parkingLotId} /> },
          { head: 'Occupancy', cell: (lot) => <LotMeter lot={lot} /> },
          { head: 'Occupied', align: 'end', cell: (lot) => <span data-cell="occupied"><Flash value={lot.occupied} /></span> },
          { head: 'Free', align: 'end', cell: (lot) => <b className="p-free" data-cell="empty"><Flash value={lot.empty} /></b> },
          { head: 'Slots', align: 'end', wide: true, cell: (lot) => format.number(lot.totalSlots) },
          { head: 'Cameras', wide: true, cell: (lot) => <Cameras data={data} lot={lot} /> },
          { head: 'Alerts', cell: (lot) => (open(lot) ? <Badge tone="warn">{open(lot)} open</Badge> : <Badge>none</Badge>) },
          { head: 'Changed', align: 'end', wide: true, cell: (lot) => <time dateTime={lot.timestamp}>{format.time(lot.timestamp)}</time> },
        ]}
      />
    </Panel>
  );
}

type Shown = 'open' | 'active' | 'acknowledged' | 'resolved';
const SHOWN: Record<Shown, string> = { open: 'Open', active: 'Active', acknowledged: 'Acknowledged', resolved: 'Resolved' };
const fits = (status: string, shown: Shown | '') => !shown || status === shown || (shown === 'open' && status !== 'resolved') || (shown === 'active' && status === 'pending');

function Board({ data, session, stale }: { data: Data; session: Session; stale: number | null }) {
  const [lot, setLot] = useState<string>('');
  const [alertType, setAlertType] = useState<AlertRow['type'] | ''>('');
  const [violationType, setViolationType] = useState<ViolationRow['violationType'] | ''>('');
  const [shown, setShown] = useState<Shown | ''>('open');
  const here = ({ parkingLotId }: { parkingLotId: string }) => !lot || parkingLotId === lot;
  const alerts = inOrder((data.alerts ?? []).filter((one) => here(one) && (!alertType || one.type === alertType) && fits(one.status, shown)));
  const violations = inOrder((data.violations ?? []).filter((one) => here(one) && (!violationType || one.violationType === violationType) && fits(one.status, shown)));
  return (
    <>
      <Figures data={data} />
      <div className="p-filters" role="group" aria-label="Filter">
        <Choose label="Lot" value={lot} onChange={setLot} all="All lots" options={lotNames(data)} />
        <Choose label="Alerts" value={alertType} onChange={setAlertType} all="All types" options={ALERTS} />
        <Choose label="Violations" value={violationType} onChange={setViolationType} all="All types" options={VIOLATIONS} />
        <Choose label="Status" value={shown} onChange={setShown} all="Any status" options={SHOWN} />
      </div>
      <Lots data={data} lots={data.lots.filter(here)} stale={stale} />
      <div className="k-columns" data-split>
        <div className="k-stack">
          <Panel title="Alerts" stale={stale}>
            <Alerts data={data} rows={alerts.slice(0, 12)} empty="No alerts like these." />
            {alerts.length > 12 && <p className="k-quiet">The first 12 of {alerts.length}: narrow them down above.</p>}
          </Panel>
          <Panel title="Contractor violations" stale={stale}>
            <Violations data={data} rows={violations.slice(0, 10)} empty="No violations like these." session={session} />
            {violations.length > 10 && <p className="k-quiet">The first 10 of {violations.length}. All of a contractor’s are on its page.</p>}
          </Panel>
        </div>
        <Panel title="Gate events" stale={stale} actions={<a href="/parking/gates/">Gate monitor</a>}>
          <Feed data={data} rows={(data.gateEvents ?? []).filter(here).slice(0, 20)} empty="Nobody has come or gone yet." />
        </Panel>
      </div>
      <Panel title="The world" note="Cars, gates and cameras, playing through the endpoints that real devices would use.">
        <WorldControl app="parking" />
      </Panel>
    </>
  );
}

page('Smart parking', '/api/parking/overview', (props) => <Board {...props} />);
