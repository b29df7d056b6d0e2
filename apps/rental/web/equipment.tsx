import type { FreshetEvent } from '@freshet/client';
import { useEquipmentEvents } from '@freshet/client/compat/rental';
import { useConnection } from '@freshet/client/react';
import { Badge, Button, Dialog, Flash, format, Meter, mount, Notice, Panel, Table, TextField, useStaleSince, type Session } from '@kit';
import { useState } from 'react';
import { Below, Named, Solid } from './cells';
import { useAct, useLive } from './data';
import { Typed } from './fields';
import { FleetMap } from './FleetMap';
import { Latest } from './Latest';
import { Page } from './Page';
import type { Machine, Order } from './types';
import { may, STATUS_TONE } from './words';

interface Fleet {
  equipment: Machine[];
  orders: Order[];
  yard: { name: string; lat: number; lon: number };
}

const CHANGES = ['equipment_location_updated', 'maintenance_required', 'rental_status_updated', 'rental_overdue'];

/** A report of a place holds all that it changes; everything else is fetched. */
function apply(data: Fleet, { type, data: told, time }: FreshetEvent): Fleet | undefined {
  if (type !== 'equipment_location_updated') return undefined;
  const { equipment_id: id, location, hours } = told as { equipment_id?: number; hours?: number; location?: { lat: number; lon: number; site?: string } };
  if (typeof location !== 'object') return data; // a broadcast in words
  return {
    ...data,
    equipment: data.equipment.map((one) => {
      if (one.id !== id) return one;
      const tenths = hours === undefined ? one.hours : Math.round(hours * 10);
      return { ...one, ...location, site: location.site ?? one.site, located_at: time ?? one.located_at, hours: tenths, hours_left: one.hours_left - (tenths - one.hours) };
    }),
  };
}

const tenths = (n: number) => format.number(n / 10);

function Move({ machine, yard, onDone }: { machine: Machine; yard: Fleet['yard']; onDone: () => void }) {
  const [site, setSite] = useState(machine.site);
  const [lat, setLat] = useState(String(machine.lat));
  const [lon, setLon] = useState(String(machine.lon));
  const { act, busy, error } = useAct(onDone);
  const degrees = '-?[0-9]+([.][0-9]+)?';
  return (
    <form
      className="k-form"
      onSubmit={(event) => {
        event.preventDefault();
        void act(`/api/rental/equipment/${machine.id}/location`, { site, lat: Number(lat), lon: Number(lon) });
      }}
    >
      <TextField label="Site" value={site} onChange={setSite} required maxLength={100} />
      <div className="k-row">
        <Typed label="Latitude" value={lat} onChange={setLat} pattern={degrees} />
        <Typed label="Longitude" value={lon} onChange={setLon} pattern={degrees} />
      </div>
      {error && <Notice tone="bad">{error}</Notice>}
      <div className="k-row">
        <Button type="submit" kind="main" busy={busy !== null}>
          Report where it is
        </Button>
        <Button
          onClick={() => {
            setSite(yard.name);
            setLat(String(yard.lat));
            setLon(String(yard.lon));
          }}
        >
          In the yard
        </Button>
      </div>
    </form>
  );
}

function Defect({ machine, onDone }: { machine: Machine; onDone: () => void }) {
  const [description, setDescription] = useState('');
  const { act, busy, error } = useAct(onDone);
  return (
    <form
      className="k-form"
      onSubmit={(event) => {
        event.preventDefault();
        void act(`/api/rental/equipment/${machine.id}/orders`, { description });
      }}
    >
      <TextField label="What is wrong" value={description} onChange={setDescription} required />
      {error && <Notice tone="bad">{error}</Notice>}
      <div className="k-row">
        <Button type="submit" kind="main" busy={busy !== null}>
          Send it to the workshop
        </Button>
      </div>
    </form>
  );
}

const ServiceLeft = ({ machine }: { machine: Machine }) => (
  <Meter
    label={`Hours since the last service of ${machine.code}`}
    value={machine.service_every - machine.hours_left}
    max={machine.service_every}
    warnAt={machine.service_every * 0.9}
    text={<span className="k-meter-text">{machine.hours_left > 0 ? `${tenths(machine.hours_left)} h left` : 'due'}</span>}
  />
);

type Open = { what: 'move' | 'defect'; id: number } | null;

