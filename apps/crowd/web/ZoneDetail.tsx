import { api, Badge, Button, Dialog, Field, Flash, format, LiveChart, Notice, NumberField, Panel, type Point } from '@kit';
import { useEffect, useMemo, useState } from 'react';
import { densityText } from './FloorPlan';
import { LevelBadge, useAct, useIsController } from './parts';
import { SEVERITIES, type Thresholds, type Zone } from './types';

const MINUTES = 10;
/** The chart shows as much as there is: it changes its width only in these steps, in seconds. */
const SPANS = [60, 180, MINUTES * 60];

/** A zone's densities of the last minutes: what the server kept, and what came since. */
function useHistory(zone: Zone): readonly Point[] {
  const [kept, setKept] = useState<{ zone: string; points: readonly Point[] }>({ zone: '', points: [] });
  useEffect(() => {
    const abort = new AbortController();
    api<{ readings: [number, number, number, number][] }>(`/api/crowd-risk/zones/${zone.id}/readings?minutes=${MINUTES}`, { signal: abort.signal }).then(
      ({ readings }) => setKept({ zone: zone.id, points: readings.map(([at, , density]) => [at, density] as const) }),
      () => null, // the numbers above are there without it
    );
    return () => abort.abort();
  }, [zone.id]);
  const { changedAt, density } = zone;
  useEffect(() => {
    if (changedAt === null) return;
    setKept((before) => {
      const last = before.points.at(-1);
      return before.zone !== zone.id || (last && last[0] >= changedAt) ? before : { ...before, points: [...before.points, [changedAt, density] as const].slice(-2000) };
    });
  }, [zone.id, changedAt, density]);
  return kept.zone === zone.id ? kept.points : [];
}

function EditThresholds({ zone, onClose }: { zone: Zone; onClose: () => void }) {
  const [limits, setLimits] = useState<Thresholds>(zone.thresholds);
  const { act, busy, error } = useAct();
  const set = (part: Partial<Thresholds>) => setLimits({ ...limits, ...part });
  async function save() {
    if (await act(`zones/${zone.id}/thresholds`, limits)) onClose();
  }
  return (
    <form
      className="k-form"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <div className="c-three">
        {SEVERITIES.map((level) => (
          <NumberField key={level} label={`${level[0]!.toUpperCase()}${level.slice(1)} from`} value={limits[level]} min={0.1} max={12} step={0.1} onChange={(value) => set({ [level]: value })} />
        ))}
      </div>
      <div className="c-three">
        <NumberField label="Hysteresis, %" value={Math.round(limits.hysteresis * 100)} min={0} max={50} onChange={(value) => set({ hysteresis: value / 100 })} />
        <NumberField label="Held for, s" value={limits.holdMs / 1000} min={0} max={600} onChange={(value) => set({ holdMs: Math.round(value * 1000) })} />
        <NumberField label="Released after, s" value={limits.releaseMs / 1000} min={0} max={600} onChange={(value) => set({ releaseMs: Math.round(value * 1000) })} />
      </div>
      <p className="k-quiet">People per square metre. A level is left once the density is the hysteresis below its threshold; an alert follows when counts have held it long enough.</p>
      {error && <Notice tone="bad">{error}</Notice>}
      <div className="k-row">
        <Button type="submit" kind="main" busy={busy}>
          Save
        </Button>
        <Button onClick={onClose}>Cancel</Button>
      </div>
    </form>
  );
}

/** What a person with a clicker counted; it stands until the camera counts again. */
function CountByHand({ zone }: { zone: Zone }) {
  const [people, setPeople] = useState('');
  const { act, busy, error } = useAct();
  const number = /^\d{1,6}$/.test(people) ? Number(people) : null;
  return (
    <form
      className="c-count"
      onSubmit={(event) => {
        event.preventDefault();
        void act('readings', { counts: [{ zone: zone.id, people: number }] }).then((done) => done && setPeople(''));
      }}
    >
      <Field label="Counted by hand" error={error}>
        {(props) => <input {...props} inputMode="numeric" autoComplete="off" placeholder="people" value={people} onChange={(event) => setPeople(event.target.value)} />}
      </Field>
      <Button type="submit" busy={busy} disabled={number === null}>
        Enter
      </Button>
    </form>
  );
}

/** All about the chosen zone. */
export function ZoneDetail({ zone, stale }: { zone: Zone; stale: number | null }) {
  const controller = useIsController();
  const [editing, setEditing] = useState(false);
  const points = useHistory(zone);
  const { thresholds } = zone;
  const series = useMemo(() => {
    const [first, last] = [points[0]?.[0] ?? 0, points.at(-1)?.[0] ?? 0];
    const flat = (value: number): readonly Point[] => (points.length ? [[first, value], [last, value]] : []);
    return [
      { label: 'Density', points, colour: '--chart-1' as const },
      { label: `Warning ${thresholds.warning}`, points: flat(thresholds.warning), colour: '--warn' as const },
      { label: `Critical ${thresholds.critical}`, points: flat(thresholds.critical), colour: '--bad' as const },
    ];
  }, [points, thresholds.warning, thresholds.critical]);
  const known = ((points.at(-1)?.[0] ?? 0) - (points[0]?.[0] ?? 0)) / 1000;
  return (
    <Panel
      title={zone.name}
      stale={stale}
      actions={
        controller && (
          <Button small onClick={() => setEditing(true)}>
            Thresholds…
          </Button>
        )
      }
    >
      <dl className="c-facts">
        <div>
          <dt>Density</dt>
          <dd>
            <Flash value={densityText(zone)} /> <small>people/m²</small>
          </dd>
        </div>
        <div>
          <dt>People</dt>
          <dd>
            <Flash value={zone.people} />
          </dd>
        </div>
        <div>
          <dt>Area</dt>
          <dd>
            {format.number(zone.areaM2, 0)} <small>m²</small>
          </dd>
        </div>
        <div>
          <dt>Level</dt>
          <dd>
            <LevelBadge level={zone.level} />
          </dd>
        </div>
      </dl>
      <LiveChart label={`Density of ${zone.name}, last ${MINUTES} minutes at most`} series={series} seconds={SPANS.find((span) => known <= span) ?? MINUTES * 60} height={160} max={thresholds.critical} />
      <p className="k-quiet">
        {zone.source === 'test' ? <Badge tone="info">test</Badge> : zone.source === 'manual' ? 'Counted by hand' : `Camera ${zone.cameraName}`}; changed {format.time(zone.changedAt)}. Warning from {thresholds.warning}, high from {thresholds.high}, critical from{' '}
        {thresholds.critical}; held for {format.duration(thresholds.holdMs)} before an alert.
      </p>
      {controller && <CountByHand zone={zone} />}
      <Dialog open={editing} title={`Thresholds of ${zone.name}`} onClose={() => setEditing(false)}>
        <EditThresholds zone={zone} onClose={() => setEditing(false)} />
      </Dialog>
    </Panel>
  );
}
