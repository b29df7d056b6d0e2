import type { Alert, CapacityUpdate, Violation } from '@freshet/client/compat/parking';

/** Times are ISO texts of UTC, so that they compare as texts. */
export interface Lot {
  parkingLotId: string;
  name: string;
  address: string;
  totalSlots: number;
  occupied: number;
  empty: number;
  occupancyRate: number;
  timestamp: string;
  warnPercent: number;
  cameras: number;
}

export interface AlertRow extends Omit<Alert, 'createdAt' | 'contractorId'> {
  contractorId?: string | null;
  createdAt: string;
  changedBy?: string | null;
}

export interface ViolationRow extends Omit<Violation, 'timestamp'> {
  timestamp: string;
  plateNumber?: string | null;
  changedBy?: string | null;
}

export interface GateEvent {
  parkingLotId: string;
  event: 'vehicle_entry' | 'vehicle_exit';
  plateNumber: string;
  contractorId?: string | null;
  timestamp: string;
  /** Seconds; none of an entry, or when nobody saw it come. */
  duration?: number | null;
}

export interface Vehicle {
  plateNumber: string;
  contractorId: string;
  /** `null`: outside. */
  parkingLotId: string | null;
}

export interface Contractor {
  _id: string;
  name: string;
  rate?: number;
  penaltiesOpen?: number;
  penaltiesSettled?: number;
  violationsOpen?: number;
}

export interface Allocation {
  contractorId: string;
  parkingLotId: string;
  capacity: number;
  maxStayMinutes: number;
}

export interface Device {
  _id: string;
  kind: 'camera' | 'gate';
  name: string;
  lastSeen: string | null;
  offline: boolean;
}

/** What a page asked for; each asks for the parts that it shows. */
export interface Data {
  operator: { name: string; currency: string };
  lots: readonly Lot[];
  contractors: readonly Contractor[];
  fleet: readonly Vehicle[];
  totals: { alertsOpen: number; violationsOpen: number; penaltiesOpen: number; asOf: string };
  alerts?: readonly AlertRow[];
  violations?: readonly ViolationRow[];
  gateEvents?: readonly GateEvent[];
  today?: { entries: number; exits: number; stays: number; staySeconds: number };
  allocations?: readonly Allocation[];
  devices?: readonly Device[];
  counts?: readonly { at: string; occupied: number }[];
  /** The vehicle of a contractor that came into a lot last: a violation's event does not name it. */
  entered?: Readonly<Record<string, string>>;
}

/** An event of the stream, its dates as texts again. */
export type Told =
  | { type: 'capacity_update'; data: Omit<CapacityUpdate, 'timestamp'> & { timestamp: string } }
  | { type: 'alert'; data: AlertRow }
  | { type: 'violation'; data: ViolationRow };

export const LIST_MAX = 100;
const STAGES: Record<string, number> = { active: 0, pending: 0, acknowledged: 1, resolved: 2 };
const stage = (status: string) => STAGES[status] ?? 0;
export const isOpen = ({ status }: { status: string }): boolean => status !== 'resolved';

/** Puts `row` in place of the one with its id, or first. */
function put<Row extends { _id: string }>(rows: readonly Row[], row: Row): readonly Row[] {
  return rows.some(({ _id }) => _id === row._id)
    ? rows.map((one) => (one._id === row._id ? { ...one, ...row } : one))
    : [row, ...rows].slice(0, LIST_MAX);
}

function moved(fleet: readonly Vehicle[], { event, plateNumber, parkingLotId }: Extract<Told, { type: 'capacity_update' }>['data']): readonly Vehicle[] {
  if (!event || !fleet.some((one) => one.plateNumber === plateNumber)) return fleet;
  return fleet.map((one) => (one.plateNumber === plateNumber ? { ...one, parkingLotId: event === 'vehicle_entry' ? parkingLotId : null } : one));
}

