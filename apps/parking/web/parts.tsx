import { ConnectionStatusBadge } from '@freshet/client/react/ui';
import type { Snapshot } from '@freshet/client';
import { api, ApiError, Badge, Button, Empty, format, Meter, mount, Notice, preloadSession, RequireSession, Select, Shell, Table, useSession, useStaleSince, type Column, type IconName, type Session, type Tone } from '@kit';
import { useState, type ReactNode } from 'react';
import { useLive, type Live } from './live';
import './parking.css';
import { blind, contractorOf, isOpen, nameOf, present, type AlertRow, type Allocation, type Data, type GateEvent, type Lot, type ViolationRow } from './model';

export const NAV = [
  { href: '/parking/', label: 'Dashboard' },
  { href: '/parking/gates/', label: 'Gates' },
  { href: '/parking/lot/', label: 'Lot' },
  { href: '/parking/contractors/', label: 'Contractors' },
] as const;

export const ALERTS: Record<AlertRow['type'], string> = {
  capacity_warning: 'Capacity warning',
  capacity_breach: 'Capacity breach',
  camera_offline: 'Camera offline',
  violation_detected: 'Violation detected',
};
export const VIOLATIONS: Record<ViolationRow['violationType'], string> = {
  overparking: 'Overparking',
  unauthorized_vehicle: 'Unauthorized vehicle',
  capacity_breach: 'Capacity breach',
};
const SEVERITY: Record<AlertRow['severity'], [Tone, IconName]> = { low: ['info', 'info'], medium: ['warn', 'warn'], high: ['bad', 'up'], critical: ['bad', 'warn'] };
const STATUS: Record<string, [Tone, IconName]> = { active: ['bad', 'live'], pending: ['warn', 'clock'], acknowledged: ['info', 'info'], resolved: ['good', 'good'] };

export const Severity = ({ severity }: { severity: AlertRow['severity'] }) => (
  <span className="p-severity" data-severity={severity}>
    <Badge tone={SEVERITY[severity][0]} icon={SEVERITY[severity][1]}>{severity}</Badge>
  </span>
);
export function Status({ status }: { status: string }) {
  const [tone, icon] = STATUS[status] ?? ['neutral', null];
  return (
    <Badge tone={tone} icon={icon}>
      {status}
    </Badge>
  );
}
export const Plate = ({ children }: { children: string }) => <span className="p-plate">{children}</span>;
export const LotLink = ({ data, lot }: { data: Data; lot: string }) => <a href={`/parking/lot/?id=${encodeURIComponent(lot)}`}>{nameOf(data, lot)}</a>;
export const seconds = (duration: number | null | undefined): string => (duration === null || duration === undefined ? '–' : format.duration(Math.max(1, duration) * 1000));

export interface PageProps {
  data: Data;
  live: Live;
  stale: number | null;
  session: Session;
}

/** Draws a page: the demo logins until somebody is signed in, then what it fetched. */
export function page(title: string, path: string, children: (props: PageProps) => ReactNode, lot?: string): void {
  preloadSession('parking');
  mount(<SignedIn title={title}>{(session) => <Page title={title} path={path} {...(lot ? { lot } : {})} session={session} children={children} />}</SignedIn>);
}

function SignedIn({ title, children }: { title: string; children: (session: Session) => ReactNode }) {
  const { session } = useSession('parking');
  if (session) return children(session);
  return (
    <Shell app="parking" title={title} nav={NAV}>
      <RequireSession app="parking">{() => null}</RequireSession>
    </Shell>
  );
}

/** The page's frame; its content once it was fetched, then marked instead of blank while the stream is down. */
function Page({ title, path, lot, session, children }: { title: string; path: string; lot?: string; session: Session; children: (props: PageProps) => ReactNode }) {
  const { data, error, connection, live } = useLive(path, session.login, lot);
  const stale = useStaleSince(connection);
  return (
    <Shell app="parking" title={title} nav={NAV} status={<Connection connection={connection} live={live} />}>
      {error && (
        <Notice tone="bad">
          {error.detail}{' '}
          <Button small onClick={() => void live.load()}>
            Try again
          </Button>
        </Notice>
      )}
      {data ? children({ data, live, stale, session }) : !error && <div className="k-waiting" aria-busy="true" />}
    </Shell>
  );
}

function Connection({ connection, live }: { connection: Snapshot; live: Live }) {
  return (
    <span className="p-connection">
      <ConnectionStatusBadge connection={connection} />
      {connection.status === 'failed' && (
        <Button small onClick={() => live.client.reconnect()}>
          Reconnect
        </Button>
      )}
    </span>
  );
}

/** How full a lot is. */
export const LotMeter = ({ lot }: { lot: Lot }) => (
  <Meter value={lot.occupied} max={lot.totalSlots} warnAt={(lot.totalSlots * lot.warnPercent) / 100} label={`${lot.name}: occupied`} text={<span className="p-percent">{format.percent(lot.occupancyRate)}</span>} />
);

