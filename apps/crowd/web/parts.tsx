import { api, ApiError, Badge, Button, Dialog, Empty, format, Notice, Panel, Tabs, TextField, useSession, type Tone } from '@kit';
import { useEffect, useRef, useState, type ReactNode } from 'react';
import { rank, type Alert, type Emergency, type Level, type VenueState } from './types';

const TONES: Record<Level, Tone> = { normal: 'good', warning: 'warn', high: 'bad', critical: 'bad' };

export const LevelBadge = ({ level }: { level: Level }) => (
  <Badge tone={TONES[level]} icon={level === 'critical' ? 'warn' : level === 'normal' ? 'good' : 'up'}>
    {level}
  </Badge>
);

/** Sends something; what was refused is in `error` until the next try. */
export function useAct() {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  async function act<T>(path: string, body: unknown = {}): Promise<T | null> {
    setBusy(true);
    try {
      const answer = await api<T>(`/api/crowd-risk/${path}`, { method: 'POST', body });
      setError(null);
      return answer;
    } catch (failed) {
      setError(failed instanceof ApiError ? failed.detail : String(failed));
      return null;
    } finally {
      setBusy(false);
    }
  }
  return { act, busy, error, clear: () => setError(null) };
}

export const useIsController = () => useSession('crowd').session?.role === 'controller';

// ---- emergency mode

function EnterDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const [reason, setReason] = useState('');
  const { act, busy, error } = useAct();
  async function enter() {
    if (await act('emergency/enter', { reason: reason.trim() })) onClose();
  }
  return (
    <Dialog open={open} title="Enter emergency mode" onClose={onClose}>
      <form
        className="k-form"
        onSubmit={(event) => {
          event.preventDefault();
          void enter();
        }}
      >
        <p>Every screen of this venue shows it at once. Only a controller can end it.</p>
        <TextField label="Reason" value={reason} onChange={setReason} maxLength={160} required placeholder="What has happened, and where" />
        {error && <Notice tone="bad">{error}</Notice>}
        <div className="k-row">
          <Button type="submit" kind="danger" busy={busy} disabled={!reason.trim()}>
            Enter emergency mode
          </Button>
          <Button onClick={onClose}>Cancel</Button>
        </div>
      </form>
    </Dialog>
  );
}

function Banner({ emergency, children }: { emergency: Emergency; children: ReactNode }) {
  const { status, reason, enteredAt, enteredBy, proposedAt, test } = emergency;
  const active = status === 'active';
  return (
    <section className="c-emergency" data-status={status} role={active ? 'alert' : 'status'} aria-label={active ? 'Emergency mode' : 'Emergency mode proposed'}>
      <div>
        <h2>
          {active ? 'Emergency mode' : 'Emergency mode is proposed'} {test && <Badge tone="info">test</Badge>}
        </h2>
        <p>{reason}</p>
        <p className="c-since">{active ? `Entered ${format.time(enteredAt)} by ${enteredBy ?? 'the rules'}` : `Proposed ${format.time(proposedAt)} by the rules`}</p>
      </div>
      <div className="c-emergency-acts">{children}</div>
    </section>
  );
}

/** The mode, for everybody; entering and leaving it, for controllers. */
export function EmergencyBar({ emergency }: { emergency: Emergency | null }) {
  const controller = useIsController();
  const [asking, setAsking] = useState(false);
  const { act, busy, error } = useAct();
  const active = emergency?.status === 'active';
  useEffect(() => {
    document.documentElement.dataset.emergency = emergency?.status ?? 'none';
    const plain = document.title.replace(/^EMERGENCY · /, '');
    document.title = active ? `EMERGENCY · ${plain}` : plain;
  }, [emergency, active]);
  return (
    <>
      {emergency && (
        <Banner emergency={emergency}>
          {controller && !active && (
            <Button kind="danger" busy={busy} onClick={() => void act('emergency/enter', { reason: emergency.reason })}>
              Enter emergency mode
            </Button>
          )}
          {controller && (
            <Button busy={busy} onClick={() => void act('emergency/leave')}>
              {active ? 'End emergency mode' : 'Decline'}
            </Button>
          )}
          {!controller && <span>A controller decides.</span>}
        </Banner>
      )}
      {!emergency && controller && (
        <div className="c-enter">
          <Button kind="danger" onClick={() => setAsking(true)}>
            Enter emergency mode…
          </Button>
        </div>
      )}
      {error && <Notice tone="bad">{error}</Notice>}
      <EnterDialog open={asking} onClose={() => setAsking(false)} />
    </>
  );
}

