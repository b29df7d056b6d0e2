import { format } from '@kit';
import type { KeyboardEvent } from 'react';
import { LEVELS, type Corner, type Level, type VenueState, type Zone } from './types';

const path = (corners: readonly Corner[]) => `M${corners.map(([x, y]) => `${x} ${y}`).join('L')}Z`;

/** The middle of a polygon's area: inside of it for the shapes that zones have. */
export function middle(corners: readonly Corner[]): Corner {
  let [area, x, y] = [0, 0, 0];
  corners.forEach(([ax, ay], i) => {
    const [bx, by] = corners[(i + 1) % corners.length]!;
    const cross = ax * by - bx * ay;
    area += cross;
    x += (ax + bx) * cross;
    y += (ay + by) * cross;
  });
  return area ? [x / (3 * area), y / (3 * area)] : corners[0] ?? [0, 0];
}

/** Level by pattern: none, lines far apart, lines close together, lines crossed. */
function Patterns({ id }: { id: string }) {
  const lines = (level: Level, gap: number, crossed = false) => (
    <pattern id={`${id}-${level}`} className="c-hatch" data-level={level} width={gap} height={gap} patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
      <path d={`M0 0V${gap}${crossed ? `M0 0H${gap}` : ''}`} />
    </pattern>
  );
  return (
    <defs>
      {lines('warning', 7)}
      {lines('high', 3.6)}
      {lines('critical', 4, true)}
    </defs>
  );
}

/** "1.20", and a dash for zones that nobody has counted yet. */
export const densityText = (zone: Pick<Zone, 'density' | 'people'>) => (zone.people === null ? '–' : zone.density.toFixed(2));

export const describe = (zone: Zone) =>
  `${zone.name}: ${zone.people === null ? 'not counted yet' : `${format.number(zone.people)} people, ${densityText(zone)} per square metre, ${zone.level}`}`;

/** Words of a name on lines of their own: zones are narrow. */
function Label({ zone }: { zone: Zone }) {
  const [x, y] = middle(zone.corners);
  const words = zone.name.length > 9 ? zone.name.split(' ') : [zone.name];
  return (
    <text className="c-label" x={x} y={y} aria-hidden="true">
      <tspan className="c-value" x={x} dy="0.1em">
        {densityText(zone)}
      </tspan>
      {zone.level !== 'normal' && (
        <>
          <tspan className="c-sign" x={x} dy="1.15em">
            {'!'.repeat(LEVELS.indexOf(zone.level))}
          </tspan>
          <tspan className="c-level" x={x} dy="1.2em">
            {zone.level}
          </tspan>
        </>
      )}
      {words.map((word, i) => (
        <tspan key={word} className="c-name" x={x} dy={i ? '1.15em' : '1.3em'}>
          {word}
        </tspan>
      ))}
    </text>
  );
}

export interface FloorPlanProps {
  state: VenueState;
  chosen: string | null;
  onChoose: (zone: string) => void;
}

/** The floor plan, drawn from the geometry in the database. A zone is a button; its level is colour, pattern and words. */
export function FloorPlan({ state: { venue, zones, fixtures, passages }, chosen, onChoose }: FloorPlanProps) {
  const key = (event: KeyboardEvent, id: string) => {
    if (event.key !== 'Enter' && event.key !== ' ') return;
    event.preventDefault();
    onChoose(id);
  };
  return (
    <div className="c-plan">
      <svg viewBox={`0 0 ${venue.width} ${venue.depth}`} role="group" aria-label={`Floor plan of ${venue.name}`}>
        <Patterns id="plan" />
        {fixtures.map(({ name, corners }) => (
          <g key={name} className="c-fixture" aria-hidden="true">
            <path d={path(corners)} />
            <text x={middle(corners)[0]} y={middle(corners)[1]}>
              {name}
            </text>
          </g>
        ))}
        {zones.map((zone) => (
          <g key={zone.id} className="c-zone" data-zone={zone.id} data-level={zone.level} role="button" tabIndex={0} aria-pressed={zone.id === chosen} aria-label={describe(zone)} onClick={() => onChoose(zone.id)} onKeyDown={(event) => key(event, zone.id)}>
            <title>{describe(zone)}</title>
            <path className="c-ground" d={path(zone.corners)} />
            {zone.level !== 'normal' && <path className="c-pattern" d={path(zone.corners)} fill={`url(#plan-${zone.level})`} />}
            <path className="c-edge" d={path(zone.corners)} />
            <Label zone={zone} />
          </g>
        ))}
        {passages.map(({ a, b, x, y }) => (
          <circle key={`${a} ${b}`} className="c-passage" cx={x} cy={y} r="1.4" aria-hidden="true" />
        ))}
      </svg>
    </div>
  );
}

/** What the patterns stand for. */
export const Legend = () => (
  <ul className="c-legend" aria-label="Levels">
    {LEVELS.map((level) => (
      <li key={level}>
        <svg viewBox="0 0 28 16" aria-hidden="true" className="c-zone" data-level={level}>
          <Patterns id={`legend-${level}`} />
          <path className="c-ground" d="M0 0H28V16H0Z" />
          {level !== 'normal' && <path className="c-pattern" d="M0 0H28V16H0Z" fill={`url(#legend-${level}-${level})`} />}
          <path className="c-edge" d="M0 0H28V16H0Z" />
        </svg>
        {level} {level !== 'normal' && <b aria-hidden="true">{'!'.repeat(LEVELS.indexOf(level))}</b>}
      </li>
    ))}
  </ul>
);