export function Cameras({ data, lot }: { data: Data; lot: Lot }) {
  const down = blind(data, lot.parkingLotId);
  if (!down) return <Badge tone="good">{lot.cameras === 1 ? '1 camera' : `${lot.cameras} cameras`}</Badge>;
  return <Badge tone={down >= lot.cameras ? 'bad' : 'warn'}>{down >= lot.cameras ? 'no camera' : `${lot.cameras - down} of ${lot.cameras} cameras`}</Badge>;
}

/** Does something at the server; what went wrong is shown where it was done. */
export function useAct(): { busy: string | null; failed: string | null; act: (name: string, path: string, body: unknown) => Promise<boolean> } {
  const [busy, setBusy] = useState<string | null>(null);
  const [failed, setFailed] = useState<string | null>(null);
  async function act(name: string, path: string, body: unknown): Promise<boolean> {
    setBusy(name);
    setFailed(null);
    try {
      await api(path, { body });
      return true;
    } catch (error) {
      setFailed(error instanceof ApiError ? error.detail : String(error));
      return false;
    } finally {
      setBusy(null);
    }
  }
  return { busy, failed, act };
}

/** Acknowledge, resolve: what is still to be decided about an alert or a violation. */
function Decide({ id, name, status, kind, act, busy }: { id: string; name: string; status: string; kind: 'alerts' | 'violations'; act: ReturnType<typeof useAct>['act']; busy: string | null }) {
  if (!isOpen({ status })) return null;
  const set = (status: string) => void act(id, `/api/parking/${kind}/${id}`, { status });
  return (
    <span className="p-decide">
      {status !== 'acknowledged' && (
        <Button small busy={busy === id} label={`Acknowledge: ${name}`} onClick={() => set('acknowledged')}>
          Acknowledge
        </Button>
      )}
      <Button small busy={busy === id} label={`Resolve: ${name}`} onClick={() => set('resolved')}>
        Resolve
      </Button>
    </span>
  );
}

/** Alerts, open ones first. */
export function Alerts({ data, rows, empty, without }: { data: Data; rows: readonly AlertRow[]; empty: string; without?: 'lot' }) {
  const { busy, failed, act } = useAct();
  if (!rows.length) return <Empty>{empty}</Empty>;
  return (
    <>
      {failed && <Notice tone="bad">{failed}</Notice>}
      <ul className="p-alerts">
        {rows.map((alert) => (
          <li key={alert._id} data-key={alert._id} data-status={alert.status} data-type={alert.type}>
            <Severity severity={alert.severity} />
            <div className="p-said">
              <b>{alert.message}</b>
              <small>
                {ALERTS[alert.type]} ·{' '}
                {without !== 'lot' && (
                  <>
                    <LotLink data={data} lot={alert.parkingLotId} /> ·{' '}
                  </>
                )}
                <time dateTime={alert.createdAt}>{format.time(alert.createdAt)}</time>
              </small>
            </div>
            <Status status={alert.status} />
            <Decide id={alert._id} name={alert.message} status={alert.status} kind="alerts" act={act} busy={busy} />
          </li>
        ))}
      </ul>
    </>
  );
}

/** Violations with what they cost; a manager settles them. */
export function Violations({ data, rows, empty, session, without }: { data: Data; rows: readonly ViolationRow[]; empty: string; session: Session; without?: 'lot' | 'contractor' }) {
  const { busy, failed, act } = useAct();
  const columns: readonly (Column<ViolationRow> | false)[] = [
    without !== 'contractor' && { head: 'Contractor', cell: (row) => contractorOf(data, row.contractorId) },
    {
      head: 'Violation',
      names: without === 'contractor',
      cell: (row) => (
        <span className="p-said">
          <span>
            {VIOLATIONS[row.violationType]} {row.plateNumber && <Plate>{row.plateNumber}</Plate>}
          </span>
          <small>
            {without !== 'lot' && (
              <>
                <LotLink data={data} lot={row.parkingLotId} /> ·{' '}
              </>
            )}
            <time dateTime={row.timestamp}>{format.time(row.timestamp)}</time>
          </small>
        </span>
      ),
    },
    { head: 'Vehicles', align: 'end', cell: ({ details }) => <span title="present / allocated">{`${details.actualOccupancy} / ${details.allocatedCapacity}`}</span> },
    { head: 'Excess', align: 'end', wide: true, cell: ({ details }) => details.excessVehicles },
    { head: 'Duration', align: 'end', wide: true, cell: ({ details }) => (details.duration ? seconds(details.duration) : '–') },
    { head: 'Penalty', align: 'end', cell: (row) => <b>{format.money(row.penalty, data.operator.currency)}</b> },
    {
      head: '',
      label: 'Status',
      cell: (row) => (
        <span className="p-settle">
          <Status status={row.status} />
          {session.role === 'manager' && <Decide id={row._id} name={`${VIOLATIONS[row.violationType]}, ${contractorOf(data, row.contractorId)}`} status={row.status} kind="violations" act={act} busy={busy} />}
        </span>
      ),
    },
  ];
  return (
    <>
      {failed && <Notice tone="bad">{failed}</Notice>}
      <Table label="Violations" columns={columns.filter((column) => column !== false)} rows={rows} rowKey={(row) => row._id} empty={empty} rowProps={(row) => ({ 'data-status': row.status, 'data-type': row.violationType })} />
    </>
  );
}

