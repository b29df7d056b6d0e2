import { useLeaveEvents, usePayrollEvents, useTimesheetEvents } from '@freshet/client/compat/rental';
import { useConnection } from '@freshet/client/react';
import { Badge, Button, Field, format, mount, Notice, Panel, Select, Table, Tabs, Tile, Tiles, useStaleSince, type Session } from '@kit';
import { useState } from 'react';
import { useAct, useLive } from './data';
import { DayField, Typed } from './fields';
import { Latest } from './Latest';
import { Page } from './Page';
import type { Employee, Leave, People, Timesheet } from './types';
import { hours, may, money, plural, STATUS_TONE } from './words';

const CHANGES = ['timesheet_updated', 'payroll_processed', 'leave_request_updated'];
const today = () => new Date().toISOString().slice(0, 10);

interface PartProps {
  data: People;
  session: Session;
  stale: number | null;
  refetch: () => void;
}

const EmployeeSelect = ({ employees, value, onChange }: { employees: Employee[]; value: string; onChange: (value: string) => void }) => (
  <Select label="Employee" value={value} onChange={onChange} options={employees.map((one) => ({ value: String(one.id), label: `${one.name}, ${one.title.toLowerCase()}` }))} />
);

function HandIn({ data, refetch }: Pick<PartProps, 'data' | 'refetch'>) {
  const [employee, setEmployee] = useState(String(data.employees[0]?.id ?? ''));
  const [day, setDay] = useState(today());
  const [worked, setWorked] = useState('8');
  const { act, busy, error } = useAct(refetch);
  return (
    <form
      className="k-form"
      onSubmit={(event) => {
        event.preventDefault();
        void act('/api/rental/timesheets', { employee_id: Number(employee), day, minutes: Math.round(Number(worked) * 60) });
      }}
    >
      <EmployeeSelect employees={data.employees} value={employee} onChange={setEmployee} />
      <DayField label="Day" value={day} onChange={setDay} max={today()} />
      <Typed label="Hours" value={worked} onChange={setWorked} hint="Quarters of an hour, 7.75 for instance" />
      {error && <Notice tone="bad">{error}</Notice>}
      <div className="k-row">
        <Button type="submit" kind="main" busy={busy !== null}>
          Hand in
        </Button>
      </div>
    </form>
  );
}

function Timesheets({ data, session, stale, refetch }: PartProps) {
  const { act, busy, error, forget } = useAct(refetch);
  const decides = may(session.role, 'people');
  const waiting = data.timesheets.filter(({ status }) => status === 'submitted');
  const decided = data.timesheets.filter(({ status }) => status !== 'submitted').slice(0, 30);
  /** One after the other, up to one that is refused. */
  async function approveAll() {
    for (const { id } of waiting) if (!(await act(`/api/rental/timesheets/${id}/status`, { status: 'approved' }))) return;
  }
  const buttons = (row: Timesheet) => {
    const path = `/api/rental/timesheets/${row.id}/status`;
    const who = `${row.employee}, ${row.day}`;
    return (
      <span className="r-buttons">
        <Button small busy={busy === path} label={`Approve ${who}`} onClick={() => void act(path, { status: 'approved' })}>
          Approve
        </Button>
        <Button small kind="danger" busy={busy === path} label={`Reject ${who}`} onClick={() => void act(path, { status: 'rejected' })}>
          Reject
        </Button>
      </span>
    );
  };
  return (
    <div className="k-columns" data-split>
      <Panel
        title="Timesheets"
        stale={stale}
        actions={
          decides &&
          waiting.length > 1 && (
            <Button small busy={busy !== null} onClick={() => void approveAll()}>
              Approve all {waiting.length}
            </Button>
          )
        }
        note={`${plural(waiting.length, 'timesheet waits for a decision', 'timesheets wait for a decision')}; below them the last ${decided.length} that were decided on.`}
      >
        {error && (
          <Notice tone="bad" onDismiss={forget}>
            {error}
          </Notice>
        )}
        <Table
          label="Timesheets"
          rows={[...waiting, ...decided]}
          rowKey={({ id }) => String(id)}
          empty="Nobody has handed in hours."
          columns={[
            { head: 'Employee', cell: ({ employee }) => employee },
            { head: 'Day', cell: ({ day }) => day },
            { head: 'Hours', align: 'end', cell: ({ minutes }) => hours(minutes) },
            { head: 'Status', cell: ({ status }) => <Badge tone={STATUS_TONE[status]!}>{status}</Badge> },
            ...(decides ? [{ head: '', label: 'Decide', cell: (row: Timesheet) => (row.status === 'submitted' ? buttons(row) : null) }] : []),
          ]}
        />
      </Panel>
      {may(session.role, 'hours') && (
        <Panel title="Hand in hours">
          <HandIn data={data} refetch={refetch} />
        </Panel>
      )}
    </div>
  );
}

