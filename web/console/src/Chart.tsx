import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { WINDOW_MS } from './maths';

export interface Line {
  label: string;
  /** A custom property with its colour. */
  colour: string;
  values: (number | null)[];
}

/** Steps of the scale: whole numbers, or whole powers of two for bytes. */
const COUNTS = Array.from({ length: 12 }, (_, n) => [1, 2, 5].map((step) => step * 10 ** n)).flat();
const BYTES = Array.from({ length: 40 }, (_, n) => 2 ** (n + 10));

/** From the first reading on, but at least two minutes and at most 15. In seconds. */
function span(first: number | null): [number, number] {
  const now = Date.now() / 1000;
  return [Math.max(now - WINDOW_MS / 1000, Math.min(first ?? now, now - 120)), now];
}

/** What a colour property stands for in this theme. */
function colourOf(host: HTMLElement, property: string): string {
  const probe = document.createElement('i');
  probe.style.color = `var(${property})`;
  host.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

function options(host: HTMLElement, lines: Line[], format: (value: number | null) => string, binary: boolean): uPlot.Options {
  const [ink, rule] = [colourOf(host, '--soft'), colourOf(host, '--rule')];
  const font = '11px system-ui, sans-serif';
  const axis = { stroke: ink, font, ticks: { show: false }, grid: { stroke: rule, width: 1 } };
  return {
    width: host.clientWidth,
    height: host.clientHeight,
    cursor: { sync: { key: 'overview' }, y: false, points: { size: 5 }, drag: { x: false, y: false } },
    legend: { show: false },
    padding: [8, 20, 0, 0],
    scales: {
      x: { range: (_, first) => span(first) },
      y: { range: (_, __, max) => [0, Math.max(4, (max ?? 0) * 1.15)] },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 24, space: 70, incrs: [60, 120, 300], values: (_, at) => at.map((s) => new Date(s * 1000).toTimeString().slice(0, 5)) },
      { ...axis, size: 58, space: 34, incrs: binary ? BYTES : COUNTS, values: (_, at) => at.map(format) },
    ],
    series: [
      {},
      ...lines.map((line, i) => ({
        label: line.label,
        stroke: colourOf(host, line.colour),
        width: 1.5,
        ...(i ? { dash: [5, 3] } : {}),
        points: { show: false },
        spanGaps: false,
      })),
    ],
  };
}

/** Lines over the last 15 minutes. What they show is also in the readings above: the drawing is hidden from readers. */
export function Chart({ at, lines, format, binary = false, shown }: { at: number[]; lines: Line[]; format: (value: number | null) => string; binary?: boolean; shown: string }) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef({ at, lines });
  latest.current = { at, lines };
  const data = () => [latest.current.at, ...latest.current.lines.map((line) => line.values)] as uPlot.AlignedData;
  useEffect(() => {
    const box = host.current!;
    plot.current = new uPlot(options(box, latest.current.lines, format, binary), data(), box);
    const sized = new ResizeObserver(() => plot.current?.setSize({ width: box.clientWidth, height: box.clientHeight }));
    sized.observe(box);
    return () => {
      sized.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shown, format, binary]);
  useEffect(() => plot.current?.setData(data()), [at, lines]);
  return <div className="plot" ref={host} aria-hidden="true" />;
}
