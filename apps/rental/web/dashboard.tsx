import type { FreshetEvent } from '@freshet/client';
import { SSE_EVENT_TYPES } from '@freshet/client/compat/rental';
import { useConnection } from '@freshet/client/react';
import { Badge, Button, Empty, format, Meter, mount, Notice, Panel, Select, Table, TextField, Tile, Tiles, useStaleSince, WorldControl, type Session } from '@kit';
import { useState } from 'react';
import { Named, Solid } from './cells';
import { useAct, useLive } from './data';
import { Feed } from './Feed';
import { FleetMap } from './FleetMap';
import { Page, Toasts, useChoice } from './Page';
import type { Metrics, NoticeRow, Overview, Rental, Run } from './types';
import { may, money, plural } from './words';

/** A machine that moved is moved on the map; everything else is fetched. */
function apply(data: Overview, { type, data: told }: FreshetEvent): Overview | undefined {
  if (type !== 'equipment_location_updated') return undefined;
  const { equipment_id: id, location } = told as { equipment_id?: number; location?: { lat: number; lon: number; site?: string } };
  if (typeof location !== 'object' || !data.equipment.some((one) => one.id === id)) return data;
  return { ...data, equipment: data.equipment.map((one) => (one.id === id ? { ...one, ...location, site: location.site ?? one.site } : one)) };
}

function KeyMetrics({ m, currency }: { m: Metrics; currency: string }) {
  const waiting = m.timesheets_waiting + m.leaves_waiting;
  return (
    <header className="r-metrics">
      <Tiles label="Key metrics">
        <Tile label="Out on rental" value={m.rentals_active} hint={`${m.rentals_confirmed} confirmed, ${m.rentals_pending} asked for`} />
        <Tile label="Overdue" value={m.rentals_overdue} tone={m.rentals_overdue ? 'bad' : 'neutral'} hint={m.rentals_overdue ? 'past their due day' : 'all in time'} />
        <Tile label="Fleet in use" value={m.equipment ? format.percent(m.equipment_out / m.equipment) : '–'} hint={`${m.equipment_out} of ${plural(m.equipment, 'machine')}`} />
        <Tile label="Paid today" value={money(m.paid_today, currency)} hint="since midnight UTC" />
        <Tile label="Outstanding" value={money(m.outstanding, currency)} hint={m.customers_suspended ? `${plural(m.customers_suspended, 'customer')} suspended` : 'all within credit'} />
        <Tile label="Workshop orders" value={m.orders_open} tone={m.orders_open ? 'warn' : 'neutral'} hint={m.orders_open ? 'open' : 'none open'} />
        <Tile label="To decide on" value={waiting} hint={`${plural(m.timesheets_waiting, 'timesheet')}, ${m.leaves_waiting} leave`} />
      </Tiles>
    </header>
  );
}

const Overdue = ({ rows, currency }: { rows: Rental[]; currency: string }) => (
  <Table
    label="Overdue rentals"
    rows={rows}
    rowKey={({ id }) => String(id)}
    empty="No rental is past its due day."
    columns={[
      { head: 'Rental', cell: ({ id }) => <a href={`/rental/rentals/?rental=${id}`}>{id}</a> },
      { head: 'Customer', cell: ({ customer }) => customer },
      { head: 'Equipment', cell: ({ equipment }) => <Named>{equipment}</Named> },
      { head: 'Due', cell: ({ due_on }) => <Solid>{due_on}</Solid>, wide: true },
      { head: 'Late', cell: ({ days_overdue: days }) => <Badge tone="bad">{plural(days, 'day')}</Badge> },
      { head: 'Open', align: 'end', cell: ({ balance }) => money(balance, currency) },
    ]}
  />
);

