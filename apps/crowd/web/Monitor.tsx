import { Empty, Flash, format, Panel, Table, Tile, Tiles, WorldControl } from '@kit';
import { useState } from 'react';
import { densityText, FloorPlan, Legend } from './FloorPlan';
import { CrowdPage } from './page';
import { AlertsPanel, EmergencyBar, LevelBadge } from './parts';
import { AlertsStopped, StreamErrors, useAlertsStale, useDensityStale } from './streams';
import { rank, type VenueState, type Zone } from './types';
import { ZoneDetail } from './ZoneDetail';

function Figures({ state: { zones, openAlerts } }: { state: VenueState }) {
  const counted = zones.filter(({ people }) => people !== null);
  const fullest = counted.reduce<Zone | null>((most, zone) => (!most || zone.density > most.density ? zone : most), null);
  const above = zones.filter(({ level }) => level !== 'normal').length;
  const critical = zones.filter(({ level }) => level === 'critical').length;
  const active = openAlerts.filter(({ status }) => status === 'active').length;
  return (
    <Tiles label="The venue now">
      <Tile label="People in the venue" value={counted.reduce((sum, { people }) => sum + (people ?? 0), 0)} />
      <Tile label="Fullest zone" value={fullest ? densityText(fullest) : null} unit="/m²" hint={fullest?.name} tone={fullest && fullest.level !== 'normal' ? (rank(fullest.level) > 1 ? 'bad' : 'warn') : 'neutral'} />
      <Tile label="Zones above a threshold" value={above} tone={critical ? 'bad' : above ? 'warn' : 'neutral'} hint={critical ? `${critical} critical` : `of ${zones.length}`} />
      <Tile label="Open alerts" value={openAlerts.length} tone={active ? 'warn' : 'neutral'} hint={active ? `${active} not acknowledged` : openAlerts.length ? 'all acknowledged' : 'nothing to answer'} />
    </Tiles>
  );
}

const fullestFirst = (a: Zone, b: Zone) => rank(b.level) - rank(a.level) || b.density / b.thresholds.warning - a.density / a.thresholds.warning;
/** Those above a threshold first; else by name, so that rows stay where they are. */
const gravestFirst = (a: Zone, b: Zone) => rank(b.level) - rank(a.level) || a.name.localeCompare(b.name);

function ZoneTable({ zones, onChoose }: { zones: readonly Zone[]; onChoose: (zone: string) => void }) {
  return (
    <Table
      label="Zones"
      rows={[...zones].sort(gravestFirst)}
      rowKey={({ id }) => id}
      empty="This venue has no zones."
      columns={[
        {
          head: 'Zone',
          cell: (zone) => (
            <button type="button" className="c-link" onClick={() => onChoose(zone.id)}>
              {zone.name}
            </button>
          ),
        },
        { head: 'Level', cell: (zone) => <LevelBadge level={zone.level} /> },
        { head: 'Density /m²', align: 'end', cell: (zone) => <Flash value={densityText(zone)} /> },
        { head: 'People', align: 'end', cell: (zone) => <Flash value={zone.people} /> },
        { head: 'Area m²', align: 'end', wide: true, cell: (zone) => format.number(zone.areaM2, 0) },
        { head: 'Changed', align: 'end', wide: true, cell: (zone) => format.time(zone.changedAt) },
      ]}
    />
  );
}

function Content({ state }: { state: VenueState }) {
  const [chosen, setChosen] = useState<string | null>(null);
  const densityStale = useDensityStale();
  const alertsStale = useAlertsStale();
  const zone = state.zones.find(({ id }) => id === chosen) ?? [...state.zones].sort(fullestFirst)[0];
  /** The first zone shown stays, though another one may be the fullest by now. */
  if (chosen === null && zone) setChosen(zone.id);
  return (
    <>
      <AlertsStopped />
      <EmergencyBar emergency={state.emergency} />
      <Figures state={state} />
      <div className="c-monitor">
        <Panel title={`Density, ${state.venue.name}`} stale={densityStale} actions={<Legend />}>
          <FloorPlan state={state} chosen={zone?.id ?? null} onChoose={setChosen} />
        </Panel>
        <div className="k-stack">
          <AlertsPanel state={state} stale={alertsStale} />
          {zone ? <ZoneDetail key={zone.id} zone={zone} stale={densityStale} /> : <Empty>No zone</Empty>}
          <StreamErrors />
        </div>
        <div className="k-stack">
          <Panel title="Zones" stale={densityStale}>
            <ZoneTable zones={state.zones} onChoose={setChosen} />
          </Panel>
          <Panel title="Cameras" note="They count the crowds of both venues and send what they counted, as real ones would.">
            <WorldControl app="crowd" label="Counting" />
          </Panel>
        </div>
      </div>
    </>
  );
}

export const Monitor = () => <CrowdPage title="Crowd monitor">{(state) => <Content state={state} />}</CrowdPage>;