function Payrolls({ data, session, stale, refetch, period, onPeriod }: PartProps & { period: string; onPeriod: (period: string) => void }) {
  const { act, busy, error } = useAct(refetch);
  const { preview, currency } = data;
  return (
    <div className="k-stack">
      <Panel title={`Approved and unpaid in ${preview.period}`} stale={stale}>
        <Tiles label="Payroll to be run">
          <Tile label="Employees" value={preview.employees} />
          <Tile label="Hours" value={hours(preview.minutes)} hint={`${hours(preview.overtime)} beyond eight a day, at one and a half`} />
          <Tile label="Wages" value={money(preview.total, currency)} />
        </Tiles>
        <div className="k-row">
          <Field label="Month">{(props) => <input {...props} type="month" value={period} max={today().slice(0, 7)} onChange={(event) => event.target.value && onPeriod(event.target.value)} />}</Field>
          {may(session.role, 'people') && (
            <Button kind="main" busy={busy !== null} disabled={!preview.employees} onClick={() => void act('/api/rental/payrolls', { period })}>
              Run payroll
            </Button>
          )}
        </div>
        {error && <Notice tone="bad">{error}</Notice>}
      </Panel>
      <Panel title="Payrolls" stale={stale}>
        <Table
          label="Payrolls"
          rows={data.payrolls}
          rowKey={({ id }) => String(id)}
          empty="No payroll has been run."
          columns={[
            { head: 'Month', cell: ({ period: month }) => month },
            { head: 'Employees', align: 'end', cell: ({ employees }) => employees },
            { head: 'Hours', align: 'end', cell: ({ minutes }) => hours(minutes) },
            { head: 'Wages', align: 'end', cell: ({ total }) => money(total, currency) },
            { head: 'Run', cell: ({ run_at: at, run_by: by }) => `${format.day(at)}, ${by}` },
          ]}
        />
      </Panel>
    </div>
  );
}

function AskLeave({ data, refetch }: Pick<PartProps, 'data' | 'refetch'>) {
  const [employee, setEmployee] = useState(String(data.employees[0]?.id ?? ''));
  const [kind, setKind] = useState<Leave['kind']>('annual');
  const [from, setFrom] = useState(today());
  const [to, setTo] = useState(today());
  const { act, busy, error } = useAct(refetch);
  return (
    <form
      className="k-form"
      onSubmit={(event) => {
        event.preventDefault();
        void act('/api/rental/leaves', { employee_id: Number(employee), kind, from_on: from, to_on: to });
      }}
    >
      <EmployeeSelect employees={data.employees} value={employee} onChange={setEmployee} />
      <Select label="Kind" value={kind} onChange={setKind} options={['annual', 'sick', 'unpaid']} />
      <div className="k-row">
        <DayField label="First day" value={from} onChange={setFrom} />
        <DayField label="Last day" value={to} onChange={setTo} min={from} />
      </div>
      {error && <Notice tone="bad">{error}</Notice>}
      <div className="k-row">
        <Button type="submit" kind="main" busy={busy !== null}>
          Request
        </Button>
      </div>
    </form>
  );
}

