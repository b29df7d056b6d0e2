/** What GET /v1/stats says, as far as the console reads it. */
export interface Stats {
  totalConnections: number;
  polls: number;
  maxConnections: number;
  historySize: number;
  historyBytes: number;
  channels: number;
  tenants: number;
  eventsPublished: number;
  eventsDelivered: number;
  eventsRefused: number;
  eventsFailed: number;
  laggingConnections: number;
  connectionsOpened: number;
  reconnects: number;
  reconnectRate: number;
  connectionsRefused: number;
  gaps: number;
  storeBytes: number;
  storeCommits: number;
  storeErrors: number;
  queueEvents: number;
  latencyP50Ms: number;
  latencyP99Ms: number;
  bytesPerConnection: number;
  memoryBytes: number;
  uptimeSeconds: number;
  version: string;
  connectionsByTransport: Record<string, number>;
}

/** One reading of the hub. `at` in ms since 1970. */
export interface Sample {
  at: number;
  stats: Stats;
}

/** Readings are kept for 15 minutes, in ms. */
export const WINDOW_MS = 15 * 60 * 1000;

/** Above these, the overview warns. */
export const RECONNECT_WARN = 0.1;
export const CAPACITY_WARN = 0.8;

/** `samples` with one more, without what is older than the window. */
export function keep(samples: readonly Sample[], next: Sample): Sample[] {
  return [...samples.filter((sample) => sample.at > next.at - WINDOW_MS), next];
}

/** What a counter grew by a second between two readings; null where the hub was restarted between. */
export function perSecond(a: Sample | undefined, b: Sample | undefined, counter: 'eventsPublished' | 'eventsDelivered'): number | null {
  if (!a || !b) return null;
  const seconds = b.stats.uptimeSeconds - a.stats.uptimeSeconds;
  const grown = b.stats[counter] - a.stats[counter];
  return seconds > 0 && grown >= 0 ? grown / seconds : null;
}

/** The part of opened streams that were reconnects: over the samples, or since start where none was opened. */
export function reconnectRate(samples: readonly Sample[]): number {
  const first = samples[0]?.stats;
  const last = samples.at(-1)?.stats;
  if (!first || !last) return 0;
  const opened = last.connectionsOpened - first.connectionsOpened;
  if (opened <= 0 || last.uptimeSeconds < first.uptimeSeconds) return last.reconnectRate;
  return (last.reconnects - first.reconnects) / opened;
}

/** Used part of the connections that may be open; null where there is no limit. */
export function capacity({ totalConnections, maxConnections }: Stats): number | null {
  return maxConnections > 0 ? totalConnections / maxConnections : null;
}

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const one = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });

/** 12,345; below 100 with one decimal where it has one. */
export function number(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  return (Math.abs(value) < 100 ? one : whole).format(value);
}

/** 1.5 MiB */
export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let at = 0;
  while (value >= 1024 && at < units.length - 1) {
    value /= 1024;
    at++;
  }
  return `${number(value)} ${units[at]!}`;
}

/** 7.4 %; null as a dash. */
export function percent(value: number | null): string {
  return value === null ? '–' : `${one.format(value * 100)} %`;
}

/** 45 s, 12 min, 3 h 20 min, 5 d 4 h. Seconds in. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  const m = Math.floor(s / 60);
  if (m < 60) return `${m} min`;
  const h = Math.floor(m / 60);
  if (h < 24) return m % 60 ? `${h} h ${m % 60} min` : `${h} h`;
  return h % 24 ? `${Math.floor(h / 24)} d ${h % 24} h` : `${Math.floor(h / 24)} d`;
}

const pad = (n: number, to = 2) => String(n).padStart(to, '0');

/** 14:03:07.120, of this day; with the date on others. */
export function clock(ms: number | null, now = Date.now()): string {
  if (ms === null) return '–';
  const d = new Date(ms);
  const time = `${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}.${pad(d.getMilliseconds(), 3)}`;
  if (d.toDateString() === new Date(now).toDateString()) return time;
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())} ${time}`;
}
