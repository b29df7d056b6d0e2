import { format } from '@kit';
import type { KeyboardEvent } from 'react';
import { LEVELS, type Corner, type Level, type VenueState, type Zone } from './types';

const path = (corners: readonly Corner[]) => `M${corners.map(([x, y]) => `${x} ${y}`).join('L')}Z`;

/** How far a point is from the polygon's edges; below 0 outside of it. */
function depth(corners: readonly Corner[], x: number, y: number): number {
  let [near, inside] = [Infinity, false];
  corners.forEach(([ax, ay], i) => {
    const [bx, by] = corners[(i + 1) % corners.length]!;
    const [dx, dy] = [bx - ax, by - ay];
    const along = Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy || 1)));
    near = Math.min(near, Math.hypot(x - ax - along * dx, y - ay - along * dy));
    if (ay > y !== by > y && x < ax + ((y - ay) / dy) * dx) inside = !inside;
  });
  return inside ? near : -near;
}

const STEPS = 24;
const middles = new Map<string, Corner>();

/** Where a polygon has most room around: its text stands there. Of equal places, the one nearest to the middle. */
export function middle(corners: readonly Corner[]): Corner {
  const key = path(corners);
  const known = middles.get(key);
  if (known) return known;
  const [xs, ys] = [corners.map(([x]) => x), corners.map(([, y]) => y)];
  const [left, top, right, bottom] = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
  let [best, room]: [Corner, number] = [[(left + right) / 2, (top + bottom) / 2], -Infinity];
  for (let i = 1; i < STEPS; i++)
    for (let j = 1; j < STEPS; j++) {
      const [x, y] = [left + ((right - left) * i) / STEPS, top + ((bottom - top) * j) / STEPS];
      const here = Math.min(depth(corners, x, y), 11) - 0.02 * Math.hypot(x - (left + right) / 2, y - (top + bottom) / 2);
      if (here > room) [best, room] = [[x, y], here];
    }
  middles.set(key, best);
  return best;
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

/** Density, level and name, one below the other around the middle. Where a zone is narrow, a word is a line. */
function Label({ zone }: { zone: Zone }) {
  const [x, y] = middle(zone.corners);
  const xs = zone.corners.map(([cx]) => cx);
  const narrow = Math.max(...xs) - Math.min(...xs) < 3 * zone.name.length;
  const words = narrow ? zone.name.split(' ') : [zone.name];
  const level = zone.level !== 'normal';
  return (
    <g className="c-label" data-label={zone.id} data-level={zone.level} transform={`translate(${x} ${y})`}>
      <text className="c-short">
        <tspan x="0" dy={level ? '-0.15em' : '0.35em'}>
          {densityText(zone)}
        </tspan>
        {level && (
          <tspan x="0" dy="1em">
            {'!'.repeat(LEVELS.indexOf(zone.level))}
          </tspan>
        )}
      </text>
      <text className="c-long">
        <tspan className="c-value" x="0" dy={`${0.35 - 0.5 * (+level + words.length)}em`}>
          {densityText(zone)}
        </tspan>
        {level && (
          <tspan className="c-level" x="0" dy="1.15em">
            {zone.level}
          </tspan>
        )}
        {words.map((word) => (
          <tspan key={word} x="0" dy="1.15em">
            {word}
          </tspan>
        ))}
      </text>
    </g>
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
            <path className="c-ground" d={path(zone.corners)} />
            {zone.level !== 'normal' && <path className="c-pattern" d={path(zone.corners)} fill={`url(#plan-${zone.level})`} />}
            <path className="c-edge" d={path(zone.corners)} />
          </g>
        ))}
        <g aria-hidden="true">
          {passages.map(({ a, b, x, y }) => (
            <circle key={`${a} ${b}`} className="c-passage" cx={x} cy={y} r="1.4" />
          ))}
          {zones.map((zone) => (
            <Label key={zone.id} zone={zone} />
          ))}
        </g>
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
