const numbers = new Map<string, Intl.NumberFormat>();

function formatter(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = JSON.stringify(options);
  let found = numbers.get(key);
  if (!found) numbers.set(key, (found = new Intl.NumberFormat('en-GB', options)));
  return found;
}

type Moment = number | string | Date;
const two = (n: number) => String(n).padStart(2, '0');

/** What people read. `null` and `undefined` are a dash; moments are unix milliseconds, ISO texts or dates. */
export const format = {
  /** 1,234.5; at most `digits` decimals (default 1). */
  number: (value: number | null | undefined, digits = 1): string =>
    value === null || value === undefined || Number.isNaN(value) ? '–' : formatter({ maximumFractionDigits: digits }).format(value),
  /** Whole units of a currency where there are no cents: €1,250 and €12.50. */
  money: (value: number | null | undefined, currency = 'EUR'): string =>
    value === null || value === undefined || Number.isNaN(value)
      ? '–'
      : formatter({ style: 'currency', currency, minimumFractionDigits: Number.isInteger(value) ? 0 : 2, maximumFractionDigits: 2 }).format(value),
  /** A share: 0.123 is 12.3 %. */
  percent: (share: number | null | undefined, digits = 0): string =>
    share === null || share === undefined || Number.isNaN(share) ? '–' : `${formatter({ maximumFractionDigits: digits }).format(share * 100)} %`,
  /** The clock, 12:03:10. A moving "3 s ago" would be a number that changes by itself: pages show this. */
  time: (moment: Moment | null | undefined): string => {
    if (moment === null || moment === undefined) return '–';
    const date = new Date(moment);
    return Number.isNaN(date.getTime()) ? '–' : `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  },
  /** Day and clock without seconds, Wed 21 Jan 09:30. */
  day: (moment: Moment | null | undefined): string => {
    if (moment === null || moment === undefined) return '–';
    const date = new Date(moment);
    return Number.isNaN(date.getTime())
      ? '–'
      : `${date.toLocaleDateString('en-GB', { weekday: 'short', day: 'numeric', month: 'short' })} ${two(date.getHours())}:${two(date.getMinutes())}`;
  },
  /** 3 s ago, 12 min ago, 5 h ago, 2 d ago. Only where somebody asked for it: see `time`. */
  ago: (moment: Moment, now: number = Date.now()): string => `${format.duration(Math.max(0, now - new Date(moment).getTime()))} ago`,
  /** Milliseconds as the two units that matter: 850 ms, 12 s, 3 min 20 s, 5 h 10 min, 2 d 4 h. */
  duration: (ms: number): string => {
    const s = Math.round(ms / 1000);
    if (ms < 1000) return `${Math.round(ms)} ms`;
    if (s < 60) return `${s} s`;
    const pair = (big: number, one: string, small: number, other: string) => (small ? `${big} ${one} ${small} ${other}` : `${big} ${one}`);
    if (s < 3600) return pair(Math.floor(s / 60), 'min', s % 60, 's');
    if (s < 86400) return pair(Math.floor(s / 3600), 'h', Math.floor((s % 3600) / 60), 'min');
    return pair(Math.floor(s / 86400), 'd', Math.floor((s % 86400) / 3600), 'h');
  },
};
