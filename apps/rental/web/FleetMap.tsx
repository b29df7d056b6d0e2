import { Empty } from '@kit';
import type { Place } from './types';

const WIDTH = 640;
const HEIGHT = 300;
const EDGE = 36;

/** Degrees to the picture's units: a degree of longitude is shorter the further from the equator. */
function frame(points: readonly { lat: number; lon: number }[]) {
  const lats = points.map(({ lat }) => lat);
  const lons = points.map(({ lon }) => lon);
  const middle = { lat: (Math.min(...lats) + Math.max(...lats)) / 2, lon: (Math.min(...lons) + Math.max(...lons)) / 2 };
  const narrow = Math.cos((middle.lat * Math.PI) / 180);
  const high = Math.max(0.005, Math.max(...lats) - Math.min(...lats));
  const wide = Math.max(0.005, (Math.max(...lons) - Math.min(...lons)) * narrow);
  const scale = Math.min((HEIGHT - 2 * EDGE) / high, (WIDTH - 2 * EDGE) / wide);
  return {
    x: (lon: number) => WIDTH / 2 + (lon - middle.lon) * narrow * scale,
    y: (lat: number) => HEIGHT / 2 - (lat - middle.lat) * scale,
    /** Units of a kilometre. */
    km: scale / 111.2,
  };
}

const state = ({ out, order_open }: Place) => (order_open ? 'workshop' : out ? 'out' : 'in');
const WORDS = { workshop: 'needs the workshop', out: 'out on rental', in: 'in' };

/** Machines share spots (the yard): their codes stand in one label. */
function spots(places: readonly Place[], x: (lon: number) => number, y: (lat: number) => number) {
  const found: { x: number; y: number; places: Place[] }[] = [];
  for (const place of places) {
    const at = { x: x(place.lon), y: y(place.lat) };
    const near = found.find((spot) => Math.hypot(spot.x - at.x, spot.y - at.y) < 9);
    if (near) near.places.push(place);
    else found.push({ ...at, places: [place] });
  }
  return found;
}

const mark = (kind: string) => (kind === 'out' ? <circle r="5" /> : kind === 'in' ? <rect x="-5" y="-5" width="10" height="10" /> : <path d="M0-7L7 6H-7z" />);

/** Where every machine is: round when it is out, square when it is in, a triangle when it needs the workshop. */
export function FleetMap({ yard, places }: { yard: { name: string; lat: number; lon: number }; places: readonly Place[] }) {
  if (!places.length) return <Empty>No machine has reported yet.</Empty>;
  const { x, y, km } = frame([...places, yard]);
  const unit = [1, 2, 5, 10, 20, 50, 100].find((n) => n * km >= 60) ?? 200;
  return (
    <figure className="r-map">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`Where ${places.length} machines are`}>
        <g className="r-yard" transform={`translate(${x(yard.lon)} ${y(yard.lat)})`}>
          <circle r="16" />
          <text y="28" textAnchor="middle">
            {yard.name}
          </text>
        </g>
        {spots(places, x, y).map((spot) => (
          <g key={spot.places[0]!.id} className="r-spot" data-machines={spot.places.map(({ code }) => code).join(' ')} transform={`translate(${spot.x.toFixed(1)} ${spot.y.toFixed(1)})`}>
            <title>{spot.places.map((one) => `${one.name} ${one.code}, ${WORDS[state(one)]}: ${one.site}`).join('\n')}</title>
            <g className="r-mark" data-state={state(spot.places[0]!)}>
              {mark(state(spot.places[0]!))}
            </g>
            <text x={spot.x > WIDTH - 90 ? -9 : 9} y="4" textAnchor={spot.x > WIDTH - 90 ? 'end' : 'start'}>
              {spot.places.length > 2 ? `${spot.places[0]!.code} +${spot.places.length - 1}` : spot.places.map(({ code }) => code).join(', ')}
            </text>
          </g>
        ))}
        <g className="r-scale" transform={`translate(12 ${HEIGHT - 12})`}>
          <path d={`M0 -4V0H${unit * km}V-4`} />
          <text x={unit * km + 6} y="1">
            {unit} km
          </text>
        </g>
      </svg>
      <figcaption>
        {(['out', 'in', 'workshop'] as const).map((kind) => (
          <span key={kind}>
            <svg viewBox="-8 -8 16 16" className="r-mark" data-state={kind} aria-hidden="true">
              {mark(kind)}
            </svg>
            {kind === 'out' ? 'out on rental' : kind === 'in' ? 'in' : 'needs the workshop'}
          </span>
        ))}
      </figcaption>
    </figure>
  );
}