const DECISIONS: Partial<Record<Leave['status'], readonly { to: string; label: string }[]>> = {
  requested: [{ to: 'approved', label: 'Approve' }, { to: 'rejected', label: 'Reject' }],
  approved: [{ to: 'cancelled', label: 'Cancel' }],
};

function Leaves({ data, session, stale, refetch }: PartProps) {
  const { act, busy, error, forget } = useAct(refetch);
  const buttons = (row: Leave) => (
    <span className="r-buttons">
      {DECISIONS[row.status]
        ?.filter(({ to }) => to !== 'cancelled' || row.from_on > today())
        .map(({ to, label }) => (
          <Button key={to} small kind={to === 'approved' ? 'plain' : 'danger'} busy={busy === `/api/rental/leaves/${row.id}/status`} label={`${label} leave of ${row.employee}, ${row.from_on}`} onClick={() => void act(`/api/rental/leaves/${row.id}/status`, { status: to })}>
            {label}
          </Button>
        ))}
    </span>
  );
  return (
    <div className="k-columns" data-split>
      <div className="k-stack">
        <Panel title="Leave requests" stale={stale}>
          {error && (
            <Notice tone="bad" onDismiss={forget}>
              {error}
            </Notice>
          )}
          <Table
            label="Leave requests"
            rows={data.leaves}
            rowKey={({ id }) => String(id)}
            empty="Nobody has asked for leave."
            columns={[
              { head: 'Employee', cell: ({ employee }) => employee },
              { head: 'Kind', cell: ({ kind }) => kind },
              { head: 'From', cell: ({ from_on: on }) => on },
              { head: 'To', cell: ({ to_on: on }) => on },
              { head: 'Days', align: 'end', cell: ({ days }) => days },
              { head: 'Status', cell: ({ status }) => <Badge tone={STATUS_TONE[status]!}>{status}</Badge> },
              ...(may(session.role, 'people') ? [{ head: '', label: 'Decide', cell: buttons }] : []),
            ]}
          />
        </Panel>
        <Panel title="Days of annual leave this year" stale={stale}>
          <Table
            label="Leave balances"
            rows={data.employees}
            rowKey={({ id }) => String(id)}
            empty="There are no employees."
            columns={[
              { head: 'Employee', cell: ({ name }) => name },
              { head: 'Entitled', align: 'end', cell: ({ leave_days: days }) => days },
              { head: 'Taken or asked for', align: 'end', cell: ({ leave_taken: days }) => days },
              { head: 'Left', align: 'end', cell: (one) => one.leave_days - one.leave_taken },
            ]}
          />
        </Panel>
      </div>
      {may(session.role, 'hours') && (
        <Panel title="Request leave">
          <AskLeave data={data} refetch={refetch} />
        </Panel>
      )}
    </div>
  );
}

type Part = 'timesheets' | 'payroll' | 'leave';

function Everybody({ session }: { session: Session }) {
  const [period, setPeriod] = useState(today().slice(0, 7));
  const { data, error, refetch } = useLive<People>(`/api/rental/people?period=${period}`, { on: CHANGES });
  const stale = useStaleSince(useConnection());
  const [part, setPart] = useState<Part>('timesheets');
  const happened = { timesheets: useTimesheetEvents(), payroll: usePayrollEvents(), leave: useLeaveEvents() };
  if (!data) return error ? <Notice tone="bad">{error.detail}</Notice> : <div className="k-waiting" aria-busy="true" />;
  const props = { data, session, stale, refetch };
  return (
    <>
      <Tabs
        label="People"
        chosen={part}
        onChoose={setPart}
        tabs={[
          { id: 'timesheets', label: 'Timesheets' },
          { id: 'payroll', label: 'Payroll' },
          { id: 'leave', label: 'Leave' },
        ]}
      >
        {part === 'timesheets' && <Timesheets {...props} />}
        {part === 'payroll' && <Payrolls {...props} period={period} onPeriod={setPeriod} />}
        {part === 'leave' && <Leaves {...props} />}
      </Tabs>
      <Latest events={[happened[part]]} />
    </>
  );
}

mount(<Page title="People">{(session) => <Everybody session={session} />}</Page>);
