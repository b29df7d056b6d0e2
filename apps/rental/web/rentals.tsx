import { usePaymentEvents, useRentalEvents } from '@freshet/client/compat/rental';
import { useConnection } from '@freshet/client/react';
import { api, Badge, Button, Dialog, Field, format, mount, Notice, Panel, Select, Table, Tabs, TextField, useStaleSince, type Session } from '@kit';
import { useEffect, useMemo, useState } from 'react';
import { Below, Named, Solid } from './cells';
import { useAct, useLive } from './data';
import { DayField } from './fields';
import { Latest } from './Latest';
import { Page } from './Page';
import type { Customer, Machine, Rental } from './types';
import { may, money, plural, STATUS_TONE, STEPS } from './words';

interface List {
  rentals: Rental[];
  currency: string;
  today: string;
}

const CHANGES = ['rental_status_updated', 'rental_overdue', 'payment_received'];
const FILTERS = ['all', 'overdue', 'active', 'confirmed', 'pending', 'completed', 'cancelled'] as const;
type Filter = (typeof FILTERS)[number];

/** The day after some days, of the server's today. */
const later = (today: string, days: number) => new Date(Date.parse(today) + days * 86400000).toISOString().slice(0, 10);

function NewRental({ today, onDone }: { today: string; onDone: () => void }) {
  const [customers, setCustomers] = useState<Customer[]>([]);
  const [machines, setMachines] = useState<Machine[]>([]);
  const [customer, setCustomer] = useState('');
  const [machine, setMachine] = useState('');
  const [start, setStart] = useState(later(today, 0));
  const [due, setDue] = useState(later(today, 7));
  const { act, busy, error } = useAct(onDone);
  useEffect(() => {
    void api<{ customers: Customer[] }>('/api/rental/customers').then((told) => {
      setCustomers(told.customers);
      setCustomer(String(told.customers[0]?.id ?? ''));
    });
    void api<{ equipment: Machine[] }>('/api/rental/equipment').then((told) => {
      setMachines(told.equipment);
      setMachine(String((told.equipment.find(({ state }) => state === 'available') ?? told.equipment[0])?.id ?? ''));
    });
  }, []);
  return (
    <form
      className="k-form"
      onSubmit={(event) => {
        event.preventDefault();
        void act('/api/rental/rentals', { customer_id: Number(customer), equipment_id: Number(machine), start_on: start, due_on: due });
      }}
    >
      <Select label="Customer" value={customer} onChange={setCustomer} options={customers.map((one) => ({ value: String(one.id), label: one.status === 'suspended' ? `${one.name} (suspended)` : one.name }))} />
      <Select label="Equipment" value={machine} onChange={setMachine} options={machines.map((one) => ({ value: String(one.id), label: `${one.name} ${one.code}, ${one.state}` }))} />
      <div className="k-row">
        <DayField label="First day" value={start} onChange={setStart} min={today} />
        <DayField label="Due day" value={due} onChange={setDue} min={start} />
      </div>
      {error && <Notice tone="bad">{error}</Notice>}
      <div className="k-row">
        <Button type="submit" kind="main" busy={busy !== null}>
          Make the rental
        </Button>
      </div>
    </form>
  );
}

interface Payment {
  id: number;
  amount: number;
  method: string;
  received_at: number;
  received_by: string;
}

const METHODS = [
  { value: 'credit_card', label: 'Card' },
  { value: 'bank_transfer', label: 'Bank transfer' },
  { value: 'cash', label: 'Cash' },
  { value: 'cheque', label: 'Cheque' },
];