function Equipment({ session }: { session: Session }) {
  const { data, error: failed, refetch } = useLive<Fleet>('/api/rental/equipment', { on: CHANGES, apply });
  const stale = useStaleSince(useConnection());
  const [open, setOpen] = useState<Open>(null);
  const { act, busy, error, forget } = useAct(refetch);
  const happened = [useEquipmentEvents()];
  if (!data) return failed ? <Notice tone="bad">{failed.detail}</Notice> : <div className="k-waiting" aria-busy="true" />;
  const works = may(session.role, 'equipment');
  const chosen = open && data.equipment.find(({ id }) => id === open.id);
  const close = () => setOpen(null);
  const done = () => (refetch(), close());
  return (
    <>
      {error && (
        <Notice tone="bad" onDismiss={forget}>
          {error}
        </Notice>
      )}
      <div className="k-columns" data-split>
        <Panel title="Where they are" stale={stale}>
          <FleetMap yard={data.yard} places={data.equipment.map((one) => ({ ...one, out: one.state === 'rented' }))} />
        </Panel>
        <Panel title="Workshop" stale={stale}>
          <Table
            label="Workshop orders"
            rows={data.orders.filter(({ status }) => status === 'open').concat(data.orders.filter(({ status }) => status === 'done').slice(0, 5))}
            rowKey={({ id }) => String(id)}
            empty="The workshop has nothing to do."
            columns={[
              {
                head: 'Order',
                cell: (order) => (
                  <>
                    <Named>{order.equipment}</Named> <Below>{order.description}</Below>
                  </>
                ),
              },
              { head: 'Since', cell: ({ opened_at }) => format.day(opened_at), wide: true },
              {
                head: '',
                label: 'State',
                cell: (order) =>
                  works && order.status === 'open' ? (
                    <Button small busy={busy === `/api/rental/orders/${order.id}/done`} label={`Done: ${order.equipment}`} onClick={() => void act(`/api/rental/orders/${order.id}/done`)}>
                      Done
                    </Button>
                  ) : (
                    <Badge tone={STATUS_TONE[order.status]!}>{order.status}</Badge>
                  ),
              },
            ]}
          />
        </Panel>
      </div>
      <Panel title="Equipment" stale={stale}>
        <Table
          label="Equipment"
          rows={data.equipment}
          rowKey={({ id }) => String(id)}
          empty="There is no equipment."
          columns={[
            {
              head: 'Machine',
              cell: ({ code, name }) => (
                <>
                  <Solid>{code}</Solid> <Below>{name}</Below>
                </>
              ),
            },
            {
              head: 'State',
              cell: (one) => (
                <>
                  <Badge tone={STATUS_TONE[one.state]!}>{one.state}</Badge> {one.order_open && one.state === 'rented' && <Badge tone="warn">needs the workshop</Badge>}
                </>
              ),
            },
            {
              head: 'With',
              cell: ({ customer, due_on }) =>
                customer ? (
                  <>
                    {customer}{' '}
                    <Below>
                      <Solid>due {due_on}</Solid>
                    </Below>
                  </>
                ) : (
                  '–'
                ),
            },
            {
              head: 'Where',
              cell: ({ site, lat, lon, located_at }) => (
                <>
                  {site}{' '}
                  <Below>
                    <Solid>
                      <Flash value={`${lat.toFixed(4)}, ${lon.toFixed(4)}`} />
                    </Solid>{' '}
                    <Solid>at {format.time(located_at)}</Solid>
                  </Below>
                </>
              ),
            },
            { head: 'Hours', align: 'end', cell: ({ hours }) => <Flash value={tenths(hours)} />, wide: true },
            { head: 'Service', cell: (one) => <ServiceLeft machine={one} /> },
            ...(works
              ? [
                  {
                    head: '',
                    label: 'What can be done',
                    cell: (one: Machine) => (
                      <span className="r-buttons">
                        <Button small label={`Defect of ${one.code}`} onClick={() => setOpen({ what: 'defect', id: one.id })}>
                          Defect…
                        </Button>
                        <Button small label={`Place of ${one.code}`} onClick={() => setOpen({ what: 'move', id: one.id })}>
                          Place…
                        </Button>
                      </span>
                    ),
                  },
                ]
              : []),
          ]}
        />
      </Panel>
      <Latest events={happened} />
      <Dialog open={open?.what === 'move' && !!chosen} title={`Where is ${chosen?.code ?? ''}?`} onClose={close}>
        {chosen && <Move machine={chosen} yard={data.yard} onDone={done} />}
      </Dialog>
      <Dialog open={open?.what === 'defect' && !!chosen} title={`Defect of ${chosen?.code ?? ''}`} onClose={close}>
        {chosen && <Defect machine={chosen} onDone={done} />}
      </Dialog>
    </>
  );
}

mount(<Page title="Equipment and maintenance">{(session) => <Equipment session={session} />}</Page>);
