import { createCustomEvent, SSEEvents, SSEStatus, useSSEContext, type SSEEventType } from '@freshet/client/compat/rental';
import { api, ApiError, Button, Field, format, mount, Notice, Panel, Select, Switch, Table, type Session } from '@kit';
import { useMemo, useState } from 'react';
import { EventHistory } from './History';
import { Page, Toasts, useChoice, type Choice } from './Page';
import { labelOf, TYPES } from './words';

/** An event of each type, as the document's examples have them. */
const EXAMPLES: Record<SSEEventType, { data: object; send: () => Promise<string | null> }> = {
  rental_status_updated: { data: { rental_id: 123, status: 'active', updated_by: 'John Doe' }, send: () => SSEEvents.rentalStatusUpdated(123, 'active', 'John Doe') },
  payment_received: { data: { rental_id: 123, amount: 1500, method: 'credit_card' }, send: () => SSEEvents.paymentReceived(123, 1500, 'credit_card') },
  maintenance_required: { data: { equipment: 'Excavator XC-200', description: 'Engine maintenance due' }, send: () => SSEEvents.maintenanceRequired('Excavator XC-200', 'Engine maintenance due') },
  rental_overdue: { data: { rental_id: 123, days_overdue: 3, customer: 'Al Noor Contracting' }, send: () => SSEEvents.rentalOverdue(123, 3, 'Al Noor Contracting') },
  equipment_location_updated: { data: { equipment: 'Excavator XC-200', location: { lat: 26.4, lon: 50.1, site: 'Site 7' } }, send: () => SSEEvents.equipmentLocationUpdated('Excavator XC-200', { lat: 26.4, lon: 50.1, site: 'Site 7' }) },
  timesheet_updated: { data: { timesheet_id: 9, status: 'approved', employee: 'Amal Haddad' }, send: () => SSEEvents.timesheetUpdated(9, 'approved', 'Amal Haddad') },
  payroll_processed: { data: { period: '2026-01', employees: 7, total: 48200 }, send: () => SSEEvents.payrollProcessed('2026-01', 7, 48200) },
  leave_request_updated: { data: { request_id: 4, status: 'approved', employee: 'Bashir Omar' }, send: () => SSEEvents.leaveRequestUpdated(4, 'approved', 'Bashir Omar') },
  system_notification: { data: { message: 'The yard closes at 18:00', level: 'info' }, send: () => SSEEvents.systemNotification('The yard closes at 18:00', 'info') },
  sync_progress: { data: { task: 'customers', progress: 40, total: 120 }, send: () => SSEEvents.syncProgress('customers', 40, 120) },
};

const asText = (type: SSEEventType) => JSON.stringify(EXAMPLES[type].data, null, 2);
type Result = { tone: 'good' | 'bad'; text: string } | null;

/** What the hub said to a broadcast: its number, or why it was refused. */
async function outcome(broadcast: () => Promise<string | null>): Promise<Result> {
  try {
    return { tone: 'good', text: `Sent as ${await broadcast()}` };
  } catch (error) {
    return { tone: 'bad', text: error instanceof Error ? error.message : String(error) };
  }
}

function Send() {
  const { sendEvent } = useSSEContext();
  const [type, setType] = useState<SSEEventType>('rental_status_updated');
  const [text, setText] = useState(asText(type));
  const [result, setResult] = useState<Result>(null);
  function send() {
    let data: unknown;
    try {
      data = JSON.parse(text);
    } catch {
      return setResult({ tone: 'bad', text: 'The data is not JSON.' });
    }
    void outcome(() => sendEvent(type, data)).then(setResult);
  }
  return (
    <Panel title="Send events" note="A broadcast to every connected page of the company. It changes nothing in the books: what really happens tells of itself.">
      <div className="r-chips" role="group" aria-label="Predefined events">
        {TYPES.map(({ type: one, label }) => (
          <Button key={one} small label={`${label}: send an example`} onClick={() => void outcome(EXAMPLES[one].send).then(setResult)}>
            {label}
          </Button>
        ))}
      </div>
      <form
        className="k-form"
        onSubmit={(event) => {
          event.preventDefault();
          send();
        }}
      >
        <Select
          label="Type"
          value={type}
          options={TYPES.map(({ type: value }) => value)}
          onChange={(next) => {
            setType(next);
            setText(asText(next));
          }}
        />
        <Field label="Data (JSON)">{(props) => <textarea {...props} className="r-json" rows={7} spellCheck={false} value={text} onChange={(event) => setText(event.target.value)} />}</Field>
        <div className="k-row">
          <Button type="submit" kind="main">
            Send event
          </Button>
          <Button onClick={() => void outcome(() => createCustomEvent('rental_status_updated', { rental_id: 123, status: 'completed', notes: 'Equipment returned in good condition' })).then(setResult)}>Send custom event</Button>
        </div>
        {result && <Notice tone={result.tone}>{result.text}</Notice>}
      </form>
    </Panel>
  );
}