function Payments({ rental, currency, onDone }: { rental: Rental; currency: string; onDone: () => void }) {
  const { data, refetch } = useLive<{ payments: Payment[] }>(`/api/rental/rentals/${rental.id}/payments`, { on: ['payment_received'] });
  const [amount, setAmount] = useState((rental.balance / 100).toFixed(2));
  const [method, setMethod] = useState('credit_card');
  const { act, busy, error } = useAct(() => {
    refetch();
    onDone();
  });
  const cents = Math.round(Number(amount) * 100);
  return (
    <>
      <p>
        {rental.equipment} for {rental.customer}: {money(rental.owed, currency)} owed, {money(rental.paid, currency)} paid, <b>{money(rental.balance, currency)}</b> open.
      </p>
      <Table
        label="Payments so far"
        rows={data?.payments ?? []}
        rowKey={({ id }) => String(id)}
        empty="Nothing has been paid yet."
        columns={[
          { head: 'When', cell: ({ received_at }) => format.day(received_at) },
          { head: 'How', cell: (one) => METHODS.find(({ value }) => value === one.method)?.label },
          { head: 'Taken by', cell: ({ received_by }) => received_by },
          { head: 'Amount', align: 'end', cell: (one) => money(one.amount, currency) },
        ]}
      />
      {rental.balance > 0 && (
        <form
          className="k-form"
          onSubmit={(event) => {
            event.preventDefault();
            void act(`/api/rental/rentals/${rental.id}/payments`, { amount: cents, method });
          }}
        >
          <div className="k-row">
            <Field label={`Amount (${currency})`}>{(props) => <input {...props} inputMode="decimal" value={amount} required pattern="[0-9]+([.][0-9]{1,2})?" onChange={(event) => setAmount(event.target.value)} />}</Field>
            <Select label="Paid by" value={method} options={METHODS} onChange={setMethod} />
            <Button type="submit" kind="main" busy={busy !== null} disabled={!(cents > 0)}>
              Take the payment
            </Button>
          </div>
          {error && <Notice tone="bad">{error}</Notice>}
        </form>
      )}
    </>
  );
}

function DueDay({ rental, onDone }: { rental: Rental; onDone: () => void }) {
  const [due, setDue] = useState(rental.due_on);
  const { act, busy, error } = useAct(onDone);
  return (
    <form
      className="k-form"
      onSubmit={(event) => {
        event.preventDefault();
        void act(`/api/rental/rentals/${rental.id}/due`, { due_on: due });
      }}
    >
      <p>
        {rental.equipment} for {rental.customer}, since {rental.start_on}. A day that has passed makes the rental overdue at once.
      </p>
      <DayField label="Due day" value={due} onChange={setDue} min={rental.start_on} />
      {error && <Notice tone="bad">{error}</Notice>}
      <div className="k-row">
        <Button type="submit" kind="main" busy={busy !== null}>
          Set the due day
        </Button>
      </div>
    </form>
  );
}

type Open = { what: 'new' } | { what: 'pay' | 'due'; id: number } | null;

function Steps({ rental, busy, onStep, onOpen }: { rental: Rental; busy: string | null; onStep: (rental: Rental, to: string) => void; onOpen: (open: Open) => void }) {
  const path = `/api/rental/rentals/${rental.id}/status`;
  return (
    <span className="r-buttons">
      {STEPS[rental.status]?.map(({ to, label }) => (
        <Button key={to} small kind={to === 'cancelled' ? 'danger' : 'plain'} busy={busy === path} label={`${label} rental ${rental.id}`} onClick={() => onStep(rental, to)}>
          {label}
        </Button>
      ))}
      {STEPS[rental.status] && (
        <Button small label={`Due day of rental ${rental.id}`} onClick={() => onOpen({ what: 'due', id: rental.id })}>
          Due day…
        </Button>
      )}
      {rental.owed > 0 && (
        <Button small label={`Payment for rental ${rental.id}`} onClick={() => onOpen({ what: 'pay', id: rental.id })}>
          Payment…
        </Button>
      )}
    </span>
  );
}