// ---- alerts

function AlertCard({ alert }: { alert: Alert }) {
  const { act, busy, error } = useAct();
  const { status, severity, test, message, zoneName, raisedAt, acknowledgedAt, acknowledgedBy, resolvedAt, resolvedBy, origin } = alert;
  return (
    <li className="c-alert" data-severity={severity} data-status={status} data-alert={alert.id}>
      <div className="c-alert-head">
        <LevelBadge level={severity} />
        <b>{zoneName}</b>
        {test && <Badge tone="info">test</Badge>}
        <span className="c-status">{status}</span>
      </div>
      <p>{message}</p>
      <p className="k-quiet">
        {origin === 'hand' ? 'Sent' : 'Raised'} {format.time(raisedAt)}
        {acknowledgedAt && `; acknowledged ${format.time(acknowledgedAt)} by ${acknowledgedBy}`}
        {resolvedAt && `; resolved ${format.time(resolvedAt)} ${resolvedBy ? `by ${resolvedBy}` : 'by itself'}`}
      </p>
      {status !== 'resolved' && (
        <div className="k-row">
          {status === 'active' && (
            <Button small kind="main" busy={busy} label={`Acknowledge the alert of ${zoneName}`} onClick={() => void act(`alerts/${alert.id}/acknowledge`)}>
              Acknowledge
            </Button>
          )}
          <Button small busy={busy} label={`Resolve the alert of ${zoneName}`} onClick={() => void act(`alerts/${alert.id}/resolve`)}>
            Resolve
          </Button>
        </div>
      )}
      {error && <Notice tone="warn">{error}</Notice>}
    </li>
  );
}

const STATUS_RANK = { active: 0, acknowledged: 1, resolved: 2 };
const gravest = (a: Alert, b: Alert) => STATUS_RANK[a.status] - STATUS_RANK[b.status] || rank(b.severity) - rank(a.severity) || b.id - a.id;

/** Says new alerts aloud, once each; those that were there when the page opened are not new. */
function Announcer({ alerts }: { alerts: readonly Alert[] }) {
  const known = useRef<Set<string> | null>(null);
  const [said, setSaid] = useState('');
  useEffect(() => {
    const keys = alerts.map(({ id, severity }) => `${id} ${severity}`);
    const before = known.current;
    known.current = new Set(keys);
    const fresh = before ? alerts.filter((_, i) => !before.has(keys[i]!)) : [];
    if (fresh.length) setSaid(fresh.map(({ severity, message }) => `${severity}: ${message}`).join('. '));
  }, [alerts]);
  return (
    <p className="k-hidden" role="status">
      {said}
    </p>
  );
}

export function AlertsPanel({ state, stale }: { state: VenueState; stale: number | null }) {
  const [tab, setTab] = useState<'open' | 'recent'>('open');
  const open = [...state.openAlerts].sort(gravest);
  const list = tab === 'open' ? open : state.recentAlerts;
  return (
    <Panel title="Alerts" stale={stale}>
      <Announcer alerts={state.openAlerts} />
      <Tabs label="Alerts" chosen={tab} onChoose={setTab} tabs={[{ id: 'open', label: `Open (${open.length})` }, { id: 'recent', label: 'Recent' }]}>
        {list.length === 0 && <Empty>{tab === 'open' ? 'No open alert: every zone is within its thresholds.' : 'No alert yet.'}</Empty>}
        <ul className="c-alerts" aria-label={tab === 'open' ? 'Open alerts' : 'Recent alerts'}>
          {list.map((alert) => (
            <AlertCard key={alert.id} alert={alert} />
          ))}
        </ul>
      </Tabs>
    </Panel>
  );
}
