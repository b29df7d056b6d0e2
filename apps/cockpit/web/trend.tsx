import { useShownTheme } from '@kit';
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { Month } from './types';

const name = (month: string) => new Date(`${month}-15T12:00:00Z`).toLocaleDateString('en-GB', { month: 'short', timeZone: 'UTC' });

function colours(host: HTMLElement) {
  const style = getComputedStyle(host);
  const probe = document.createElement('i');
  host.append(probe);
  const of = (property: string) => {
    probe.style.color = `var(${property})`;
    return style && getComputedStyle(probe).color;
  };
  const found = { ink: of('--muted'), rule: of('--line'), social: of('--chart-1'), cost: of('--chart-2') };
  probe.remove();
  return found;
}

const data = (months: readonly Month[]): uPlot.AlignedData => [
  months.map((_, i) => i),
  months.map(({ socialCents }) => socialCents / 100),
  // a month without costs is a gap, not a fall to zero
  months.map(({ investmentCents }) => (investmentCents ? investmentCents / 100 : null)),
];

function options(host: HTMLElement, months: readonly Month[]): uPlot.Options {
  const { ink, rule, social, cost } = colours(host);
  const axis = { stroke: ink, font: '11px system-ui, sans-serif', ticks: { show: false } };
  return {
    width: host.clientWidth,
    height: host.clientHeight,
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 4, 0, 0],
    scales: { x: { time: false, range: () => [-0.6, months.length - 0.4] }, y: { range: (_, __, top) => [0, Math.max(1, (top ?? 0) * 1.08)] } },
    axes: [
      { ...axis, grid: { show: false }, size: 24, space: 34, incrs: [1, 2, 3], values: (_, at) => at.map((i) => (months[i] ? name(months[i].month) : '')) },
      { ...axis, grid: { stroke: rule, width: 1 }, size: 50, space: 40, values: (_, at) => at.map((value) => (value >= 1000 ? `€${value / 1000}k` : `€${value}`)) },
    ],
    series: [
      {},
      { label: 'Social value', fill: social, width: 0, paths: uPlot.paths.bars!({ size: [0.62, 36] }), points: { show: false } },
      { label: 'Investment', stroke: cost, width: 2, points: { show: true, size: 7, fill: cost, stroke: cost } },
    ],
  };
}

/** Social value and investment by month; the months' numbers are in the table for readers. */
export default function Trend({ months }: { months: readonly Month[] }) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(months);
  latest.current = months;
  const theme = useShownTheme();
  const shape = months.map(({ month }) => month).join();
  useEffect(() => {
    const box = host.current!;
    plot.current = new uPlot(options(box, latest.current), data(latest.current), box);
    const sized = new ResizeObserver(() => plot.current?.setSize({ width: box.clientWidth, height: box.clientHeight }));
    sized.observe(box);
    return () => {
      sized.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [theme, shape]);
  useEffect(() => plot.current?.setData(data(months)), [months]);
  return <div className="c-plot" ref={host} aria-hidden="true" />;
}
