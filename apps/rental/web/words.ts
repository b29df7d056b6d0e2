import type { SSEEventType } from '@freshet/client/compat/rental';
import { format, type Tone } from '@kit';
import type { RentalStatus } from './types';

/** The ten types of events in words. */
export const TYPES: readonly { type: SSEEventType; label: string }[] = [
  { type: 'rental_status_updated', label: 'Rentals' },
  { type: 'rental_overdue', label: 'Overdue' },
  { type: 'payment_received', label: 'Payments' },
  { type: 'maintenance_required', label: 'Maintenance' },
  { type: 'equipment_location_updated', label: 'Locations' },
  { type: 'timesheet_updated', label: 'Timesheets' },
  { type: 'payroll_processed', label: 'Payroll' },
  { type: 'leave_request_updated', label: 'Leave' },
  { type: 'system_notification', label: 'Notices' },
  { type: 'sync_progress', label: 'Sync' },
];

export const labelOf = (type: string): string => TYPES.find((one) => one.type === type)?.label ?? type;

export const money = (cents: number, currency: string): string => format.money(cents / 100, currency);
/** 7.5 h of minutes. */
export const hours = (minutes: number): string => `${format.number(minutes / 60, 2)} h`;
export const plural = (n: number, one: string, many = `${one}s`): string => `${format.number(n)} ${n === 1 ? one : many}`;

export const STATUS_TONE: Record<string, Tone> = {
  pending: 'info', confirmed: 'info', active: 'good', overdue: 'bad', completed: 'neutral', cancelled: 'neutral',
  submitted: 'info', approved: 'good', rejected: 'bad', paid: 'neutral', requested: 'info',
  available: 'good', reserved: 'info', rented: 'neutral', maintenance: 'warn',
  open: 'warn', done: 'neutral', suspended: 'bad',
};

/** Where a rental may go from here, as the rules have it. */
export const STEPS: Partial<Record<RentalStatus, readonly { to: RentalStatus; label: string }[]>> = {
  pending: [{ to: 'confirmed', label: 'Confirm' }, { to: 'cancelled', label: 'Cancel' }],
  confirmed: [{ to: 'active', label: 'Hand over' }, { to: 'cancelled', label: 'Cancel' }],
  active: [{ to: 'completed', label: 'Take back' }],
  overdue: [{ to: 'completed', label: 'Take back' }],
};

export type Work = 'rentals' | 'equipment' | 'hours' | 'people' | 'sync' | 'notices' | 'locate';
const WORK: Record<string, readonly Work[]> = {
  MANAGER: ['rentals', 'equipment', 'hours', 'people', 'sync', 'notices', 'locate'],
  DISPATCHER: ['rentals', 'equipment', 'sync', 'locate'],
  HR: ['hours', 'people', 'notices'],
};
/** What a role's buttons are; the server decides. */
export const may = (role: string, work: Work): boolean => WORK[role]?.includes(work) ?? false;
