import { api, Badge, Button, Empty, Flash, format, LiveChart, Meter, Notice, NumberField, Panel, Select, type Point, type Session } from '@kit';
import { useEffect, useMemo, useState } from 'react';
import { contractorOf, isOpen, type Data, type Device, type Lot } from './model';
import { Alerts, Feed, inOrder, page, Share, useAct, Violations, type PageProps } from './parts';

const asked = new URLSearchParams(location.search).get('id');

function Now({ lot, stale }: { lot: Lot; stale: number | null }) {
  return (
    <Panel title={lot.name} stale={stale} note={lot.address}>
      <div className="p-bar">
        <p className="p-big">
          <strong data-cell="empty">
            <Flash value={lot.empty} />
          </strong>
          <span>
            slots free of <span data-cell="total">{format.number(lot.totalSlots)}</span>
          </span>
          <span>
            <Flash value={lot.occupied} /> occupied, {format.percent(lot.occupancyRate, 1)}
          </span>
        </p>
        <Meter value={lot.occupied} max={lot.totalSlots} warnAt={(lot.totalSlots * lot.warnPercent) / 100} label={`${lot.name}: occupied`} text={null} />
        <p className="k-quiet">
          Warned of from {lot.warnPercent} %; last change <time dateTime={lot.timestamp}>{format.time(lot.timestamp)}</time>
        </p>
      </div>
    </Panel>
  );
}

function Curve({ data, lot }: { data: Data; lot: Lot }) {
  const points = useMemo(() => (data.counts ?? []).map(({ at, occupied }): Point => [Date.parse(at), occupied]), [data.counts]);
  const slots = useMemo((): Point[] => points.filter((_, i) => i === 0 || i === points.length - 1).map(([at]) => [at, lot.totalSlots]), [points, lot.totalSlots]);
  const first = points[0]?.[0] ?? 0, last = points.at(-1)?.[0] ?? 0;
  const seconds = Math.min(3600, Math.max(300, Math.ceil((last - first) / 300_000) * 300));
  return (
    <Panel title="Last hour">
      {points.length > 1 ? (
        <LiveChart label="Vehicles" seconds={seconds} height={200} max={lot.totalSlots} series={[{ label: 'Vehicles', points }, { label: 'Slots', points: slots }]} />
      ) : (
        <Empty>Nothing has changed in the last hour.</Empty>
      )}
    </Panel>
  );
}

