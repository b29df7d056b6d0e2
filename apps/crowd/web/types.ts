/** What the server tells of a venue: GET /api/crowd-risk/state, and the events of the two streams. */
export type Level = 'normal' | 'warning' | 'high' | 'critical';
export type Severity = Exclude<Level, 'normal'>;
export type Corner = readonly [x: number, y: number];

export interface Thresholds {
  warning: number;
  high: number;
  critical: number;
  /** Share of a threshold that the density must fall below it by. */
  hysteresis: number;
  holdMs: number;
  releaseMs: number;
}

export interface Zone {
  id: string;
  name: string;
  kind: 'gate' | 'way' | 'place';
  camera: string;
  cameraName: string;
  corners: readonly Corner[];
  areaM2: number;
  thresholds: Thresholds;
  /** `null`: nobody has counted yet. */
  people: number | null;
  density: number;
  level: Level;
  source: 'camera' | 'manual' | 'test' | null;
  changedAt: number | null;
}

/** The data of a `density` event. */
export interface Reading {
  zoneId: string;
  zoneName: string;
  people: number;
  areaM2: number;
  density: number;
  level: Level;
  source: 'camera' | 'manual' | 'test';
  timestamp: number;
}

/** The data of an `alert` event: an alert as it stands. */
export interface Alert {
  id: number;
  zoneId: string;
  zoneName: string;
  severity: Severity;
  status: 'active' | 'acknowledged' | 'resolved';
  message: string;
  density: number;
  peak: number;
  threshold: number;
  origin: 'rule' | 'hand';
  test: boolean;
  raisedAt: number;
  acknowledgedAt: number | null;
  acknowledgedBy: string | null;
  resolvedAt: number | null;
  resolvedBy: string | null;
}

/** The data of an `emergency` event, which is `null` when it is over. */
export interface Emergency {
  id: number;
  status: 'proposed' | 'active';
  reason: string;
  automatic: boolean;
  test: boolean;
  proposedAt: number | null;
  enteredAt: number | null;
  enteredBy: string | null;
}

export interface RunningTest {
  zoneId: string;
  kind: 'violation' | 'breach';
  level: Severity;
  beganAt: number;
  endsAt: number;
  startedBy: string;
}

export interface VenueState {
  venue: {
    id: string;
    name: string;
    width: number;
    depth: number;
    enterZones: number;
    enterDensity: number;
    proposeZones: number;
    proposeAfterMs: number;
    automatic: boolean;
  };
  zones: readonly Zone[];
  fixtures: readonly { name: string; corners: readonly Corner[] }[];
  passages: readonly { a: string; b: string; width: number; x: number; y: number }[];
  openAlerts: readonly Alert[];
  recentAlerts: readonly Alert[];
  emergency: Emergency | null;
  tests: readonly RunningTest[];
}

/** The data of a `delivery-test` event. */
export interface Probe {
  run: string;
  number: number;
  of: number;
  timestamp: number;
}

export const LEVELS: readonly Level[] = ['normal', 'warning', 'high', 'critical'];
export const SEVERITIES: readonly Severity[] = ['warning', 'high', 'critical'];
export const rank = (level: Level) => LEVELS.indexOf(level);
