/** What the endpoints below /api/companies answer. Money is cents, scores and shares are 0 to 1. */
export const DIMENSIONS = ['confidence', 'belonging', 'language', 'job_readiness', 'well_being'] as const;
export type Dimension = (typeof DIMENSIONS)[number];

export const dimensionLabel = (dimension: string | null): string =>
  dimension === null ? 'No dimension' : (dimension[0]!.toUpperCase() + dimension.slice(1)).replace('_', ' ').replace('Well being', 'Well-being');

export interface Company {
  id: string;
  name: string;
  currency: string;
}

export interface Period {
  from: string;
  to: string;
}

export interface Sroi {
  period: Period;
  value: number | null;
  hours: number;
  hoursCents: number;
  outcomeCents: number;
  socialCents: number;
  investmentCents: number;
  dimensions: { dimension: Dimension; people: number; cents: number }[];
  trend: Month[];
}

export interface Month {
  month: string;
  hours: number;
  socialCents: number;
  investmentCents: number;
}

export interface Vis {
  period: Period;
  value: number | null;
  grade: 'outstanding' | 'strong' | 'developing' | 'early' | '';
  volunteers: number;
  hours: { score: number; each: number; target: number };
  consistency: { score: number; weeks: number; of: number };
  outcome: { score: number; lift: number; pairs: number };
}

export interface Counts {
  volunteers: number;
  hours: number;
  activities: number;
  participants: number;
  completed: number;
  evidence: number;
}

export interface Glance {
  period: Period;
  now: Counts;
  before: Counts;
  evidenceInReview: number;
  reportsReady: number;
  reportsUnderWay: number;
}

export interface Outcomes {
  people: number;
  dimensions: { dimension: Dimension; people: number; before: number; after: number; lift: number }[];
}

export interface Reading {
  id: number;
  day: string;
  phase: 'before' | 'after';
  text: string;
  dimension: Dimension | null;
  score: number;
  confidence: number;
  activity: string;
}

export interface Q2Q {
  period: Period;
  outcomes: Outcomes;
  items: Reading[];
}

export type EvidenceStatus = 'new' | 'classified' | 'review' | 'verified' | 'rejected';

export interface Evidence {
  id: number;
  kind: 'quote' | 'observation' | 'document';
  text: string;
  day: string;
  status: EvidenceStatus;
  dimension: Dimension | null;
  score: number | null;
  confidence: number | null;
  activity: string;
}

export interface EvidenceFigures {
  counts: Record<EvidenceStatus | 'total', number>;
  dimensions: { dimension: Dimension; count: number }[];
}

export interface EvidencePage extends EvidenceFigures {
  items: Evidence[];
  more: boolean;
}

export type ReportStatus = 'queued' | 'running' | 'ready' | 'failed';

export interface ReportRow {
  id: number;
  period: string;
  status: ReportStatus;
  done: number;
  reason: string | null;
  createdMs: number;
  endedMs: number | null;
}

export interface ReportQueue {
  sections: number;
  reports: ReportRow[];
}

export interface Report extends ReportRow {
  company: string;
  content: { sroi?: Sroi; vis?: Vis; outcomes?: Outcomes; evidence?: EvidenceFigures };
}

export interface Activity {
  id: number;
  title: string;
  day: string;
  placesLeft: number;
  minutesLeft: number;
}

export interface Unanswered {
  activityId: number;
  activity: string;
  participant: string;
}

/** What `/sse/stats` tells of connections. */
export interface Stats {
  totalConnections: number;
  connectionsByCompany: Record<string, number>;
  connectionsByChannel: Record<string, number>;
  connectionsByTransport: Record<string, number>;
  historySize: number;
  eventsFailed: number;
}