/** A device's state by the alerts about its lot, fetched anew with each. */
function Devices({ devices }: { devices: readonly Device[] }) {
  return (
    <Panel title="Cameras and gates">
      <ul className="p-devices">
        {devices.map((device) => (
          <li key={device._id}>
            <span>
              {device.name} <span className="k-quiet">{device._id}</span>
            </span>
            {device.offline ? <Badge tone="bad">offline</Badge> : device.lastSeen ? <Badge tone="good">online</Badge> : <Badge>never heard</Badge>}
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Shares({ data }: { data: Data }) {
  const rows = data.allocations ?? [];
  return (
    <Panel title="Contractors" note="Their vehicles here, of what is allocated to them." actions={<a href="/parking/contractors/">All contractors</a>}>
      {rows.length ? (
        <ul className="p-shares">
          {rows.map((one) => (
            <li key={one.contractorId}>
              <span>{contractorOf(data, one.contractorId)}</span>
              <Share data={data} allocation={one} />
              <span className="k-quiet">{one.maxStayMinutes ? `${one.maxStayMinutes} min` : 'no limit'}</span>
            </li>
          ))}
        </ul>
      ) : (
        <Empty>No contractor has places here.</Empty>
      )}
    </Panel>
  );
}

function Settings({ lot }: { lot: Lot }) {
  const [slots, setSlots] = useState(lot.totalSlots);
  const [warn, setWarn] = useState(lot.warnPercent);
  const [saved, setSaved] = useState(false);
  const { busy, failed, act } = useAct();
  useEffect(() => setSlots(lot.totalSlots), [lot.totalSlots]);
  useEffect(() => setWarn(lot.warnPercent), [lot.warnPercent]);
  const save = async () => setSaved(await act('save', `/api/parking/lots/${lot.parkingLotId}`, { totalSlots: slots, warnPercent: warn }));
  return (
    <Panel title="Settings" note="Everybody who looks at this lot sees the change at once.">
      <div className="p-form">
        <NumberField label="Slots" value={slots} min={1} max={100000} onChange={setSlots} />
        <NumberField label="Warn from, in %" value={warn} min={50} max={100} onChange={setWarn} />
        <Button kind="main" busy={busy === 'save'} disabled={slots === lot.totalSlots && warn === lot.warnPercent} onClick={() => void save()}>
          Save
        </Button>
      </div>
      {failed && <Notice tone="bad">{failed}</Notice>}
      {saved && !failed && (
        <Notice tone="good" onDismiss={() => setSaved(false)}>
          Saved.
        </Notice>
      )}
    </Panel>
  );
}

/** Which lot: by the address, or the first of the operator's. */
function Which({ data, lot }: { data: Data; lot: Lot }) {
  const [names, setNames] = useState<readonly Lot[]>(data.lots);
  useEffect(() => {
    void api<{ lots: Lot[] }>('/api/parking/lots').then(({ lots }) => setNames(lots), () => undefined);
  }, []);
  return (
    <div className="p-filters">
      <Select label="Lot" value={lot.parkingLotId} onChange={(id) => location.assign(`/parking/lot/?id=${encodeURIComponent(id)}`)} options={names.map(({ parkingLotId, name }) => ({ value: parkingLotId, label: name }))} />
    </div>
  );
}

function One({ data, lot, stale, session, live }: PageProps & { lot: Lot; session: Session }) {
  const alerts = inOrder(data.alerts ?? []);
  const violations = inOrder(data.violations ?? []);
  const broken = alerts.filter((one) => one.type === 'camera_offline' && isOpen(one)).length;
  useEffect(() => {
    if (broken !== (data.devices ?? []).filter(({ offline }) => offline).length) void live.load();
    // only the alerts tell that a device's state has changed
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [broken]);
  return (
    <>
      <Which data={data} lot={lot} />
      <div className="k-columns" data-split>
        <div className="k-stack">
          <Now lot={lot} stale={stale} />
          <Curve data={data} lot={lot} />
          <Panel title="Alerts" stale={stale}>
            <Alerts data={data} rows={alerts.slice(0, 8)} empty="Nothing has been wrong here." without="lot" />
          </Panel>
          <Panel title="Contractor violations" stale={stale}>
            <Violations data={data} rows={violations.slice(0, 10)} empty="No contractor has broken a rule here." session={session} without="lot" />
          </Panel>
        </div>
        <div className="k-stack">
          <Devices devices={data.devices ?? []} />
          <Shares data={data} />
          {session.role === 'manager' && <Settings lot={lot} />}
          <Panel title="Gate events" stale={stale}>
            <Feed data={data} rows={(data.gateEvents ?? []).slice(0, 20)} empty="Nobody has come or gone yet." without="lot" />
          </Panel>
        </div>
      </div>
    </>
  );
}

/** Without an id in the address: the operator's first lot. */
function First({ data }: { data: Data }) {
  const first = data.lots[0]?.parkingLotId;
  useEffect(() => {
    if (first) location.replace(`/parking/lot/?id=${encodeURIComponent(first)}`);
  }, [first]);
  return <Empty>{first ? '' : 'This operator has no lots.'}</Empty>;
}

if (asked) page('Lot', `/api/parking/lots/${encodeURIComponent(asked)}`, (props) => (props.data.lots[0] ? <One {...props} lot={props.data.lots[0]} /> : null), asked);
else page('Lot', '/api/parking/overview', ({ data }) => <First data={data} />);
