import { lazy, Suspense, useMemo, type ReactNode } from 'react';
import type { Line } from '../Chart';
import { useLive } from '../live';
import { bytes, capacity, CAPACITY_WARN, duration, number, percent, perSecond, RECONNECT_WARN, reconnectRate, type Sample } from '../maths';
import { Trouble } from '../parts';

const Chart = lazy(() => import('../Chart').then((m) => ({ default: m.Chart })));

function Reading({ name, value, unit, note, warn }: { name: string; value: string; unit?: string | undefined; note?: ReactNode; warn?: string | false }) {
  return (
    <div className={warn ? 'reading warn' : 'reading'}>
      <dt>{name}</dt>
      <dd>
        <span className="value">{value}</span>
        {unit && <span className="unit"> {unit}</span>}
        <span className="note">{warn ? <><span aria-hidden="true">▲ </span>{warn}</> : note}</span>
      </dd>
    </div>
  );
}

/** From so many connections on, what the process itself takes hardly counts. */
const MANY = 1000;
const count = (n: number, what: string) => `${number(n)} ${what}${n === 1 ? '' : 's'}`;
const ms = (value: number | null) => (value === null ? '' : value < 1000 ? `${number(value)} ms` : `${number(value / 1000)} s`);
const memory = (value: number | null) => (value === null ? '' : bytes(value));

function linesOf(samples: readonly Sample[]) {
  const rate = (counter: 'eventsPublished' | 'eventsDelivered') => samples.map((sample, i) => perSecond(samples[i - 1], sample, counter));
  const of = (get: (s: Sample) => number) => samples.map(get);
  const line = (label: string, colour: string, values: (number | null)[]): Line => ({ label, colour, values });
  return {
    at: samples.map((sample) => sample.at / 1000),
    charts: [
      { title: 'Events a second', format: number, lines: [line('in', '--line-a', rate('eventsPublished')), line('out', '--line-b', rate('eventsDelivered'))] },
      { title: 'Connections', format: number, lines: [line('open', '--line-a', of((s) => s.stats.totalConnections)), line('lagging', '--line-b', of((s) => s.stats.laggingConnections))] },
      { title: 'Fan-out latency', format: ms, lines: [line('half within', '--line-a', of((s) => s.stats.latencyP50Ms)), line('99 % within', '--line-b', of((s) => s.stats.latencyP99Ms))] },
      { title: 'Memory', format: memory, lines: [line('of the process', '--line-a', of((s) => s.stats.memoryBytes))] },
    ],
  };
}

function Readings({ samples }: { samples: readonly Sample[] }) {
  const stats = samples.at(-1)!.stats;
  const before = samples.at(-2);
  const last = samples.at(-1);
  const into = perSecond(before, last, 'eventsPublished');
  const out = perSecond(before, last, 'eventsDelivered');
  const again = reconnectRate(samples);
  const used = capacity(stats);
  const kinds = stats.connectionsByTransport;
  return (
    <dl className="readings">
      <Reading name="Connections" value={number(stats.totalConnections)} note={`${count(kinds.sse ?? 0, 'stream')}, ${count(kinds.polling ?? 0, 'poll')}`} />
      <Reading name="Events in" value={number(into)} unit="/s" note={`${number(stats.eventsPublished)} since start`} />
      <Reading name="Events out" value={number(out)} unit="/s" note={`${number(stats.eventsDelivered)} since start`} />
      <Reading name="Fan-out latency" value={stats.eventsDelivered ? ms(stats.latencyP50Ms) : '–'} note={stats.eventsDelivered ? `99 % within ${ms(stats.latencyP99Ms)}` : 'nothing sent yet'} />
      <Reading name="Lagging" value={number(stats.laggingConnections)} note="connections behind" warn={stats.laggingConnections > 0 && 'behind the log'} />
      <Reading name="Reconnects" value={percent(again)} note="of opened streams" warn={again > RECONNECT_WARN && 'over 10 %'} />
      <Reading name="Capacity" value={used === null ? 'no limit' : percent(used)} note={used === null ? 'none is set' : `of ${number(stats.maxConnections)}`} warn={used !== null && used > CAPACITY_WARN && `over 80 % of ${number(stats.maxConnections)}`} />
      <Reading name="Memory" value={bytes(stats.memoryBytes)} note={stats.totalConnections >= MANY ? `${bytes(stats.bytesPerConnection)} a connection` : 'of the process'} />
      <Reading name="Refused" value={number(stats.eventsRefused + stats.connectionsRefused)} note={`${count(stats.eventsRefused, 'event')}, ${count(stats.connectionsRefused, 'stream')}`} warn={stats.eventsFailed > 0 && `${number(stats.eventsFailed)} could not be stored`} />
      <Reading name="Uptime" value={duration(stats.uptimeSeconds)} note={`version ${stats.version}`} />
    </dl>
  );
}

/** How the hub is, now and over the last 15 minutes. */
export function Overview({ shown }: { shown: 'light' | 'dark' }) {
  const { samples, error } = useLive();
  const { at, charts } = useMemo(() => linesOf(samples), [samples]);
  return (
    <>
      <h1>Overview</h1>
      <Trouble error={error} />
      {samples.length > 0 && (
        <>
          <Readings samples={samples} />
          <div className="charts">
            {charts.map(({ title, lines, format }) => (
              <section key={title}>
                <h2>
                  {title}
                  <span className="keys">
                    {lines.map((line, i) => (
                      <span key={line.label} className={`key k${i}`}>
                        {line.label}
                      </span>
                    ))}
                  </span>
                </h2>
                <Suspense fallback={<div className="plot" />}>
                  <Chart at={at} lines={lines} format={format} binary={format === memory} shown={shown} />
                </Suspense>
              </section>
            ))}
          </div>
          <p className="quiet">The last 15 minutes, read each second while this page is open.</p>
        </>
      )}
    </>
  );
}