/** Who came and went. */
export function Gate({ data, rows, empty, without }: { data: Data; rows: readonly GateEvent[]; empty: string; without?: 'lot' }) {
  const columns: readonly (Column<GateEvent> | false)[] = [
    {
      head: 'Plate',
      cell: (row) => (
        <span className="p-row">
          <Plate>{row.plateNumber}</Plate>
          {row.contractorId && <small>{contractorOf(data, row.contractorId)}</small>}
        </span>
      ),
    },
    { head: 'Event', cell: (row) => (row.event === 'vehicle_entry' ? <Badge tone="info" icon="down">entry</Badge> : <Badge icon="up">exit</Badge>) },
    without !== 'lot' && { head: 'Lot', cell: (row) => <LotLink data={data} lot={row.parkingLotId} /> },
    { head: 'Stayed', align: 'end', cell: (row) => (row.event === 'vehicle_exit' ? seconds(row.duration) : <span className="k-quiet">–</span>) },
    { head: 'Time', align: 'end', cell: (row) => <time dateTime={row.timestamp}>{format.time(row.timestamp)}</time> },
  ];
  return <Table label="Gate events" columns={columns.filter((column) => column !== false)} rows={rows} rowKey={(row) => `${row.parkingLotId} ${row.timestamp}`} empty={empty} rowProps={(row) => ({ 'data-event': row.event })} />;
}

/** The same where there is little room: two lines each. */
export function Feed({ data, rows, empty, without }: { data: Data; rows: readonly GateEvent[]; empty: string; without?: 'lot' }) {
  if (!rows.length) return <Empty>{empty}</Empty>;
  return (
    <ul className="p-feed">
      {rows.map((row) => (
        <li key={`${row.parkingLotId} ${row.timestamp}`} data-event={row.event}>
          {row.event === 'vehicle_entry' ? <Badge tone="info" icon="down">entry</Badge> : <Badge icon="up">exit</Badge>}
          <span className="p-said">
            <Plate>{row.plateNumber}</Plate>
            <small>{[without !== 'lot' && nameOf(data, row.parkingLotId), row.contractorId && contractorOf(data, row.contractorId)].filter(Boolean).join(' · ')}</small>
          </span>
          <span className="p-said">
            <time dateTime={row.timestamp}>{format.time(row.timestamp)}</time>
            <small>{row.event === 'vehicle_exit' ? (typeof row.duration === 'number' ? `stayed ${seconds(row.duration)}` : 'not seen coming') : ''}</small>
          </span>
        </li>
      ))}
    </ul>
  );
}

/** A contractor's share of a lot: full is fine, more is not. */
export function Share({ data, allocation }: { data: Data; allocation: Allocation }) {
  const { contractorId, parkingLotId, capacity } = allocation;
  const now = present(data, contractorId, parkingLotId);
  return (
    <span className="k-meter" data-tone={now > capacity ? 'bad' : 'info'}>
      <svg viewBox="0 0 100 6" preserveAspectRatio="none" role="meter" aria-label={`${contractorOf(data, contractorId)} at ${nameOf(data, parkingLotId)}`} aria-valuenow={now} aria-valuemin={0} aria-valuemax={Math.max(now, capacity)} aria-valuetext={`${now} of ${capacity}`}>
        <rect className="k-meter-all" width="100" height="6" />
        <rect className="k-meter-now" width={capacity ? Math.min(100, (now * 100) / capacity) : now ? 100 : 0} height="6" />
      </svg>
      <span className="p-share">{`${now} / ${capacity}`}</span>
    </span>
  );
}

export function Choose<Value extends string>({ label, value, onChange, all, options }: { label: string; value: Value | ''; onChange: (value: Value | '') => void; all: string; options: Readonly<Record<Value, string>> }) {
  return <Select label={label} value={value} onChange={onChange} options={[{ value: '', label: all }, ...(Object.entries(options) as [Value, string][]).map(([value, label]) => ({ value, label }))]} />;
}

export const lotNames = (data: Data): Record<string, string> => Object.fromEntries(data.lots.map(({ parkingLotId, name }) => [parkingLotId, name]));

/** Open ones first, then the latest. */
export function inOrder<Row extends { status: string; _id: string }>(rows: readonly Row[]): readonly Row[] {
  const number = ({ _id }: Row) => Number(_id.slice(_id.lastIndexOf('_') + 1)) || 0;
  return [...rows].sort((a, b) => Number(isOpen(b)) - Number(isOpen(a)) || number(b) - number(a));
}
