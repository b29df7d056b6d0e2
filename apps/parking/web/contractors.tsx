import { Badge, Button, Dialog, Flash, format, Notice, NumberField, Panel, Select, type Session } from '@kit';
import { useState } from 'react';
import { present, type Allocation, type Contractor, type Data } from './model';
import { Choose, inOrder, LotLink, page, Share, useAct, Violations, VIOLATIONS, type PageProps } from './parts';
import type { ViolationRow } from './model';

/** What a manager allots: an allocation that is there, or a new one. */
function Edit({ data, contractor, allocation, onClose }: { data: Data; contractor: Contractor; allocation: Allocation | null; onClose: () => void }) {
  const taken = (data.allocations ?? []).filter((one) => one.contractorId === contractor._id).map((one) => one.parkingLotId);
  const free = data.lots.filter((one) => !taken.includes(one.parkingLotId));
  const [lot, setLot] = useState(allocation?.parkingLotId ?? free[0]?.parkingLotId ?? '');
  const [capacity, setCapacity] = useState(allocation?.capacity ?? 5);
  const [minutes, setMinutes] = useState(allocation?.maxStayMinutes ?? 0);
  const { busy, failed, act } = useAct();
  const save = async () => {
    if (await act('save', `/api/parking/contractors/${contractor._id}/allocations/${lot}`, { capacity, maxStayMinutes: minutes })) onClose();
  };
  const lots = allocation ? data.lots.filter((one) => one.parkingLotId === lot) : free;
  return (
    <form
      className="k-form"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <Select label="Lot" value={lot} disabled={Boolean(allocation)} onChange={setLot} options={lots.map(({ parkingLotId, name }) => ({ value: parkingLotId, label: name }))} />
      <NumberField label="Places" value={capacity} min={0} max={100000} onChange={setCapacity} hint="0: its vehicles are not authorized there" />
      <NumberField label="Longest stay, in minutes" value={minutes} min={0} max={43200} step={5} onChange={setMinutes} hint="0: as long as they like" />
      {failed && <Notice tone="bad">{failed}</Notice>}
      <div className="k-row">
        <Button type="submit" kind="main" busy={busy === 'save'} disabled={!lot}>
          Save
        </Button>
        <Button onClick={onClose}>Cancel</Button>
      </div>
    </form>
  );
}

function Allotted({ data, one, session, onEdit }: { data: Data; one: Allocation; session: Session; onEdit: () => void }) {
  const now = present(data, one.contractorId, one.parkingLotId);
  return (
    <li data-lot={one.parkingLotId}>
      <span className="p-said">
        <LotLink data={data} lot={one.parkingLotId} />
        <small>
          {one.maxStayMinutes ? `at most ${one.maxStayMinutes} min` : 'no limit of time'}
          {now > one.capacity && (
            <>
              {' '}
              <Badge tone="bad">{now - one.capacity} too many</Badge>
            </>
          )}
        </small>
      </span>
      <Share data={data} allocation={one} />
      {session.role === 'manager' ? (
        <Button small kind="quiet" label={`Change the allocation at ${one.parkingLotId}`} onClick={onEdit}>
          Change
        </Button>
      ) : (
        <span />
      )}
    </li>
  );
}

function Card({ data, contractor, session }: { data: Data; contractor: Contractor; session: Session }) {
  const [editing, setEditing] = useState<Allocation | 'new' | null>(null);
  const mine = (data.allocations ?? []).filter((one) => one.contractorId === contractor._id);
  const inside = data.fleet.filter((one) => one.contractorId === contractor._id);
  const { currency } = data.operator;
  return (
    <Panel
      title={contractor.name}
      note={`${inside.filter((one) => one.parkingLotId).length} of ${inside.length} vehicles inside, ${format.money(contractor.rate, currency)} for each too many`}
      actions={
        session.role === 'manager' && mine.length < data.lots.length ? (
          <Button small onClick={() => setEditing('new')} label={`Allot places to ${contractor.name}`}>
            Allot places
          </Button>
        ) : undefined
      }
    >
      <ul className="p-shares" data-contractor={contractor._id}>
        {mine.map((one) => (
          <Allotted key={one.parkingLotId} data={data} one={one} session={session} onEdit={() => setEditing(one)} />
        ))}
      </ul>
      <p className="p-money">
        <span>
          Open{' '}
          <b>
            <Flash value={format.money(contractor.penaltiesOpen, currency)} />
          </b>{' '}
          in {contractor.violationsOpen === 1 ? '1 violation' : `${contractor.violationsOpen} violations`}
        </span>
        <span>
          Settled <b>{format.money(contractor.penaltiesSettled, currency)}</b>
        </span>
      </p>
      <Dialog open={editing !== null} title={`Places of ${contractor.name}`} onClose={() => setEditing(null)}>
        <Edit data={data} contractor={contractor} allocation={editing === 'new' ? null : editing} onClose={() => setEditing(null)} />
      </Dialog>
    </Panel>
  );
}

function Contractors({ data, stale, session }: PageProps) {
  const [who, setWho] = useState('');
  const [type, setType] = useState<ViolationRow['violationType'] | ''>('');
  const names = Object.fromEntries(data.contractors.map(({ _id, name }) => [_id, name]));
  const rows = inOrder((data.violations ?? []).filter((one) => (!who || one.contractorId === who) && (!type || one.violationType === type)));
  return (
    <>
      <div className="p-contractors">
        {data.contractors.map((one) => (
          <Card key={one._id} data={data} contractor={one} session={session} />
        ))}
      </div>
      <Panel title="Violations" stale={stale} note="More vehicles than allocated: the rate for each. Too long: the rate for each hour begun. Where nothing is allocated: twice the rate.">
        <div className="p-filters" role="group" aria-label="Filter">
          <Choose label="Contractor" value={who} onChange={setWho} all="All contractors" options={names} />
          <Choose label="Type" value={type} onChange={setType} all="All types" options={VIOLATIONS} />
        </div>
        <Violations data={data} rows={rows} empty="No violations like these." session={session} />
      </Panel>
    </>
  );
}

page('Contractors', '/api/parking/contractors', (props) => <Contractors {...props} />);