function capacity(data: Data, told: Extract<Told, { type: 'capacity_update' }>['data']): Data {
  const { parkingLotId, totalSlots, occupied, empty, occupancyRate, timestamp, event, plateNumber, duration } = told;
  const lot = data.lots.find((one) => one.parkingLotId === parkingLotId);
  if (!lot || timestamp <= lot.timestamp) return data; // it is in what was fetched
  const next: Data = {
    ...data,
    lots: data.lots.map((one) => (one === lot ? { ...one, totalSlots, occupied, empty, occupancyRate, timestamp } : one)),
    fleet: moved(data.fleet, told),
  };
  if (data.counts) next.counts = [...data.counts, { at: timestamp, occupied }].slice(-2000);
  if (!event || !plateNumber) return next;
  const contractorId = data.fleet.find((one) => one.plateNumber === plateNumber)?.contractorId ?? null;
  if (contractorId && event === 'vehicle_entry') next.entered = { ...data.entered, [`${contractorId} ${parkingLotId}`]: plateNumber };
  if (data.gateEvents)
    next.gateEvents = [{ parkingLotId, event, plateNumber, contractorId, timestamp, duration: duration ?? null }, ...data.gateEvents].slice(0, LIST_MAX);
  if (data.today)
    next.today = {
      entries: data.today.entries + Number(event === 'vehicle_entry'),
      exits: data.today.exits + Number(event === 'vehicle_exit'),
      stays: data.today.stays + Number(duration !== undefined),
      staySeconds: data.today.staySeconds + (duration ?? 0),
    };
  return next;
}

/** Whether it says something that isn't known: status only moves forward, and what is older than the fetch and not in it has been left out. */
function isNews(known: { status: string } | undefined, told: { status: string }, madeAt: string, asOf: string): boolean {
  return known ? stage(told.status) >= stage(known.status) : madeAt >= asOf;
}

function alert(data: Data, told: AlertRow): Data {
  const alerts = data.alerts ?? [];
  const known = alerts.find(({ _id }) => _id === told._id);
  if (!isNews(known, told, told.createdAt, data.totals.asOf)) return data;
  const alertsOpen = data.totals.alertsOpen + Number(isOpen(told)) - Number(known ? isOpen(known) : false);
  return { ...data, alerts: put(alerts, told), totals: { ...data.totals, alertsOpen } };
}

/** A contractor's penalties move with its violations. */
function owed(contractors: readonly Contractor[], known: ViolationRow | undefined, told: ViolationRow): readonly Contractor[] {
  const of = (row: ViolationRow | undefined, open: boolean) => (row && isOpen(row) === open ? row.penalty : 0);
  return contractors.map((one) =>
    one._id === told.contractorId && one.penaltiesOpen !== undefined
      ? {
          ...one,
          penaltiesOpen: one.penaltiesOpen + of(told, true) - of(known, true),
          penaltiesSettled: (one.penaltiesSettled ?? 0) + of(told, false) - of(known, false),
          violationsOpen: (one.violationsOpen ?? 0) + Number(isOpen(told)) - Number(known ? isOpen(known) : false),
        }
      : one,
  );
}

function violation(data: Data, told: ViolationRow): Data {
  const violations = data.violations ?? [];
  const known = violations.find(({ _id }) => _id === told._id);
  if (!isNews(known, told, told.timestamp, data.totals.asOf)) return data;
  if (known && stage(known.status) === stage(told.status) && told.penalty < known.penalty) return data; // an earlier state of it
  const { totals } = data;
  // the entry that caused it is the event before it
  const plateNumber = !known && told.violationType === 'unauthorized_vehicle' ? data.entered?.[`${told.contractorId} ${told.parkingLotId}`] : undefined;
  return {
    ...data,
    violations: put(violations, plateNumber ? { ...told, plateNumber } : told),
    contractors: owed(data.contractors, known, told),
    totals: {
      ...totals,
      violationsOpen: totals.violationsOpen + Number(isOpen(told)) - Number(known ? isOpen(known) : false),
      penaltiesOpen: totals.penaltiesOpen + (isOpen(told) ? told.penalty : 0) - (known && isOpen(known) ? known.penalty : 0),
    },
  };
}

/** What a page knows after an event. The same object when it knew already. */
export function after(data: Data, told: Told): Data {
  if (told.type === 'capacity_update') return capacity(data, told.data);
  return told.type === 'alert' ? alert(data, told.data) : violation(data, told.data);
}

export const nameOf = (data: Data, lot: string): string => data.lots.find(({ parkingLotId }) => parkingLotId === lot)?.name ?? lot;
export const contractorOf = (data: Data, id: string): string => data.contractors.find(({ _id }) => _id === id)?.name ?? id;
export const present = (data: Data, contractor: string, lot: string): number =>
  data.fleet.filter((one) => one.contractorId === contractor && one.parkingLotId === lot).length;
/** Cameras of a lot that don't report, by the alerts that say so. */
export const blind = (data: Data, lot: string): number =>
  (data.alerts ?? []).filter((one) => one.type === 'camera_offline' && one.parkingLotId === lot && isOpen(one)).length;
