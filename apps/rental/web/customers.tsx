import { useSyncProgress, useSystemNotifications } from '@freshet/client/compat/rental';
import { useConnection } from '@freshet/client/react';
import { api, ApiError, Badge, Button, Dialog, format, Meter, mount, Notice, Panel, Table, TextField, useStaleSince, type Session } from '@kit';
import { useMemo, useState } from 'react';
import { Below } from './cells';
import { useAct, useLive } from './data';
import { Typed } from './fields';
import { Latest } from './Latest';
import { Page } from './Page';
import type { Customer, Run } from './types';
import { may, money, STATUS_TONE } from './words';

interface List {
  customers: Customer[];
  syncs: Run[];
  currency: string;
}

const CHANGES = ['sync_progress', 'payment_received', 'rental_status_updated', 'rental_overdue', 'system_notification'];
/** Records in one request: small enough that progress is seen. */
const BATCH = 10;

/** One customer of a list: code, name, city, email, limit. */
export interface Line {
  code: string;
  name: string;
  city: string;
  email: string;
  credit_limit: number;
  revision: number;
}

/** Lines of `code, name, city, email, credit limit`; a first line of headings is left out. Throws with the number of what it can't read. */
export function readLines(text: string, revision: number): Line[] {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  return lines.flatMap((line, i) => {
    if (!line || (i === 0 && /^code\b/i.test(line))) return [];
    const [code, name, city, email, limit] = line.split(/[,;\t]/).map((part) => part.trim());
    const credit = Number(limit);
    if (!code || !name || !city || !email || !(credit >= 0)) throw new Error(`Line ${i + 1} is not: code, name, city, email, credit limit`);
    return [{ code, name, city, email, credit_limit: Math.round(credit * 100), revision }];
  });
}

/** Brings a list in, as the books do: a run, then its records in batches. */
function Import({ onDone }: { onDone: () => void }) {
  const [text, setText] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  async function send() {
    setError(null);
    setBusy(true);
    try {
      const lines = readLines(text, Date.now());
      if (!lines.length) throw new Error('There is no customer in it.');
      const run = await api<Run>('/api/rental/syncs', { body: { task: 'Customers from a list', total: lines.length } });
      for (let i = 0; i < lines.length; i += BATCH) await api(`/api/rental/syncs/${run.id}/customers`, { body: { customers: lines.slice(i, i + BATCH) } });
      setText('');
      onDone();
    } catch (failed) {
      setError(failed instanceof ApiError ? failed.detail : failed instanceof Error ? failed.message : String(failed));
    }
    setBusy(false);
  }
  return (
    <form
      className="k-form"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <TextField label="A customer a line: code, name, city, email, credit limit" rows={6} value={text} onChange={setText} maxLength={200000} placeholder="C-3001, Shore Works, Jubail, office@shore.example, 25000" required />
      {error && <Notice tone="bad">{error}</Notice>}
      <div className="k-row">
        <Button type="submit" kind="main" busy={busy}>
          Import
        </Button>
        <label className="r-file">
          From a file
          <input type="file" accept=".csv,text/csv,text/plain" onChange={(event) => void event.target.files?.[0]?.text().then(setText)} />
        </label>
      </div>
    </form>
  );
}

function Credit({ customer, currency, onDone }: { customer: Customer; currency: string; onDone: () => void }) {
  const [limit, setLimit] = useState((customer.credit_limit / 100).toFixed(2));
  const { act, busy, error } = useAct(onDone);
  return (
    <form
      className="k-form"
      onSubmit={(event) => {
        event.preventDefault();
        void act(`/api/rental/customers/${customer.id}/credit`, { credit_limit: Math.round(Number(limit) * 100) });
      }}
    >
      <p>{money(customer.open, currency)} are open. A customer with more open than the limit is suspended: no new rentals until something is paid.</p>
      <Typed label={`Credit limit (${currency})`} value={limit} onChange={setLimit} />
      {error && <Notice tone="bad">{error}</Notice>}
      <div className="k-row">
        <Button type="submit" kind="main" busy={busy !== null}>
          Set the limit
        </Button>
      </div>
    </form>
  );
}

function Customers({ session }: { session: Session }) {
  const { data, error, refetch } = useLive<List>('/api/rental/customers', { on: CHANGES });
  const stale = useStaleSince(useConnection());
  const [search, setSearch] = useState('');
  const [open, setOpen] = useState<number | null>(null);
  const happened = [useSyncProgress(), useSystemNotifications()];
  const rows = useMemo(() => {
    const wanted = search.trim().toLowerCase();
    return (data?.customers ?? []).filter((one) => `${one.code} ${one.name} ${one.city}`.toLowerCase().includes(wanted));
  }, [data, search]);
  if (!data) return error ? <Notice tone="bad">{error.detail}</Notice> : <div className="k-waiting" aria-busy="true" />;
  const { currency } = data;
  const chosen = data.customers.find(({ id }) => id === open);
  return (
    <>
      <div className="k-columns" data-split>
        <Panel title={`Customers (${data.customers.length})`} stale={stale}>
          <TextField label="Code, name or city" type="search" value={search} onChange={setSearch} />
          <Table
            label="Customers"
            rows={rows}
            rowKey={({ id }) => String(id)}
            empty="No customer is called that."
            columns={[
              {
                head: 'Customer',
                cell: ({ name, code, city }) => (
                  <>
                    {name}{' '}
                    <Below>
                      {code}, {city}
                    </Below>
                  </>
                ),
              },
              { head: 'Status', cell: ({ status }) => <Badge tone={STATUS_TONE[status]!}>{status}</Badge> },
              { head: 'Out', align: 'end', cell: ({ out }) => out },
              { head: 'Open', align: 'end', cell: (one) => money(one.open, currency) },
              { head: 'Limit', align: 'end', cell: (one) => money(one.credit_limit, currency) },
              { head: 'Synced', cell: ({ synced_at: at }) => format.day(at), wide: true },
              ...(may(session.role, 'rentals')
                ? [
                    {
                      head: '',
                      label: 'What can be done',
                      cell: (one: Customer) => (
                        <Button small label={`Credit limit of ${one.name}`} onClick={() => setOpen(one.id)}>
                          Limit…
                        </Button>
                      ),
                    },
                  ]
                : []),
            ]}
          />
        </Panel>
        <div className="k-stack">
          <Panel title="Runs" stale={stale}>
            <Table
              label="Runs"
              rows={data.syncs}
              rowKey={({ id }) => String(id)}
              empty="Nothing has been brought in yet."
              columns={[
                {
                  head: 'Run',
                  cell: (run) => (
                    <>
                      {run.task} <Below>{format.day(run.started_at)}</Below>
                    </>
                  ),
                },
                { head: 'Progress', cell: (run) => <span className="r-progress"><Meter label={`${run.task}, run ${run.id}`} value={run.done} max={run.total} text={<span className="k-meter-text">{`${run.done} of ${run.total}`}</span>} /></span> },
                { head: 'Changed', align: 'end', cell: ({ changed }) => changed },
              ]}
            />
          </Panel>
          {may(session.role, 'sync') && (
            <Panel title="Import a list">
              <Import onDone={refetch} />
            </Panel>
          )}
          <Latest events={happened} />
        </div>
      </div>
      <Dialog open={!!chosen} title={chosen?.name ?? ''} onClose={() => setOpen(null)}>
        {chosen && <Credit customer={chosen} currency={currency} onDone={() => (refetch(), setOpen(null))} />}
      </Dialog>
    </>
  );
}

mount(<Page title="Customers">{(session) => <Customers session={session} />}</Page>);
