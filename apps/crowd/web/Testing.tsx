import { useAlerts, useDensity } from '@freshet/client/compat/crowd';
import type { FreshetEvent } from '@freshet/client';
import { Badge, Button, Empty, format, Notice, NumberField, Panel, Select, Table, TextField, WorldControl } from '@kit';
import { EventLog } from '@freshet/client/react/ui';
import { useEffect, useState } from 'react';
import { DeliveryPanel } from './Delivery';
import { Fault, useIsCut } from './faults';
import { densityText } from './FloorPlan';
import { CrowdPage } from './page';
import { AlertsPanel, EmergencyBar, LevelBadge, useAct, useIsController } from './parts';
import { AlertsStopped, StreamErrors, useAlertsStale, useStreamWords } from './streams';
import { SEVERITIES, type Alert, type Severity, type VenueState } from './types';

const faults = { density: new Fault(), alerts: new Fault() };
const fetches = { density: faults.density.fetch, alerts: faults.alerts.fetch };

const zoneOptions = (state: VenueState) => state.zones.map(({ id, name }) => ({ value: id, label: name }));

// ---- violations and breaches

function RunTest({ state, kind, title, note, action }: { state: VenueState; kind: 'violation' | 'breach'; title: string; note: string; action: string }) {
  const [zone, setZone] = useState(state.zones[0]?.id ?? '');
  const [level, setLevel] = useState<Severity>('critical');
  const [seconds, setSeconds] = useState(20);
  const { act, busy, error } = useAct();
  return (
    <Panel title={title} note={note}>
      <form
        className="k-form"
        onSubmit={(event) => {
          event.preventDefault();
          void act(`testing/${kind}`, { zone, level, seconds });
        }}
      >
        <div className="c-run">
          <Select label="Zone" value={zone} options={zoneOptions(state)} onChange={setZone} />
          <Select label={kind === 'violation' ? 'Held at' : 'Until it is'} value={level} options={SEVERITIES} onChange={setLevel} />
          <NumberField label="Seconds" value={seconds} min={5} max={120} step={5} onChange={setSeconds} />
        </div>
        {error && <Notice tone="bad">{error}</Notice>}
        <div>
          <Button type="submit" kind="main" busy={busy}>
            {action}
          </Button>
        </div>
      </form>
    </Panel>
  );
}

function RunningTests({ state }: { state: VenueState }) {
  const { act, busy, error } = useAct();
  const zones = new Map(state.zones.map((zone) => [zone.id, zone]));
  return (
    <Panel
      title="Running tests"
      note="While one runs, what its zone’s camera counts is set aside; when it ends, the camera is believed again."
      actions={
        state.tests.length > 0 && (
          <Button small busy={busy} onClick={() => void act('testing/stop')}>
            Stop all
          </Button>
        )
      }
    >
      <Table
        label="Running tests"
        rows={state.tests}
        rowKey={({ zoneId }) => zoneId}
        empty="None. Every zone shows what its camera counts."
        columns={[
          { head: 'Zone', cell: ({ zoneId }) => zones.get(zoneId)?.name ?? zoneId },
          { head: 'Test', cell: ({ kind, level }) => `${kind} to ${level}` },
          { head: 'Density /m²', align: 'end', cell: ({ zoneId }) => (zones.has(zoneId) ? densityText(zones.get(zoneId)!) : '–') },
          { head: 'Level', cell: ({ zoneId }) => <LevelBadge level={zones.get(zoneId)?.level ?? 'normal'} /> },
          { head: 'Ends', align: 'end', cell: ({ endsAt }) => format.time(endsAt) },
          {
            head: '',
            label: 'Stop',
            cell: ({ zoneId }) => (
              <Button small busy={busy} label={`Stop the test in ${zones.get(zoneId)?.name ?? zoneId}`} onClick={() => void act('testing/stop', { zone: zoneId })}>
                Stop
              </Button>
            ),
          },
        ]}
      />
      {error && <Notice tone="bad">{error}</Notice>}
    </Panel>
  );
}

// ---- alerts

interface SentAlert {
  id: number;
  message: string;
  sentAt: number;
  arrivedAt: number | null;
}

/** When each alert came in on the alert stream of this page. */
function useArrivals(): ReadonlyMap<number, number> {
  const { client } = useAlerts();
  const [arrivals, setArrivals] = useState<ReadonlyMap<number, number>>(new Map());
  useEffect(
    () =>
      client.on('alert', (data) => {
        const { id } = data as Alert;
        const now = performance.timeOrigin + performance.now();
        setArrivals((before) => (before.has(id) ? before : new Map(before).set(id, now)));
      }),
    [client],
  );
  return arrivals;
}