function Rentals({ session }: { session: Session }) {
  const { data, error: failed, refetch } = useLive<List>('/api/rental/rentals', { on: CHANGES });
  const stale = useStaleSince(useConnection());
  const [filter, setFilter] = useState<Filter>('all');
  const [search, setSearch] = useState(new URLSearchParams(location.search).get('rental') ?? '');
  const [open, setOpen] = useState<Open>(null);
  const { act, busy, error, forget } = useAct(refetch);
  const happened = [useRentalEvents(), usePaymentEvents()];
  const works = may(session.role, 'rentals');
  const rows = useMemo(() => {
    const wanted = search.trim().toLowerCase();
    return (data?.rentals ?? []).filter(
      (one) => (filter === 'all' || one.status === filter) && (!wanted || String(one.id) === wanted || `${one.customer} ${one.equipment}`.toLowerCase().includes(wanted)),
    );
  }, [data, filter, search]);
  if (!data) return failed ? <Notice tone="bad">{failed.detail}</Notice> : <div className="k-waiting" aria-busy="true" />;
  const { currency, today } = data;
  const count = (one: Filter) => (one === 'all' ? data.rentals.length : data.rentals.filter(({ status }) => status === one).length);
  const chosen = open && open.what !== 'new' ? data.rentals.find(({ id }) => id === open.id) : undefined;
  const close = () => setOpen(null);
  return (
    <>
      {error && (
        <Notice tone="bad" onDismiss={forget}>
          {error}
        </Notice>
      )}
      <Panel
        title="Rentals"
        stale={stale}
        actions={
          works && (
            <Button kind="main" onClick={() => setOpen({ what: 'new' })}>
              New rental
            </Button>
          )
        }
      >
        <div className="r-search">
          <Tabs label="Status" chosen={filter} onChoose={setFilter} tabs={FILTERS.map((id) => ({ id, label: `${id} ${count(id)}` }))} />
          <TextField label="Number, customer or equipment" type="search" value={search} onChange={setSearch} />
        </div>
        <Table
          label="Rentals"
          rows={rows}
          rowKey={({ id }) => String(id)}
          rowProps={({ status }) => ({ 'data-status': status })}
          empty="No rental is like that."
          columns={[
            { head: 'Rental', cell: ({ id }) => id },
            { head: 'Status', cell: ({ status, days_overdue: days }) => <Badge tone={STATUS_TONE[status]!}>{days ? `overdue ${plural(days, 'day')}` : status}</Badge> },
            { head: 'Customer', cell: ({ customer }) => customer },
            { head: 'Equipment', cell: ({ equipment }) => <Named>{equipment}</Named> },
            {
              head: 'Due',
              cell: ({ due_on, returned_on, start_on }) => (
                <Solid>
                  {returned_on ? `back ${returned_on}` : due_on} <Below>from {start_on}</Below>
                </Solid>
              ),
            },
            { head: 'Owed', align: 'end', cell: ({ owed }) => <Solid>{money(owed, currency)}</Solid>, wide: true },
            { head: 'Open', align: 'end', cell: ({ balance }) => <Solid>{money(balance, currency)}</Solid> },
            ...(works ? [{ head: '', label: 'What can be done', cell: (rental: Rental) => <Steps rental={rental} busy={busy} onOpen={setOpen} onStep={({ id }, to) => void act(`/api/rental/rentals/${id}/status`, { status: to })} /> }] : []),
          ]}
        />
      </Panel>
      <Latest events={happened} />
      <Dialog open={open?.what === 'new'} title="New rental" onClose={close}>
        <NewRental today={today} onDone={() => (refetch(), close())} />
      </Dialog>
      <Dialog open={open?.what === 'pay' && !!chosen} title={`Payments for rental ${chosen?.id ?? ''}`} onClose={close}>
        {chosen && <Payments rental={chosen} currency={currency} onDone={refetch} />}
      </Dialog>
      <Dialog open={open?.what === 'due' && !!chosen} title={`Due day of rental ${chosen?.id ?? ''}`} onClose={close}>
        {chosen && <DueDay rental={chosen} onDone={() => (refetch(), close())} />}
      </Dialog>
    </>
  );
}

mount(<Page title="Rentals">{(session) => <Rentals session={session} />}</Page>);
