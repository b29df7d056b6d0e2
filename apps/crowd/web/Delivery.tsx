import { useAlerts, useDensity } from '@freshet/client/compat/crowd';
import { api, Badge, Button, format, Notice, NumberField, Panel, Table, useSession } from '@kit';
import { useCallback, useEffect, useState } from 'react';
import { useAct } from './parts';
import type { Probe } from './types';

const STREAMS = [
  { id: 'density', label: 'Density' },
  { id: 'alerts', label: 'Alerts' },
] as const;
type StreamId = (typeof STREAMS)[number]['id'];

interface Got {
  number: number;
  /** From the server's clock to this page's, in ms: on one machine the delay. */
  delay: number;
}
interface Run {
  run: string;
  sent: number | null;
  got: Record<StreamId, readonly Got[]>;
}

const inOrder = (got: readonly Got[]) => got.every(({ number }, i) => number === i + 1);
const middle = (got: readonly Got[]) => [...got].sort((a, b) => a.delay - b.delay)[got.length >> 1]?.delay;

function Verdict({ got, sent }: { got: readonly Got[]; sent: number | null }) {
  if (sent === null || got.length < sent) return <Badge tone="warn">waiting for {sent === null ? 'the server' : sent - got.length}</Badge>;
  return got.length === sent && inOrder(got) ? <Badge tone="good">all, in order</Badge> : <Badge tone="bad">{got.length > sent ? 'repeated' : 'out of order'}</Badge>;
}

/** How many streams of this venue are open, as the hub counts them; for its administrators. */
function OpenStreams() {
  const [text, setText] = useState<string | null>(null);
  const ask = useCallback(
    () =>
      api<{ connectionsByChannel?: Record<string, number> }>('/api/crowd-risk/connections').then(
        ({ connectionsByChannel: by = {} }) => setText(`Open streams of this venue at ${format.time(Date.now())}: density ${by.density ?? 0}, alerts ${by['crowd-alerts'] ?? 0}`),
        () => setText(null),
      ),
    [],
  );
  useEffect(() => {
    const soon = setTimeout(() => void ask(), 1000); // its own are open by then
    return () => clearTimeout(soon);
  }, [ask]);
  return (
    <div className="k-row">
      <span className="k-quiet" role="status">
        {text ?? 'Open streams of this venue: not asked yet'}
      </span>
      <Button small onClick={() => void ask()}>
        Count again
      </Button>
    </div>
  );
}

/** Numbered messages through both streams: all of them, in order, and how late. */
export function DeliveryPanel() {
  const clients = { density: useDensity().client, alerts: useAlerts().client };
  const { density, alerts } = clients;
  const admin = useSession('crowd').session?.admin ?? false;
  const [count, setCount] = useState(20);
  const [run, setRun] = useState<Run | null>(null);
  const { act, busy, error } = useAct();
  useEffect(() => {
    const take = (id: StreamId) => (data: unknown) => {
      const probe = data as Probe;
      const delay = performance.timeOrigin + performance.now() - probe.timestamp;
      setRun((now) => (now?.run === probe.run ? { ...now, got: { ...now.got, [id]: [...now.got[id], { number: probe.number, delay }] } } : now));
    };
    const offs = [density.on('delivery-test', take('density')), alerts.on('delivery-test', take('alerts'))];
    return () => offs.forEach((off) => off());
  }, [density, alerts]);
  async function verify() {
    const name = `run-${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}`;
    setRun({ run: name, sent: null, got: { density: [], alerts: [] } });
    const answer = await act<{ sent: number }>('testing/delivery', { run: name, count });
    setRun((now) => (answer && now?.run === name ? { ...now, sent: answer.sent } : now));
  }
  return (
    <Panel title="Message delivery" note="The server sends numbered messages on both streams; this page counts what arrives.">
      <div className="k-row">
        <NumberField label="Messages on each stream" value={count} min={1} max={100} step={10} onChange={setCount} />
        <Button kind="main" busy={busy} onClick={() => void verify()}>
          Verify delivery
        </Button>
      </div>
      {error && <Notice tone="bad">{error}</Notice>}
      {run && (
        <Table
          label="Delivery"
          rows={STREAMS}
          rowKey={({ id }) => id}
          empty=""
          columns={[
            { head: 'Stream', cell: ({ label }) => label },
            { head: 'Sent', align: 'end', cell: () => run.sent ?? '–' },
            { head: 'Arrived', align: 'end', cell: ({ id }) => run.got[id].length },
            { head: 'Median', align: 'end', cell: ({ id }) => (run.got[id].length ? `${Math.round(middle(run.got[id])!)} ms` : '–') },
            { head: 'Longest', align: 'end', cell: ({ id }) => (run.got[id].length ? `${Math.round(Math.max(...run.got[id].map(({ delay }) => delay)))} ms` : '–') },
            { head: 'Verdict', cell: ({ id }) => <Verdict got={run.got[id]} sent={run.sent} /> },
          ]}
        />
      )}
      {admin && <OpenStreams />}
    </Panel>
  );
}