function TestAlert({ state }: { state: VenueState }) {
  const [zone, setZone] = useState(state.zones[0]?.id ?? '');
  const [severity, setSeverity] = useState<Severity>('high');
  const [message, setMessage] = useState('Test of the alert path');
  const [sent, setSent] = useState<readonly SentAlert[]>([]);
  const { act, busy, error } = useAct();
  const arrivals = useArrivals();
  async function send() {
    const sentAt = performance.timeOrigin + performance.now();
    const alert = await act<Alert>('testing/alert', { zone, severity, message: message.trim() });
    if (alert) setSent((before) => [{ id: alert.id, message: alert.message, sentAt, arrivedAt: null }, ...before].slice(0, 8));
  }
  return (
    <Panel title="Test alert" note="Made, stored and delivered as any other; marked as a test. Resolve it when you have seen it.">
      <form
        className="k-form"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <div className="c-run">
          <Select label="Zone" value={zone} options={zoneOptions(state)} onChange={setZone} />
          <Select label="Severity" value={severity} options={SEVERITIES} onChange={setSeverity} />
        </div>
        <TextField label="Message" value={message} onChange={setMessage} maxLength={160} required />
        {error && <Notice tone="bad">{error}</Notice>}
        <div>
          <Button type="submit" kind="main" busy={busy} disabled={!message.trim()}>
            Send test alert
          </Button>
        </div>
      </form>
      <ul className="c-errors" aria-label="Test alerts sent">
        {sent.map(({ id, message: text, sentAt }) => {
          const at = arrivals.get(id);
          return (
            <li key={id}>
              <time>{format.time(sentAt)}</time> {at ? <Badge tone="good">arrived after {Math.max(0, Math.round(at - sentAt))} ms</Badge> : <Badge tone="warn">not arrived yet</Badge>} <span>{text}</span>
            </li>
          );
        })}
      </ul>
    </Panel>
  );
}

// ---- connections

function StreamRow({ which, label }: { which: 'density' | 'alerts'; label: string }) {
  const fault = faults[which];
  const cut = useIsCut(fault);
  const words = useStreamWords(which);
  const { client } = { density: useDensity(), alerts: useAlerts() }[which];
  const mend = () => {
    fault.set(false);
    client.reconnect();
  };
  return (
    <div data-stream={which}>
      <b>{label}</b> {cut ? <Badge tone="bad">cut</Badge> : <Badge tone="good">whole</Badge>} <span role="status">{words}</span>
      {cut ? (
        <Button small label={`Mend the ${which} stream`} onClick={mend}>
          Mend
        </Button>
      ) : (
        <Button small kind="danger" label={`Cut the ${which} stream`} onClick={() => fault.set(true)}>
          Cut
        </Button>
      )}
    </div>
  );
}

function Connections() {
  return (
    <Panel title="Connection failures" note="Cuts a stream of this page alone. After five failed attempts density is polled, and alerts stop.">
      <div className="c-streams">
        <StreamRow which="density" label="Density stream" />
        <StreamRow which="alerts" label="Alert stream" />
      </div>
    </Panel>
  );
}

// ---- what arrives

function Messages() {
  const [density, alerts] = [useDensity().client, useAlerts().client];
  const [events, setEvents] = useState<readonly FreshetEvent[]>([]);
  useEffect(() => {
    const add = (_: unknown, event: FreshetEvent) => setEvents((before) => [...before, { ...event, time: event.time ?? Date.now() }].slice(-60));
    const offs = [density, alerts].map((client) => client.on('*', add));
    return () => offs.forEach((off) => off());
  }, [density, alerts]);
  return (
    <Panel title="Messages" note="What came in on both streams, newest first.">
      <EventLog events={events} label="Messages" onClear={() => setEvents([])} />
    </Panel>
  );
}

// ---- the page

function Controls({ state }: { state: VenueState }) {
  return (
    <div className="k-stack">
      <RunTest state={state} kind="violation" title="Density violation" note="Holds a zone just above a threshold: its level, its alert and, at critical, emergency mode follow from the rules." action="Trigger violation" />
      <RunTest state={state} kind="breach" title="Threshold breach" note="Fills a zone from what it holds now, through each threshold on the way." action="Simulate breach" />
      <TestAlert state={state} />
      <DeliveryPanel />
      <Connections />
    </div>
  );
}

function Content({ state }: { state: VenueState }) {
  const controller = useIsController();
  const stale = useAlertsStale();
  return (
    <>
      <AlertsStopped />
      <EmergencyBar emergency={state.emergency} />
      <div className="k-columns">
        {controller ? (
          <Controls state={state} />
        ) : (
          <div className="k-stack">
            <Empty>Only a controller may run tests. You see what they bring.</Empty>
            <Connections />
          </div>
        )}
        <div className="k-stack">
          <RunningTests state={state} />
          <AlertsPanel state={state} stale={stale} />
          <StreamErrors />
          <Messages />
          <Panel title="Cameras" note="With counting off, nothing changes but what is tested here.">
            <WorldControl app="crowd" label="Counting" />
          </Panel>
        </div>
      </div>
    </>
  );
}

export const Testing = () => (
  <CrowdPage title="Crowd testing" fetches={fetches}>
    {(state) => <Content state={state} />}
  </CrowdPage>
);
