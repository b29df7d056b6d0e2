import { lazy, Suspense } from 'react';

/** A moment (unix ms) and what was read then; `null` is a gap in the line. */
export type Point = readonly [at: number, value: number | null];

export interface Series {
  label: string;
  /** Points in order of time. Give a new array when it grows. */
  points: readonly Point[];
  /** A custom property with its colour; default: `--chart-1` and on by position. */
  colour?: `--${string}`;
}

export interface LiveChartProps {
  series: readonly Series[];
  /** How much time is shown, up to the newest point: nothing moves while nothing comes. */
  seconds: number;
  /** In pixels. Default 180. */
  height?: number;
  /** The scale's top at least. Default: what the lines need. */
  max?: number;
  unit?: string;
  /** What it shows, for readers, who also get each line's newest value. */
  label: string;
}

const Plot = lazy(() => import('./plot'));

/** Lines over time. The drawing's code is loaded when the first chart is shown. */
export function LiveChart(props: LiveChartProps) {
  const { series, height = 180, label, unit = '' } = props;
  const newest = series.map((one) => `${one.label} ${one.points.at(-1)?.[1] ?? 'none'}${unit && ` ${unit}`}`).join(', ');
  return (
    <figure className="k-chart">
      <figcaption>
        {series.length > 1 || series[0]?.label !== label
          ? series.map((one, i) => (
              <span key={one.label} className="k-key" style={{ ['--key' as string]: `var(${one.colour ?? `--chart-${(i % 4) + 1}`})` }} data-dash={i % 2 === 1 || undefined}>
                {one.label}
              </span>
            ))
          : null}
      </figcaption>
      <div role="img" aria-label={`${label}: ${newest}`} style={{ height }}>
        <Suspense fallback={null}>
          <Plot {...props} />
        </Suspense>
      </div>
    </figure>
  );
}

/** A line without axes, as tall as the text beside it: from 0 on, or with `fit` from the lowest value to the highest. */
export function Sparkline({ values, label, max, fit }: { values: readonly number[]; label: string; max?: number; fit?: boolean }) {
  const low = fit && values.length ? Math.min(...values) : Math.min(0, ...values);
  const top = Math.max(fit ? -Infinity : (max ?? 0), ...values, low + 1e-9);
  const at = (value: number, i: number) => `${values.length > 1 ? (i * 100) / (values.length - 1) : 100},${(22 - (20 * (value - low)) / (top - low)).toFixed(1)}`;
  return (
    <svg className="k-spark" viewBox="0 0 100 24" preserveAspectRatio="none" role="img" aria-label={`${label}: ${values.at(-1) ?? 'none'}`}>
      {values.length > 1 && <polyline points={values.map(at).join(' ')} />}
    </svg>
  );
}