const DEBUG = 'sse-debug';

function Settings({ choice, onChoose }: { choice: Choice; onChoose: (choice: Choice) => void }) {
  const [debug, setDebug] = useState(() => localStorage.getItem(DEBUG) === 'true');
  return (
    <div className="k-row">
      <Switch label="Toasts" checked={choice.toasts} onChange={(toasts) => onChoose({ ...choice, toasts })} />
      <Switch
        label="Debug log in the console (after a reload)"
        checked={debug}
        onChange={(on) => {
          if (on) localStorage.setItem(DEBUG, 'true');
          else localStorage.removeItem(DEBUG);
          setDebug(on);
        }}
      />
    </div>
  );
}

/** How many of each type are in the history. */
function Distribution() {
  const { events } = useSSEContext();
  const rows = useMemo(() => {
    const counts = new Map<string, number>();
    for (const { type } of events) counts.set(type, (counts.get(type) ?? 0) + 1);
    return [...counts].sort((a, b) => b[1] - a[1]);
  }, [events]);
  return (
    <Table
      label="Events by type"
      rows={rows}
      rowKey={([type]) => type}
      empty="No event has come since this page was opened."
      columns={[
        { head: 'Type', cell: ([type]) => labelOf(type) },
        { head: 'Events', align: 'end', cell: ([, count]) => count },
      ]}
    />
  );
}

const SHOWN: readonly [name: string, label: string][] = [
  ['totalConnections', 'Active connections'],
  ['laggingConnections', 'Connections that lag'],
  ['eventsPublished', 'Events published'],
  ['eventsDelivered', 'Events delivered'],
  ['eventsRefused', 'Events refused'],
  ['eventsFailed', 'Events that failed'],
  ['publishRate', 'Events a second'],
  ['historySize', 'Events in the history'],
];

/** The hub's own figures of this company, when asked for: they would move all the time. */
function Monitoring() {
  const [told, setTold] = useState<{ at: number; stats: Record<string, unknown> } | null>(null);
  const [error, setError] = useState<string | null>(null);
  const read = () =>
    api<Record<string, unknown>>('/api/rental/stats').then(
      (stats) => (setTold({ at: Date.now(), stats }), setError(null)),
      (failed: unknown) => setError(failed instanceof ApiError ? failed.detail : String(failed)),
    );
  return (
    <Panel title="Monitoring" actions={<Button small onClick={() => void read()}>{told ? 'Read again' : 'Read the figures'}</Button>} note={told ? `at ${format.time(told.at)}` : undefined}>
      {error && <Notice tone="bad">{error}</Notice>}
      {told && (
        <Table
          label="Figures of the hub"
          rows={SHOWN.filter(([name]) => typeof told.stats[name] === 'number')}
          rowKey={([name]) => name}
          empty="The hub gave no figures."
          columns={[
            { head: 'Figure', cell: ([, label]) => label },
            { head: 'Value', align: 'end', cell: ([name]) => format.number(told.stats[name] as number) },
          ]}
        />
      )}
      <h3>In this page</h3>
      <Distribution />
    </Panel>
  );
}

function Test({ session }: { session: Session }) {
  const [choice, choose] = useChoice();
  return (
    <>
      <Toasts {...choice} />
      <div className="k-columns">
        <div className="k-stack">
          <Panel title="Connection" actions={<Settings choice={choice} onChoose={choose} />}>
            <SSEStatus showHistory={false} />
          </Panel>
          <EventHistory choice={choice} onChoose={choose} />
        </div>
        <div className="k-stack">
          <Send />
          {session.admin && <Monitoring />}
        </div>
      </div>
    </>
  );
}

mount(
  <Page title="SSE test" ownToasts>
    {(session) => <Test session={session} />}
  </Page>,
);
