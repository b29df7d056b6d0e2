import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { LiveChartProps, Series } from './chart';
import { format } from './format';
import { useShownTheme } from './theme';

/** What a colour property stands for in this theme. */
function colourOf(host: HTMLElement, property: string): string {
  const probe = document.createElement('i');
  probe.style.color = `var(${property})`;
  host.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

/** All lines on one row of moments, as uPlot wants them. */
function table(series: readonly Series[], seconds: number): uPlot.AlignedData {
  const newest = Math.max(0, ...series.map(({ points }) => points.at(-1)?.[0] ?? 0));
  const from = newest - seconds * 1000;
  const shown = series.map(({ points }) => points.filter(([at]) => at >= from));
  const moments = [...new Set(shown.flatMap((points) => points.map(([at]) => at)))].sort((a, b) => a - b);
  const place = new Map(moments.map((at, i) => [at, i]));
  const lines = shown.map((points) => {
    const line: (number | null | undefined)[] = new Array(moments.length).fill(undefined);
    for (const [at, value] of points) line[place.get(at)!] = value;
    return line;
  });
  return [moments.map((at) => at / 1000), ...lines] as uPlot.AlignedData;
}

function options(host: HTMLElement, { series, seconds, max = 0, unit = '' }: LiveChartProps): uPlot.Options {
  const [ink, rule] = [colourOf(host, '--muted'), colourOf(host, '--line')];
  const axis = { stroke: ink, font: '11px system-ui, sans-serif', ticks: { show: false }, grid: { stroke: rule, width: 1 } };
  const clock = (s: number) => (seconds > 900 ? format.time(s * 1000).slice(0, 5) : format.time(s * 1000));
  return {
    width: host.clientWidth,
    height: host.clientHeight,
    cursor: { y: false, points: { size: 5 }, drag: { x: false, y: false } },
    legend: { show: false },
    padding: [8, 20, 0, 0],
    scales: {
      x: { range: (_, __, last) => [(last ?? 0) - seconds, last ?? 0] },
      y: { range: (_, __, top) => [0, Math.max(max, (top ?? 0) * 1.1, 1)] },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 24, space: 80, values: (_, at) => at.map(clock) },
      { ...axis, size: 46, space: 34, values: (_, at) => at.map((value) => `${format.number(value)}${unit}`) },
    ],
    series: [
      {},
      ...series.map(({ label, colour }, i) => ({
        label,
        stroke: colourOf(host, colour ?? `--chart-${(i % 4) + 1}`),
        width: 1.5,
        ...(i % 2 ? { dash: [5, 3] } : {}),
        points: { show: false },
        spanGaps: false,
      })),
    ],
  };
}

/** The drawing of a LiveChart. */
export default function Plot(props: LiveChartProps) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const theme = useShownTheme();
  const shape = `${props.series.map(({ label, colour }) => `${label} ${colour}`).join()} ${props.seconds} ${props.max} ${props.unit}`;
  useEffect(() => {
    const box = host.current!;
    plot.current = new uPlot(options(box, latest.current), table(latest.current.series, latest.current.seconds), box);
    const sized = new ResizeObserver(() => plot.current?.setSize({ width: box.clientWidth, height: box.clientHeight }));
    sized.observe(box);
    return () => {
      sized.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [theme, shape]);
  useEffect(() => plot.current?.setData(table(props.series, props.seconds)), [props.series, props.seconds]);
  return <div className="k-plot" ref={host} aria-hidden="true" />;
}