const Use = ({ rows }: { rows: Overview['categories'] }) => (
  <ul className="r-use" aria-label="Machines out by category">
    {rows.map(({ category, equipment, out }) => (
      <li key={category}>
        <span>{category}</span>
        <Meter label={category} value={out} max={equipment} text={<span className="k-meter-text">{`${out} of ${equipment}`}</span>} />
      </li>
    ))}
  </ul>
);

const Sync = ({ run }: { run: Run | undefined }) =>
  run ? (
    <p className="r-sync">
      <span>{run.task}</span>
      <Meter label={run.task} value={run.done} max={run.total} text={<span className="k-meter-text">{`${run.done} of ${run.total}`}</span>} />
      <small className="k-quiet">{run.finished_at ? `done ${format.day(run.finished_at)}, ${run.changed} changed` : `since ${format.time(run.started_at)}`}</small>
    </p>
  ) : (
    <Empty>No customers have been brought in from the books yet.</Empty>
  );

const LEVEL = { info: 'info', warning: 'warn', error: 'bad' } as const;

function Notices({ rows, session, refetch }: { rows: NoticeRow[]; session: Session; refetch: () => void }) {
  const [message, setMessage] = useState('');
  const [level, setLevel] = useState<NoticeRow['level']>('info');
  const { act, busy, error } = useAct(refetch);
  async function send() {
    if (await act('/api/rental/notices', { message, level })) setMessage('');
  }
  return (
    <>
      <ul className="r-notices" aria-label="Notices">
        {rows.map((row) => (
          <li key={row.id}>
            <Badge tone={LEVEL[row.level]}>{row.level}</Badge> {row.message}
            <small className="k-quiet">
              {format.day(row.at)}, {row.by}
            </small>
          </li>
        ))}
      </ul>
      {may(session.role, 'notices') && (
        <form
          className="r-tell"
          onSubmit={(event) => {
            event.preventDefault();
            void send();
          }}
        >
          <TextField label="Tell everybody" value={message} onChange={setMessage} required />
          <Select label="Level" value={level} options={['info', 'warning', 'error']} onChange={setLevel} />
          <Button type="submit" kind="main" busy={busy !== null}>
            Send
          </Button>
        </form>
      )}
      {error && <Notice tone="bad">{error}</Notice>}
    </>
  );
}

function Dashboard({ session }: { session: Session }) {
  const { data, error, refetch } = useLive<Overview>('/api/rental/overview', { on: SSE_EVENT_TYPES, apply });
  const [choice, choose] = useChoice();
  const stale = useStaleSince(useConnection());
  if (!data) return error ? <Notice tone="bad">{error.detail}</Notice> : <div className="k-waiting" aria-busy="true" />;
  const { company, metrics, overdue, categories, syncs, notices, equipment } = data;
  return (
    <>
      <Toasts {...choice} />
      <KeyMetrics m={metrics} currency={company.currency} />
      {error && <Notice tone="warn">{error.detail}</Notice>}
      <div className="k-columns" data-split>
        <div className="k-stack">
          <Panel title="Overdue rentals" stale={stale}>
            <Overdue rows={overdue} currency={company.currency} />
          </Panel>
          <Panel title="Fleet" stale={stale} note={company.name}>
            <FleetMap yard={{ name: company.yard, lat: company.lat, lon: company.lon }} places={equipment} />
            <Use rows={categories} />
          </Panel>
          <Panel title="Customer sync" stale={stale}>
            <Sync run={syncs[0]} />
          </Panel>
        </div>
        <div className="k-stack">
          <Feed choice={choice} onChoose={choose} stale={stale} />
          <Panel title="Notices" stale={stale}>
            <Notices rows={notices} session={session} refetch={refetch} />
          </Panel>
          <Panel title="The world outside" note="Telematics, the time clock, the books and the bank, acting through the same endpoints as the real ones.">
            <WorldControl app="rental" />
          </Panel>
        </div>
      </div>
    </>
  );
}

mount(
  <Page title="Equipment rental" ownToasts>
    {(session) => <Dashboard session={session} />}
  </Page>,
);
